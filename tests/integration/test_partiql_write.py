"""INSERT, UPDATE and DELETE over the wire: what they change, return, record and refuse."""

from __future__ import annotations

import pytest

from tests.integration.stream_reading import records_of
from tests.integration.tables import create, n, s

FAILED = ("ConditionalCheckFailedException", "The conditional request failed")
INVALID = "One or more parameter values were invalid: "


@pytest.fixture(scope="module")
def table(wire):
    return create(wire, "pk:S", stream="NEW_AND_OLD_IMAGES")


def execute(wire, statement, *parameters, **request):
    if parameters:
        request["Parameters"] = list(parameters)
    return wire.call("ExecuteStatement", Statement=statement, **request)


def refusal(wire, statement, **request):
    refused = wire.refusal("ExecuteStatement", {"Statement": statement, **request})
    return refused.code, refused.message


def read(wire, table, key):
    return wire.call("GetItem", TableName=table, Key={"pk": s(key)}, ConsistentRead=True).get("Item")


def put(wire, table, key, **attributes):
    item = {"pk": s(key), **attributes}
    wire.call("PutItem", TableName=table, Item=item)
    return item


# --- INSERT


def test_an_item_is_inserted_once(wire, table):
    statement = (
        f"INSERT INTO \"{table}\" VALUE {{'pk': 'in', 'n': 1.50, 's': <<'b', 'a'>>, 'l': [1, ?], 'x': {{'y': NULL}}}}"
    )
    assert execute(wire, statement, {"B": "eA=="}) == {"Items": []}
    item = {
        "pk": s("in"),
        "n": n("1.5"),
        "s": {"SS": ["a", "b"]},
        "l": {"L": [n(1), {"B": "eA=="}]},
        "x": {"M": {"y": {"NULL": True}}},
    }
    assert read(wire, table, "in") == item
    again = f"INSERT INTO {table} VALUE {{'pk': 'in'}}"
    assert refusal(wire, again) == ("DuplicateItemException", "Duplicate primary key exists in table")
    assert read(wire, table, "in") == item
    execute(wire, f"DELETE FROM {table} WHERE pk = 'in'")
    execute(wire, again)
    assert read(wire, table, "in") == {"pk": s("in")}


def test_an_item_may_come_as_one_parameter(wire, table):
    execute(wire, f"INSERT INTO {table} VALUE ?", {"M": {"pk": s("whole"), "n": n("1.0")}})
    assert read(wire, table, "whole") == {"pk": s("whole"), "n": n(1)}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("{'a': 1}", f"{INVALID}Missing the key pk in the item"),
        ("{'pk': 1}", f"{INVALID}Type mismatch for key pk expected: S actual: N"),
        ("{'pk': 'a', 's': <<>>}", f"{INVALID}An string set  may not be empty"),
        (
            "{'pk': 'a', 'n': 1e200}",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        ("{'pk': 'a', '': 1}", f"{INVALID}Empty attribute name"),
        (f"{{'pk': 'a', 'd': {'[' * 32}1{']' * 32}}}", "Nesting Levels have exceeded supported limits: "),
    ],
)
def test_an_item_that_can_not_be_stored_is_refused(wire, table, item, message):
    code, text = refusal(wire, f"INSERT INTO {table} VALUE {item}")
    assert code == "ValidationException"
    assert text.startswith(message)


def test_an_item_over_400_kb_is_refused_before_its_table_is_looked_up(wire):
    big = [{"S": "x" * 409_600}]
    code_and_text = refusal(wire, "INSERT INTO nowhere VALUE {'pk': 'a', 'v': ?}", Parameters=big)
    assert code_and_text == ("ValidationException", "Item size has exceeded the maximum allowed size")


# --- UPDATE


