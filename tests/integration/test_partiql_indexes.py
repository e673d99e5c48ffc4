"""SELECT from secondary indexes over the wire, and what other statements say to an index."""

from __future__ import annotations

import pytest

from tests.integration.tables import create, n, s
from tests.table_definitions import index

OOMPV = "One or more parameter values were invalid: "
TIES = 12


@pytest.fixture(scope="module")
def table(wire):
    """Create a table whose items share index keys; every third has no sort key in the global indexes."""
    name = create(
        wire,
        "pk:S sk:N",
        others="g:S r:N l:S h:S",
        local=[index("loc", "pk l", "KEYS_ONLY")],
        global_=[index("glo", "g r"), index("some", "g r", ["v"]), index("multi", "g h r", "KEYS_ONLY", hashes=2)],
    )
    for number in range(TIES):
        item = {"pk": s(f"p{number % 2}"), "sk": n(number), "g": s("same" if number % 2 else "other"), "h": s("h")}
        item |= {"l": s(f"l{number % 3}"), "v": n(number), "w": s("w")}
        wire.call("PutItem", TableName=name, Item=item | ({"r": n(number % 4)} if number % 3 else {}))
    return name


def request_of(table, statement, **more):
    return {"Statement": statement.replace("{t}", f'"{table}"'), **more}


def select(wire, table, statement, limit=None, **more):
    """Read all pages of a SELECT; return its items and the number of pages."""
    request = request_of(table, statement, **more) | ({} if limit is None else {"Limit": limit})
    items, pages = [], 0
    while True:
        page = wire.call("ExecuteStatement", **request)
        items += page["Items"]
        pages += 1
        if "NextToken" not in page:
            return items, pages
        request["NextToken"] = page["NextToken"]


def numbers(items):
    return [int(item["sk"]["N"]) for item in items]


SAME = [number for number in range(TIES) if number % 2 and number % 3]
OTHER = [number for number in range(TIES) if not number % 2 and number % 3]


def by_sort_key(wanted):
    return sorted(wanted, key=lambda number: number % 4)


@pytest.mark.parametrize("limit", [1, 3, None])
@pytest.mark.parametrize(
    ("rest", "wanted"),
    [
        ("glo WHERE g = 'same'", SAME),
        ("glo WHERE g = 'same' AND r = 1", [number for number in SAME if number % 4 == 1]),
        ("glo WHERE g = 'other' AND r BETWEEN 1 AND 3", [number for number in OTHER if number % 4]),
        ("glo WHERE g IN ('same', 'other')", SAME + OTHER),
        ("glo", SAME + OTHER),
        ("glo WHERE pk = 'p1' AND sk > 5", [number for number in SAME if number > 5]),
        ("glo WHERE g = 'same' AND w = 'w' AND v > 5", [number for number in SAME if number > 5]),
        ("multi WHERE g = 'same' AND h = 'h' AND r >= 3", [number for number in SAME if number % 4 >= 3]),
        ("multi WHERE g = 'same'", SAME),
        ("multi WHERE g = 'same' AND h = 1", []),
        ("loc WHERE pk = 'p0' AND l = 'l1'", [number for number in range(TIES) if not number % 2 and number % 3 == 1]),
        ("loc WHERE pk = 'p0' AND begins_with(l, 'l')", [number for number in range(TIES) if not number % 2]),
    ],
)
def test_an_index_is_read_in_pages_that_show_every_entry_once(wire, table, rest, wanted, limit):
    items, _ = select(wire, table, f"SELECT * FROM {{t}}.{rest}", limit)
    assert sorted(numbers(items)) == sorted(wanted)


