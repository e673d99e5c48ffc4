"""BatchExecuteStatement over the wire: each statement for itself, but for what the whole batch is refused with."""

from __future__ import annotations

import pytest

from tests.integration.stream_reading import records_of
from tests.integration.tables import create, n, s

WRONG = "Statement wasn't well formed, can't be processed: "
NO_KEY = "Select statements within BatchExecuteStatement must specify the primary key in the where clause."


@pytest.fixture
def table(wire):
    name = create(wire, "pk:S sk:N", stream="NEW_AND_OLD_IMAGES")
    for number in range(5):
        item = {"pk": s("a"), "sk": n(number), "v": n(number), "m": {"M": {"x": n(number)}}}
        wire.call("PutItem", TableName=name, Item=item)
    return name


def run(wire, table, *statements, **request):
    """Run statements, `{t}` standing for the table, or members with more than that."""
    members = [member if isinstance(member, dict) else {"Statement": member} for member in statements]
    return wire.call("BatchExecuteStatement", Statements=[_named(member, table) for member in members], **request)


def _named(member, table):
    return member | {"Statement": member["Statement"].replace("{t}", table)}


def refusal(wire, table, *statements):
    request = {"Statements": [_named({"Statement": statement}, table) for statement in statements]}
    return wire.refusal("BatchExecuteStatement", request)


def error(code, message):
    return {"Error": {"Code": code, "Message": message}}


def test_reads_are_answered_in_order(wire, table):
    answer = run(
        wire,
        table,
        "SELECT * FROM {t} WHERE pk = 'a' AND sk = 2",
        "SELECT m.x FROM {t} WHERE sk = 1 AND pk = 'a'",
        "SELECT * FROM {t} WHERE pk = 'a' AND sk = 99",
        "SELECT * FROM {t} WHERE pk = 'a' AND sk = 3 AND v = 4",
        {"Statement": "SELECT v FROM {t} WHERE pk = ? AND sk = ?", "Parameters": [s("a"), n("0.0")]},
    )
    assert answer == {
        "Responses": [
            {"TableName": table, "Item": {"pk": s("a"), "sk": n(2), "v": n(2), "m": {"M": {"x": n(2)}}}},
            {"TableName": table, "Item": {"x": n(1)}},
            {"TableName": table},
            {"TableName": table},
            {"TableName": table, "Item": {"v": n(0)}},
        ]
    }


def test_writes_succeed_and_fail_each_for_itself(wire, table):
    answer = run(
        wire,
        table,
        "INSERT INTO {t} VALUE {'pk': 'b', 'sk': 1}",
        "INSERT INTO {t} VALUE {'pk': 'a', 'sk': 1}",
        "UPDATE {t} SET v = v + 1 WHERE pk = 'a' AND sk = 2 RETURNING MODIFIED NEW *",
        "UPDATE {t} SET v = 1 WHERE pk = 'nobody' AND sk = 2",
        "DELETE FROM {t} WHERE pk = 'a' AND sk = 3 AND v = 4",
        "DELETE FROM {t} WHERE pk = 'a' AND sk = 0 RETURNING ALL OLD *",
        "UPDATE {t} SET none.x = 1 WHERE pk = 'a' AND sk = 4",
        "garbage",
    )
    failed = error("ConditionalCheckFailed", "The conditional request failed")
    assert answer["Responses"] == [
        {"TableName": table},
        {"TableName": table} | error("DuplicateItem", "Duplicate primary key exists in table"),
        {"TableName": table, "Item": {"v": n(3)}},
        {"TableName": table} | failed,
        {"TableName": table} | failed,
        {"TableName": table, "Item": {"pk": s("a"), "sk": n(0), "v": n(0), "m": {"M": {"x": n(0)}}}},
        error("ValidationError", "The document path provided in the update expression is invalid for update"),
        error("ValidationError", f"{WRONG}Expected data manipulation"),
    ]
    names = [record["eventName"] for record in records_of(wire, table)[5:]]
    assert sorted(names) == ["INSERT", "MODIFY", "REMOVE"]
    left = {f"{item['pk']['S']}{item['sk']['N']}" for item in wire.items("Scan", TableName=table)}
    assert left == {"a1", "a2", "a3", "a4", "b1"}


@pytest.mark.parametrize(
    ("statement", "response"),
    [
        ("garbage", error("ValidationError", f"{WRONG}Expected data manipulation")),
        ("SELECT * FROM {t} WHERE pk = 'a'", error("ValidationError", NO_KEY)),
        ("SELECT * FROM {t}", error("ValidationError", NO_KEY)),
        ("SELECT * FROM {t} WHERE pk = 'a' AND sk IN (1)", error("ValidationError", NO_KEY)),
        ("SELECT * FROM {t}.i WHERE pk = 'a' AND sk = 1", error("ValidationError", NO_KEY)),
        ("SELECT * FROM nowhere", error("ResourceNotFound", "Requested resource not found")),
        ("SELECT * FROM nowhere.i WHERE pk = 'a'", error("ResourceNotFound", "Requested resource not found")),
        (
            "SELECT * FROM {t} WHERE pk = 1 AND sk = 1",
            error("ValidationError", "The provided key element does not match the schema"),
        ),
        (
            "SELECT * FROM {t} WHERE pk = ? AND sk = 1",
            error("ValidationError", "Number of parameters in request and statement don't match."),
        ),
        (
            "EXISTS(SELECT * FROM {t} WHERE pk = 'a' AND sk = 1)",
            error("ValidationError", "EXISTS can only be used in ExecuteTransaction"),
        ),
        (
            "UPDATE {t} SET sk = 2 WHERE pk = 'a' AND sk = 1",
            error(
                "ValidationError",
                "One or more parameter values were invalid: Cannot update attribute sk. This attribute is part of the key",
            ),
        ),
    ],
)
def test_a_statement_that_can_not_run_does_not_stop_the_others(wire, table, statement, response):
    reads = statement.startswith("SELECT")
    good = "SELECT v FROM {t} WHERE pk = 'a' AND sk = 1" if reads else "DELETE FROM {t} WHERE pk = 'x' AND sk = 1"
    first, second, third = run(wire, table, statement, good, "garbage")["Responses"]
    assert (first, second) == (response, {"TableName": table, **({"Item": {"v": n(1)}} if reads else {})})
    assert third["Error"]["Code"] == "ValidationError"


