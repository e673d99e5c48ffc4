"""SELECT on a real file: a page, its token, and what it is charged."""

from __future__ import annotations

import pytest

from cdc.model.errors import ValidationException
from cdc.partiql.execute import execute_statement
from cdc.partiql.selecting import NO_SUCH_INDEX, NOT_CONSISTENT
from cdc.tables.definitions import create_table
from cdc.tables.write import put_item
from tests.table_definitions import definition, index

pytestmark = pytest.mark.usefixtures("table")


def test_a_page_ends_at_the_limit_and_its_token_goes_on(running):
    request = {
        "Statement": "SELECT sk FROM abc WHERE pk = 'a' AND v = 1",
        "Limit": 2,
        "ReturnConsumedCapacity": "TOTAL",
    }
    first = running.run(execute_statement, **request)
    assert first["Items"] == [{"sk": {"N": "1"}}]
    assert first["LastEvaluatedKey"] == {"pk": {"S": "a"}, "sk": {"N": "1"}}
    assert first["ConsumedCapacity"] == {"TableName": "abc", "CapacityUnits": 0.5}
    second = running.run(execute_statement, **request, NextToken=first["NextToken"])
    assert second["Items"] == [{"sk": {"N": "3"}}]
    third = running.run(execute_statement, **request, NextToken=second["NextToken"])
    assert third == {"Items": [], "ConsumedCapacity": {"TableName": "abc", "CapacityUnits": 0.5}}


def test_the_end_is_seen_before_the_limit(running):
    answer = running.run(execute_statement, Statement="SELECT * FROM abc WHERE pk = 'a'", Limit=5)
    assert (len(answer["Items"]), answer.keys()) == (4, {"Items"})


@pytest.fixture
def indexed(running):
    """Create a table `tab` of one item with an index of each kind, which carry keys alone."""
    indexes = {"local": [index("loc", "pk l", "KEYS_ONLY")], "global_": [index("glo", "g", "KEYS_ONLY")]}
    running.run(create_table, TableName="tab", **definition("pk:S sk:N", "g:S l:S", **indexes))
    item = {"pk": {"S": "a"}, "sk": {"N": "1"}, "g": {"S": "g"}, "l": {"S": "l"}, "v": {"N": "1"}}
    running.run(put_item, TableName="tab", Item=item)


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize(
    ("rest", "items"),
    [
        ("sk FROM tab.glo WHERE g = 'g'", [{"sk": {"N": "1"}}]),
        ("v FROM tab.loc WHERE pk = 'a'", [{"v": {"N": "1"}}]),
        ("v FROM tab.loc WHERE l = 'l'", [{"v": {"N": "1"}}]),
        ("v FROM tab.loc WHERE v = 1", []),
        ("sk FROM tab.glo WHERE v IS MISSING", [{"sk": {"N": "1"}}]),
    ],
)
def test_an_index_is_read_and_to_a_scan_lacks_what_it_does_not_carry(running, rest, items):
    assert running.run(execute_statement, Statement=f"SELECT {rest}")["Items"] == items


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize(
    ("rest", "consistent", "message"),
    [
        ("* FROM tab.tab", False, NO_SUCH_INDEX),
        ("* FROM tab.glo", True, NOT_CONSISTENT),
        ("v FROM tab.glo", False, "Global secondary index glo does not project [v]"),
        (
            "* FROM tab.loc WHERE pk = 'a' AND v = 1 AND w = 2",
            True,
            "Secondary index loc does not project one or more filter attributes: [v, w]",
        ),
    ],
)
def test_an_index_is_not_read_for_what_it_does_not_have(running, rest, consistent, message):
    with pytest.raises(ValidationException) as caught:
        running.run(execute_statement, Statement=f"SELECT {rest}", ConsistentRead=consistent)
    assert caught.value.message.removeprefix("One or more parameter values were invalid: ") == message