@pytest.mark.parametrize(
    ("clauses", "changed"),
    [
        ("SET n = n + 1", {"n": n(6)}),
        ("SET n = 10 - n, s = 'new'", {"n": n(5), "s": s("new")}),
        ("SET a = 1 SET b = a0 REMOVE s", {"a": n(1), "b": s("a0"), "s": None}),
        ("SET m.x = 2 REMOVE m.y, l[0]", {"m": {"M": {"x": n(2)}}, "l": {"L": [n(2)]}}),
        ("SET l[7] = 3", {"l": {"L": [n(1), n(2), n(3)]}}),
        ("SET l = list_append(l, [3])", {"l": {"L": [n(1), n(2), n(3)]}}),
        ("SET l = LIST_APPEND([0], l)", {"l": {"L": [n(0), n(1), n(2)]}}),
        ("SET ss = set_add(ss, <<'c'>>)", {"ss": {"SS": ["a", "b", "c"]}}),
        ("SET ss = set_delete(ss, <<'a'>>)", {"ss": {"SS": ["b"]}}),
        ("SET ss = set_delete(ss, <<'a', 'b'>>)", {"ss": None}),
        ("REMOVE none", {}),
    ],
)
def test_an_update_changes(wire, table, clauses, changed):
    item = put(
        wire,
        table,
        "up",
        n=n(5),
        s=s("old"),
        a0=s("a0"),
        m={"M": {"x": n(1), "y": n(1)}},
        l={"L": [n(1), n(2)]},
        ss={"SS": ["a", "b"]},
    )
    assert execute(wire, f"UPDATE {table} {clauses} WHERE pk = 'up'") == {"Items": []}
    expected = {name: value for name, value in (item | changed).items() if value is not None}
    assert read(wire, table, "up") == expected


def test_a_missing_item_is_not_updated_into_being(wire, table):
    assert refusal(wire, f"UPDATE {table} SET a = 1 WHERE pk = 'nobody'") == FAILED
    assert read(wire, table, "nobody") is None


def test_what_where_says_beside_the_key_is_a_condition(wire, table):
    item = put(wire, table, "cond", v=n(1))
    statement = f"UPDATE {table} SET v = 2 WHERE pk = 'cond' AND (v > ? OR w IS NOT MISSING)"
    request = {"Statement": statement, "Parameters": [n(1)]}
    refused = wire.refusal("ExecuteStatement", request | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"})
    assert (refused.code, refused.body["Item"]) == (FAILED[0], item)
    assert "Item" not in wire.refusal("ExecuteStatement", request).body
    execute(wire, statement, n(0))
    assert read(wire, table, "cond") == {"pk": s("cond"), "v": n(2)}
    assert refusal(wire, f"UPDATE {table} SET v = 3 WHERE pk = 'cond' AND none <> 1") == FAILED


RETURNED = {
    "ALL OLD": [{"pk": s("ret"), "v": n(1), "m": {"M": {"x": n(1), "y": n(1)}}, "l": {"L": [n(1), n(2)]}}],
    "ALL NEW": [{"pk": s("ret"), "w": n(9), "m": {"M": {"x": n(2), "y": n(1)}}, "l": {"L": [n(2)]}}],
    "MODIFIED OLD": [{"v": n(1), "m": {"M": {"x": n(1)}}, "l": {"L": [n(1)]}}],
    "MODIFIED NEW": [{"w": n(9), "m": {"M": {"x": n(2)}}, "l": {"L": [n(2)]}}],
}


@pytest.mark.parametrize("returning", RETURNED)
def test_an_update_returns_either_image_or_what_was_modified_of_it(wire, table, returning):
    put(wire, table, "ret", v=n(1), m={"M": {"x": n(1), "y": n(1)}}, l={"L": [n(1), n(2)]})
    statement = f"UPDATE {table} SET w = 9, m.x = 2 REMOVE v, l[0] WHERE pk = 'ret' RETURNING {returning} *"
    assert execute(wire, statement) == {"Items": RETURNED[returning]}


@pytest.mark.parametrize(
    "statement", ["SET fresh = 1 {} RETURNING MODIFIED OLD *", "REMOVE v {} RETURNING MODIFIED NEW *"]
)
def test_when_nothing_remains_to_return_the_list_is_empty(wire, table, statement):
    put(wire, table, "none", v=n(1))
    clauses, returning = statement.split("{}")
    assert execute(wire, f"UPDATE {table} {clauses} WHERE pk = 'none' {returning}") == {"Items": []}


NO_KEY = "Where clause does not contain a mandatory equality on all key attributes"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE {t} SET a = 1", NO_KEY),
        ("UPDATE {t} SET a = 1 WHERE v = 1", NO_KEY),
        ("UPDATE {t} SET a = 1 WHERE pk IN ('a')", NO_KEY),
        ("UPDATE {t} SET a = 1 WHERE pk = 'a' OR v = 1", NO_KEY),
        ("DELETE FROM {t} WHERE pk > 'a'", NO_KEY),
        ("UPDATE {t} SET a = 1 WHERE pk = 1", "The provided key element does not match the schema"),
        (
            "UPDATE {t} SET pk = 'b' WHERE pk = 'a'",
            f"{INVALID}Cannot update attribute pk. This attribute is part of the key",
        ),
        (
            "UPDATE {t} SET x.y = 1 WHERE pk = 'bad'",
            "The document path provided in the update expression is invalid for update",
        ),
        (
            "UPDATE {t} SET x = y WHERE pk = 'bad'",
            "The provided expression refers to an attribute that does not exist in the item",
        ),
        (
            "UPDATE {t} SET x = v + 1 WHERE pk = 'bad'",
            "An operand in the update expression has an incorrect data type",
        ),
        ('UPDATE "{t}"."i" SET a = 1 WHERE pk = 1', "This operation is not supported on an index"),
    ],
)
def test_a_write_is_refused_with(wire, table, statement, message):
    put(wire, table, "bad", v=s("text"))
    assert refusal(wire, statement.replace("{t}", table)) == ("ValidationException", message)