def test_the_item_is_never_in_an_error(wire, table):
    statement = "UPDATE {t} SET v = 1 WHERE pk = 'a' AND sk = 1 AND v = 9"
    [response] = run(wire, table, {"Statement": statement, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"})[
        "Responses"
    ]
    assert response["Error"] == {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}


# --- the whole batch


MIXED = "Read and write requests together in the same batch is not supported."
DUPLICATES = "Provided list of item keys contains duplicates"


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["SELECT * FROM {t} WHERE pk = 'a' AND sk = 1", "DELETE FROM {t} WHERE pk = 'a' AND sk = 2"], MIXED),
        (["SELECT * FROM nowhere", "garbage", "DELETE FROM {t} WHERE pk = ?"], MIXED),
        (["SELECT * FROM {t} WHERE pk = 'a' AND sk = 1", "SELECT v FROM {t} WHERE sk = 1.0 AND pk = 'a'"], DUPLICATES),
        (["INSERT INTO {t} VALUE {'pk': 'x', 'sk': 1}", "DELETE FROM {t} WHERE pk = 'x' AND sk = 1"], DUPLICATES),
        (["UPDATE {t} SET v = 1 WHERE pk = 'a' AND sk = 1"] * 2, DUPLICATES),
    ],
)
def test_the_whole_batch_is_refused_before_anything_runs(wire, table, statements, message):
    refused = refusal(wire, table, "INSERT INTO {t} VALUE {'pk': 'new', 'sk': 1}", *statements)
    if all(statement.startswith("SELECT") for statement in statements):
        assert refused.message == MIXED
        refused = refusal(wire, table, *statements)
    assert (refused.code, refused.message) == ("ValidationException", message)
    assert len(wire.items("Scan", TableName=table)) == 5


def test_a_batch_has_1_to_25_statements(wire, table):
    constraint = (
        "1 validation error detected: Value '{}' at 'statements' failed to satisfy constraint: Member must have length"
    )
    assert refusal(wire, table).message == f"{constraint.format('[]')} greater than or equal to 1"
    assert refusal(wire, table, *["garbage"] * 26).message.endswith("Member must have length less than or equal to 25")
    assert len(run(wire, table, *["garbage"] * 25)["Responses"]) == 25
    empty = wire.refusal("BatchExecuteStatement", {"Statements": [{"Statement": "x"}, {"Statement": ""}]})
    assert "at 'statements.2.member.statement' failed to satisfy constraint" in empty.message


def test_wrong_types_are_reported_before_anything_else(wire):
    statements = [{"Statement": "garbage", "Parameters": [{"S": 1}]}, {"Statement": "SELECT * FROM nowhere"}]
    assert wire.refusal("BatchExecuteStatement", {"Statements": statements}).code == "SerializationException"


# --- capacity


def test_each_table_is_charged_for_what_was_attempted_in_it_when_something_succeeded(wire, table):
    other = create(wire, "pk:S")
    wire.call("PutItem", TableName=other, Item={"pk": s("a")})
    answer = run(
        wire,
        table,
        "UPDATE {t} SET v = 9 WHERE pk = 'a' AND sk = 1",
        "INSERT INTO {t} VALUE {'pk': 'a', 'sk': 2}",
        "UPDATE {t} SET v = 9 WHERE pk = 'a' AND sk = 3 AND v = 17",
        f"INSERT INTO {other} VALUE {{'pk': 'a'}}",
        "UPDATE {t} SET v = 9 WHERE pk = 'a'",
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["ConsumedCapacity"] == [{"TableName": table, "CapacityUnits": 3.0}]
    failing = f"INSERT INTO {other} VALUE {{'pk': 'a'}}"
    assert "ConsumedCapacity" not in run(wire, table, failing, ReturnConsumedCapacity="TOTAL")


def test_consistency_is_asked_for_by_each_statement(wire, table):
    statements = [
        {"Statement": f"SELECT * FROM {{t}} WHERE pk = 'a' AND sk = {number}", "ConsistentRead": number == 1}
        for number in (1, 2, 99)
    ]
    answer = run(wire, table, *statements, ReturnConsumedCapacity="INDEXES")
    capacity = {"TableName": table, "CapacityUnits": 2.0, "Table": {"CapacityUnits": 2.0}}
    assert answer["ConsumedCapacity"] == [capacity]