@pytest.mark.parametrize("limit", [1, 4, None])
def test_entries_come_in_the_order_of_the_index_also_across_partitions(wire, table, limit):
    one, _ = select(wire, table, "SELECT * FROM {t}.glo WHERE g = 'same' ORDER BY r DESC", limit)
    assert [int(item["r"]["N"]) for item in one] == sorted((number % 4 for number in SAME), reverse=True)
    statement = "SELECT * FROM {t}.glo WHERE g IN ('same', 'other') ORDER BY r"
    both, _ = select(wire, table, statement, limit)
    assert [int(item["r"]["N"]) for item in both] == sorted(number % 4 for number in SAME + OTHER)
    assert sorted(numbers(both)) == sorted(SAME + OTHER)


def test_what_an_index_carries_comes_back(wire, table):
    [item] = select(wire, table, "SELECT * FROM {t}.some WHERE g = 'same' AND sk = 5")[0]
    assert item == {"pk": s("p1"), "sk": n(5), "g": s("same"), "r": n(1), "v": n(5)}
    [item] = select(wire, table, "SELECT * FROM {t}.loc WHERE pk = 'p1' AND sk = 5")[0]
    assert item == {"pk": s("p1"), "sk": n(5), "l": s("l2")}
    assert select(wire, table, "SELECT w FROM {t}.loc WHERE pk = 'p1' AND sk = 5")[0] == [{"w": s("w")}]


def test_a_key_condition_reads_what_it_returns_not_the_index(wire, table):
    reading = {"ReturnConsumedCapacity": "INDEXES", "ConsistentRead": True}
    page = wire.call("ExecuteStatement", **request_of(table, "SELECT * FROM {t}.loc WHERE pk = 'p1'", **reading))
    arm = {"CapacityUnits": 1}
    assert page["ConsumedCapacity"] == {
        "TableName": table,
        "CapacityUnits": 1,
        "Table": {"CapacityUnits": 0},
        "LocalSecondaryIndexes": {"loc": arm},
    }
    fetching = request_of(table, "SELECT w FROM {t}.loc WHERE pk = 'p1' AND l = 'l0'", **reading)
    capacity = wire.call("ExecuteStatement", **fetching)["ConsumedCapacity"]
    assert (capacity["Table"], capacity["LocalSecondaryIndexes"]) == ({"CapacityUnits": 2}, {"loc": arm})


def test_a_scan_of_an_index_sees_what_it_does_not_carry_as_missing(wire, table):
    assert select(wire, table, "SELECT * FROM {t}.some WHERE w = 'w'")[0] == []
    missing, _ = select(wire, table, "SELECT * FROM {t}.some WHERE w IS MISSING")
    assert len(missing) == len(SAME + OTHER)
    assert select(wire, table, "SELECT w FROM {t}.loc WHERE w = 'w'")[0] == []
    keyed_by_or, _ = select(wire, table, "SELECT * FROM {t}.some WHERE g = 'same' OR w = 'w'")
    assert sorted(numbers(keyed_by_or)) == SAME


@pytest.mark.parametrize(
    ("statement", "more", "message"),
    [
        ("SELECT * FROM {t}.nowhere", {}, "The table does not have the specified index"),
        ("SELECT * FROM {t}.{t}", {}, "The table does not have the specified index"),
        (
            "SELECT * FROM {t}.glo",
            {"ConsistentRead": True},
            "Strongly consistent read is not supported on Global Secondary Indexes",
        ),
        ("SELECT w FROM {t}.some", {}, f"{OOMPV}Global secondary index some does not project [w]"),
        (
            "SELECT * FROM {t}.some WHERE g = 'same' AND NOT w = 'w'",
            {},
            f"{OOMPV}Secondary index some does not project one or more filter attributes: [w]",
        ),
        (
            "SELECT w FROM {t}.loc WHERE pk = 'p1' AND w = 'w'",
            {},
            f"{OOMPV}Secondary index loc does not project one or more filter attributes: [w]",
        ),
        (
            "SELECT * FROM {t}.glo WHERE g = 'same' ORDER BY sk",
            {},
            "Variable reference sk in ORDER BY clause must be part of the primary key",
        ),
        ("UPDATE {t}.glo SET v = 1 WHERE pk = 'a' AND sk = 1", {}, "This operation is not supported on an index"),
        ("DELETE FROM {t}.glo WHERE pk = 'a' AND sk = 1", {}, "This operation is not supported on an index"),
    ],
)
def test_a_statement_on_an_index_is_refused_with(wire, table, statement, more, message):
    assert wire.refusal("ExecuteStatement", request_of(table, statement, **more)).message == message