def test_an_updated_item_may_have_400_kb_to_the_byte(wire, table):
    put(wire, table, "k")
    fits = 409_600 - len("pk" + "k" + "v")
    execute(wire, f"UPDATE {table} SET v = ? WHERE pk = 'k'", s("x" * fits))
    too_large = {"Parameters": [s("x" * (fits + 1))]}
    assert refusal(wire, f"UPDATE {table} SET v = ? WHERE pk = 'k'", **too_large) == (
        "ValidationException",
        "Item size to update has exceeded the maximum allowed size",
    )


# --- DELETE


def test_an_item_is_deleted_and_may_be_returned(wire, table):
    item = put(wire, table, "gone", v=n(1))
    assert refusal(wire, f"DELETE FROM {table} WHERE pk = 'gone' AND v = 2") == FAILED
    assert execute(wire, f"DELETE FROM {table} WHERE pk = 'gone' AND v = 1 RETURNING ALL OLD *") == {"Items": [item]}
    assert read(wire, table, "gone") is None


def test_a_missing_item_is_deleted_in_silence(wire, table):
    assert execute(wire, f"DELETE FROM {table} WHERE pk = 'nobody' AND v = 1") == {"Items": []}
    assert execute(wire, f"DELETE FROM {table} WHERE pk = 'nobody' RETURNING ALL OLD *") == {"Items": []}


def test_only_the_old_item_is_returned_by_a_delete(wire, table):
    assert refusal(wire, f"DELETE FROM {table} WHERE pk = 'a' RETURNING MODIFIED OLD *") == (
        "ValidationException",
        "Invalid returning clause: RETURNING MODIFIED OLD *. Only RETURNING ALL OLD * is allowed in DELETE statements.",
    )


# --- records and capacity


def test_writes_make_the_records_that_the_item_operations_make(wire):
    name = create(wire, "pk:S", stream="NEW_AND_OLD_IMAGES")
    execute(wire, f"INSERT INTO {name} VALUE {{'pk': 'a', 'v': 1}}")
    execute(wire, f"UPDATE {name} SET v = 1 WHERE pk = 'a'")
    execute(wire, f"UPDATE {name} SET v = 2 WHERE pk = 'a'")
    execute(wire, f"DELETE FROM {name} WHERE pk = 'a'")
    execute(wire, f"DELETE FROM {name} WHERE pk = 'a'")
    found = [
        (record["eventName"], record["dynamodb"].get("OldImage"), record["dynamodb"].get("NewImage"))
        for record in records_of(wire, name)
    ]
    one, two = {"pk": s("a"), "v": n(1)}, {"pk": s("a"), "v": n(2)}
    assert found == [("INSERT", None, one), ("MODIFY", one, two), ("REMOVE", two, None)]


def test_a_write_costs_what_the_item_operation_does(wire, table):
    def units(statement, *parameters):
        answer = execute(wire, statement, *parameters, ReturnConsumedCapacity="INDEXES")
        capacity = answer["ConsumedCapacity"]
        assert capacity["TableName"] == table
        assert capacity["Table"] == {"CapacityUnits": capacity["CapacityUnits"]}
        return capacity["CapacityUnits"]

    assert units(f"INSERT INTO {table} VALUE {{'pk': 'cost', 'v': ?}}", s("x" * 2500)) == 3
    assert units(f"UPDATE {table} SET v = 'small' WHERE pk = 'cost'") == 3
    assert units(f"UPDATE {table} SET v = 'tiny' WHERE pk = 'cost'") == 1
    assert units(f"DELETE FROM {table} WHERE pk = 'cost'") == 1
    assert units(f"DELETE FROM {table} WHERE pk = 'cost'") == 1
