"""Entries of indexes: which items have one, what it holds, and that the order of its keys is that of their values."""

from __future__ import annotations

from base64 import b64decode, b64encode
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.model.indexes import IndexDefinition, build_index, decode_entry_key, entry_content, entry_of
from cdc.model.keys import KeySchema, encode_key, partition_prefix
from cdc.model.values import item_size, load_item, parse_item

TABLE = KeySchema("pk", "S", "sk", "N")
TYPES = {"pk": "S", "sk": "N", "a": "S", "b": "N", "c": "B", "d": "S"}
ITEM, _ = parse_item(
    {"pk": {"S": "p"}, "sk": {"N": "1"}, "a": {"S": "x"}, "b": {"N": "2"}, "c": {"B": "AA=="}, "v": {"NS": ["3", "1"]}}
)


def index_of(keys, projection="ALL", included=(), *, hashes=1, local=False):
    """Make an index on attributes of TYPES, the first `hashes` of which are the partition key."""
    schema = tuple((name, "HASH" if place < hashes else "RANGE") for place, name in enumerate(keys.split()))
    definition = IndexDefinition(
        name="i", local=local, key_schema=schema, projection=projection, non_key_attributes=tuple(included)
    )
    return build_index(1, definition, TYPES, TABLE, backfilling=False)


def entry(index, item):
    return entry_of(index, item, item_size(item), encode_key(TABLE, item))


@pytest.mark.parametrize(
    ("change", "has_entry"),
    [
        ({}, True),
        ({"a": None}, False),
        ({"b": None}, False),
        ({"a": {"N": "1"}}, False),
        ({"b": {"S": "1"}}, False),
        ({"b": {"NS": ["1"]}}, False),
        ({"a": {"S": ""}}, False),
        ({"c": {"B": ""}}, False),
        ({"a": {"S": "x" * 2048}}, True),
        ({"a": {"S": "x" * 2049}}, False),
        ({"a": {"S": "ä" * 1025}}, False),
        ({"c": {"B": b64encode(b"x" * 1020).decode()}}, True),
        ({"c": {"B": b64encode(b"x" * 1025).decode()}}, False),
    ],
)
def test_only_an_item_with_all_key_attributes_of_the_right_type_and_length_has_an_entry(change, has_entry):
    item = {name: value for name, value in {**ITEM, **change}.items() if value is not None}
    assert (entry(index_of("a b c"), item) is not None) == has_entry


def test_the_attributes_of_a_partition_key_are_bounded_in_sum():
    index = index_of("a d", hashes=2)
    half = {"S": "x" * 1024}
    assert entry(index, ITEM | {"a": half, "d": half}) is not None
    assert entry(index, ITEM | {"a": half, "d": {"S": "x" * 1025}}) is None


@pytest.mark.parametrize(
    ("projection", "included", "names"),
    [
        ("KEYS_ONLY", (), {"pk", "sk", "a", "b"}),
        ("INCLUDE", ("v", "absent"), {"pk", "sk", "a", "b", "v"}),
        ("INCLUDE", ("a", "pk", "c"), {"pk", "sk", "a", "b", "c"}),
    ],
)
def test_an_entry_holds_the_keys_and_what_is_included_and_is_as_large(projection, included, names):
    index = index_of("a b", projection, included)
    found = entry(index, ITEM)
    held = {name: ITEM[name] for name in names}
    assert load_item(entry_content(index, found.key, found.included)) == held
    assert found.size == item_size(held)
    assert all(index.holds(name) for name in names)
    assert not index.holds("elsewhere")


def test_an_entry_of_all_attributes_is_the_item():
    index = index_of("a")
    assert entry(index, ITEM)[1:] == (item_size(ITEM), None)
    assert index.holds("elsewhere")


TEXT = st.text("\x00\x01a\x7f\u00ffb\U0010ffff", min_size=1, max_size=4)
NUMBER = st.decimals(-1000, 1000, places=2).map(lambda number: str(number.normalize()))
BINARY = st.binary(min_size=1, max_size=4)


@st.composite
def items(draw):
    raw = {"a": {"S": draw(TEXT)}, "b": {"N": draw(NUMBER)}, "c": {"B": b64encode(draw(BINARY)).decode()}}
    return parse_item(raw | {"pk": {"S": draw(TEXT)}, "sk": {"N": draw(NUMBER)}, "d": {"S": draw(TEXT)}})[0]


@given(items())
def test_the_keys_are_read_back_from_an_entrys_key(item):
    for index in (index_of("a b c"), index_of("a b c d", hashes=4), index_of("pk c", local=True), index_of("sk pk")):
        wanted = {name: item[name] for name in index.key_names}
        assert decode_entry_key(index, entry(index, item).key) == wanted


@given(items(), items())
def test_entries_of_one_partition_lie_in_the_order_of_their_sort_keys_then_of_their_items(one, other):
    index = index_of("pk a b c", local=True)
    other = other | {"pk": one["pk"]}

    def order(item):
        values = (item["a"]["S"].encode(), Decimal(item["b"]["N"]), _raw(item["c"]), Decimal(item["sk"]["N"]))
        return values, entry(index, item).key

    (mine, my_key), (theirs, their_key) = order(one), order(other)
    assert (mine < theirs) == (my_key < their_key)
    assert (mine == theirs) == (my_key == their_key)


def _raw(value):
    return b64decode(value["B"])


@given(items(), items())
def test_a_partition_of_several_attributes_holds_its_own_entries_and_no_others(one, other):
    index = index_of("a d", hashes=2)
    same = all(one[name] == other[name] for name in ("a", "d"))
    length = 4 + sum(2 + len(one[name]["S"].encode()) for name in ("a", "d"))
    assert (entry(index, other).key.startswith(entry(index, one).key[:length])) == same


@given(items())
def test_a_local_index_keeps_an_item_in_its_tables_partition(item):
    assert entry(index_of("pk b", local=True), item).key.startswith(partition_prefix(TABLE, item["pk"]))


def test_entries_with_one_index_key_are_told_apart_by_the_items_own():
    index = index_of("a")
    assert entry(index, ITEM).key != entry(index, ITEM | {"sk": {"N": "2"}}).key