def test_a_token_is_of_its_index(wire, table):
    page = wire.call("ExecuteStatement", **request_of(table, "SELECT * FROM {t}.glo", Limit=1))
    request = request_of(table, "SELECT * FROM {t}.some", NextToken=page["NextToken"])
    assert wire.refusal("ExecuteStatement", request).message == "NextToken does not match request"


def test_what_statements_write_is_in_the_indexes_and_is_charged_there(wire):
    table = create(wire, "pk:S", others="g:S", global_=[index("glo", "g")])
    mode = {"ReturnConsumedCapacity": "INDEXES"}
    one = {"TableName": table, "CapacityUnits": 2, "Table": {"CapacityUnits": 1}}
    one |= {"GlobalSecondaryIndexes": {"glo": {"CapacityUnits": 1}}}
    inserted = wire.call("ExecuteStatement", **request_of(table, "INSERT INTO {t} VALUE {'pk': 'a', 'g': 'x'}", **mode))
    assert inserted["ConsumedCapacity"] == one
    assert select(wire, table, "SELECT pk FROM {t}.glo WHERE g = 'x'")[0] == [{"pk": s("a")}]
    moving = {"Statement": f"UPDATE \"{table}\" SET g = 'y' WHERE pk = 'a'"}
    moved = wire.call("BatchExecuteStatement", Statements=[moving], **mode)["ConsumedCapacity"]
    assert moved == [
        one | {"CapacityUnits": 3, "GlobalSecondaryIndexes": {"glo": {"CapacityUnits": 2}}},
    ]
    wrong = wire.refusal("ExecuteStatement", request_of(table, "UPDATE {t} SET g = 1 WHERE pk = 'a'"))
    assert wrong.message == f"{OOMPV}Type mismatch for Index Key g Expected: S Actual: N IndexName: glo"
    deleting = {"Statement": f"DELETE FROM \"{table}\" WHERE pk = 'a'"}
    deleted = wire.call("ExecuteTransaction", TransactStatements=[deleting], ReturnConsumedCapacity="TOTAL")
    assert deleted["ConsumedCapacity"] == [{"TableName": table, "CapacityUnits": 3, "WriteCapacityUnits": 3}]
    assert select(wire, table, "SELECT * FROM {t}.glo")[0] == []


def test_a_batch_does_not_read_an_index(wire, table):
    statement = {"Statement": f"SELECT * FROM \"{table}\".glo WHERE pk = 'p1' AND sk = 1"}
    [response] = wire.call("BatchExecuteStatement", Statements=[statement])["Responses"]
    assert response["Error"] == {
        "Code": "ValidationError",
        "Message": "Select statements within BatchExecuteStatement must specify the primary key in the where clause.",
    }


# --- legacy parameters


def compare(operator, *values):
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)}


@pytest.mark.parametrize("limit", [2, 100])
@pytest.mark.parametrize(
    ("name", "conditions", "wanted"),
    [
        ("glo", {"g": compare("EQ", s("same"))}, SAME),
        ("glo", {"g": compare("EQ", s("same")), "r": compare("GE", n(3))}, [each for each in SAME if each % 4 == 3]),
        (
            "multi",
            {"g": compare("EQ", s("same")), "h": compare("EQ", s("h")), "r": compare("BETWEEN", n(0), n(1))},
            [each for each in SAME if each % 4 < 2],
        ),
        ("loc", {"pk": compare("EQ", s("p0")), "l": compare("BEGINS_WITH", s("l1"))}, [4, 10]),
    ],
)
def test_key_conditions_query_an_index_in_pages(wire, table, name, conditions, wanted, limit):
    pages = list(wire.pages("Query", TableName=table, IndexName=name, KeyConditions=conditions, Limit=limit))
    assert sorted(numbers(item for page in pages for item in page["Items"])) == wanted


