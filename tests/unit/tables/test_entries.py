"""What a write makes of an item's entries, what it costs there, and the bound on items with local indexes."""

from __future__ import annotations

import pytest

from cdc.model.errors import ValidationException
from cdc.model.values import MAX_ITEM_BYTES, item_size
from cdc.tables.definitions import create_table, describe_table
from cdc.tables.entries import change_entries, check_local_sizes
from cdc.tables.write import put_item
from tests.table_definitions import definition, index

KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}
LARGE, HUGE = {"S": "x" * 1500}, {"S": "x" * 2500}


@pytest.fixture
def table(running):
    """Create the table of the spec's examples: a global index that includes some, a local one of everything."""
    described = definition(
        "pk:S sk:S",
        "g:S l:S",
        local=[index("loc", "pk l")],
        global_=[index("glo", "g", ["proj", "big"]), index("keys", "g sk", "KEYS_ONLY")],
    )
    running.run(create_table, TableName="tab", **described)
    return running.reader.view().catalog.tables["tab"]


@pytest.fixture
def units(running, table):
    """Bring an item from one image to another; give the units that its indexes consumed, by name."""

    def change(old, new):
        def run(transaction):
            before, after = [None if image is None else KEY | image for image in (old, new)]
            if before is not None:
                change_entries(transaction, table, b"\0\0\0\0\0\1p", 1, None, (before, item_size(before)))
            sized = [None if image is None else (image, item_size(image)) for image in (before, after)]
            return {each.name: cost for each, cost in change_entries(transaction, table, b"\0\0\0\0\0\1p", 1, *sized)}

        return running.writer.call(run)

    return change


IN_ALL = {"g": {"S": "a"}, "l": {"S": "b"}}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (None, {}, {}),
        (None, IN_ALL, {"glo": 1, "keys": 1, "loc": 1}),
        (None, {"g": {"S": "a"}}, {"glo": 1, "keys": 1}),
        (None, IN_ALL | {"big": LARGE}, {"glo": 2, "keys": 1, "loc": 2}),
        (None, IN_ALL | {"else": HUGE}, {"glo": 1, "keys": 1, "loc": 3}),
        (IN_ALL, IN_ALL | {"proj": {"S": "x"}}, {"glo": 1, "loc": 1}),
        (IN_ALL, IN_ALL | {"else": {"S": "x"}}, {"loc": 1}),
        (IN_ALL | {"big": HUGE}, IN_ALL | {"big": LARGE}, {"glo": 3, "loc": 3}),
        (IN_ALL | {"big": LARGE}, IN_ALL, {"glo": 2, "loc": 2}),
        (IN_ALL, IN_ALL | {"g": {"S": "other"}}, {"glo": 2, "keys": 2, "loc": 1}),
        (IN_ALL | {"big": LARGE}, IN_ALL | {"g": {"S": "other"}}, {"glo": 3, "keys": 2, "loc": 2}),
        (IN_ALL, {"l": {"S": "b"}}, {"glo": 1, "keys": 1, "loc": 1}),
        ({"l": {"S": "b"}}, IN_ALL, {"glo": 1, "keys": 1, "loc": 1}),
        ({}, {"v": {"S": "x"}}, {}),
        (IN_ALL | {"big": HUGE}, None, {"glo": 3, "keys": 1, "loc": 3}),
        ({}, None, {}),
    ],
)
def test_an_index_costs_what_is_written_in_it(units, old, new, expected):
    assert units(old, new) == expected


def test_an_overwrite_that_lists_a_set_in_another_order_touches_no_index(running, table):
    item = KEY | IN_ALL
    running.run(put_item, TableName=table.name, Item=item | {"proj": {"SS": ["a", "b"]}})
    again = item | {"proj": {"SS": ["b", "a"]}, "else": {"S": "x"}}
    answer = running.run(put_item, TableName=table.name, Item=again, ReturnConsumedCapacity="INDEXES")
    assert answer["ConsumedCapacity"].get("GlobalSecondaryIndexes") is None
    assert answer["ConsumedCapacity"]["LocalSecondaryIndexes"] == {"loc": {"CapacityUnits": 1}}


def test_an_item_and_its_entries_in_local_indexes_are_bounded_together(running):
    local = [index("one", "pk a"), index("two", "pk b", "KEYS_ONLY")]
    running.run(create_table, TableName="loc", **definition("pk:S sk:S", "a:S b:S", local=local))
    table = running.reader.view().catalog.tables["loc"]
    half = KEY | {"a": {"S": "x"}, "v": {"S": "x" * (MAX_ITEM_BYTES // 2 - 10)}}
    check_local_sizes(table, half, item_size(half), b"\0\0\0\0\0\1p", "no")
    for more in ({"b": {"S": "xxx"}}, {"w": {"S": "xx"}}):
        item = half | more
        with pytest.raises(ValidationException, match=r"^too large$"):
            check_local_sizes(table, item, item_size(item), b"\0\0\0\0\0\1p", "too large")
    without = {name: value for name, value in half.items() if name != "a"} | {"w": {"S": "x" * 9000}}
    check_local_sizes(table, without, item_size(without), b"\0\0\0\0\0\1p", "no")


@pytest.mark.usefixtures("table")
def test_a_refused_write_leaves_entries_as_they_are(running):
    running.run(put_item, TableName="tab", Item=KEY | IN_ALL)
    with pytest.raises(ValidationException):
        running.run(put_item, TableName="tab", Item=KEY | {"g": {"N": "1"}})
    described = running.run(describe_table, TableName="tab")["Table"]
    assert [each["ItemCount"] for each in described["GlobalSecondaryIndexes"]] == [1, 1]