def test_legacy_filters_and_attributes_to_get_go_with_an_index(wire, table):
    same = {"g": compare("EQ", s("same"))}
    asked = {"TableName": table, "IndexName": "some"}
    queried = wire.call("Query", **asked, KeyConditions=same, QueryFilter={"v": compare("GT", n(5))})
    assert sorted(numbers(queried["Items"])) == [number for number in SAME if number > 5]
    scanned = wire.call("Scan", **asked, ScanFilter={"g": compare("EQ", s("other"))}, AttributesToGet=["sk"])
    assert sorted(numbers(scanned["Items"])) == OTHER
    assert all(item.keys() == {"sk"} for item in scanned["Items"])
    fetched = wire.call(
        "Query", TableName=table, IndexName="loc", KeyConditions={"pk": compare("EQ", s("p0"))}, AttributesToGet=["w"]
    )
    assert fetched["Items"] == [{"w": s("w")}] * (TIES // 2)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"KeyConditions": {"g": compare("EQ", s("x"))}, "AttributesToGet": ["w"]},
            f"{OOMPV}Global secondary index some does not project [w]",
        ),
        ({"KeyConditions": {"pk": compare("EQ", s("x"))}}, "Query condition missed key schema element: g"),
        (
            {"KeyConditions": {"g": compare("EQ", s("x"))}, "QueryFilter": {"r": compare("EQ", n(1))}},
            "QueryFilter can only contain non-primary key attributes: Primary key attribute: r",
        ),
        (
            {"KeyConditions": {"g": compare("CONTAINS", s("x"))}},
            "Attempted conditional constraint is not an indexable operation",
        ),
    ],
)
def test_a_legacy_query_of_an_index_is_refused_with(wire, table, more, message):
    assert wire.refusal("Query", {"TableName": table, "IndexName": "some", **more}).message == message


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (
            {"g": {"Value": n(1)}},
            f"{OOMPV}Type mismatch for Index Key g Expected: S Actual: N IndexName: glo",
        ),
        (
            {"g": {"Action": "ADD", "Value": n(1)}},
            f"{OOMPV}Type mismatch for Index Key g Expected: S Actual: N IndexName: glo",
        ),
        (
            {"g": {"Action": "DELETE", "Value": {"SS": ["x"]}}},
            f"{OOMPV}Type mismatch for Index Key g Expected: S Actual: SS IndexName: glo",
        ),
        (
            {"g": {"Value": s("")}},
            (
                "One or more parameter values are not valid. The update expression attempted to update a secondary index key "
                "to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty string value."
            ),
        ),
    ],
)
def test_attribute_updates_leave_index_keys_such_as_can_be_indexed(wire, table, update, message):
    request = {"TableName": table, "Key": {"pk": s("none"), "sk": n(0)}, "AttributeUpdates": update}
    assert wire.refusal("UpdateItem", request).message == message


def test_attribute_updates_and_expected_keep_the_index(wire):
    table = create(wire, "pk:S", others="g:N", global_=[index("glo", "g")])
    key = {"TableName": table, "Key": {"pk": s("a")}}
    for expected in ({"g": {"Exists": False}}, {"g": {"Value": n(2)}}):
        wire.call("UpdateItem", **key, Expected=expected, AttributeUpdates={"g": {"Action": "ADD", "Value": n(2)}})
    assert wire.call("Scan", TableName=table, IndexName="glo")["Items"] == [{"pk": s("a"), "g": n(4)}]
    wire.call("UpdateItem", **key, AttributeUpdates={"g": {"Action": "DELETE"}})
    assert wire.call("Scan", TableName=table, IndexName="glo")["Items"] == []
