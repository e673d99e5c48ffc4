"""ExecuteTransaction over the wire: all statements or none, with the reasons, tokens and capacity of transactions."""

from __future__ import annotations

import pytest

from tests.integration.stream_reading import records_of
from tests.integration.tables import create, n, s

FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
DUPLICATE = {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}
NONE = {"Code": "None"}
ONE = "WHERE pk = 'a' AND sk = 1"


@pytest.fixture
def table(wire):
    name = create(wire, "pk:S sk:N", stream="NEW_AND_OLD_IMAGES")
    for number in range(3):
        wire.call("PutItem", TableName=name, Item={"pk": s("a"), "sk": n(number), "v": n(number)})
    return name


def transaction(table, *statements, **request):
    """Write a request of statements, `{t}` standing for the table, or of members with more than that."""
    members = [member if isinstance(member, dict) else {"Statement": member} for member in statements]
    named = [member | {"Statement": member["Statement"].replace("{t}", table)} for member in members]
    return {"TransactStatements": named, **request}


def run(wire, table, *statements, **request):
    return wire.call("ExecuteTransaction", **transaction(table, *statements, **request))


def refusal(wire, table, *statements, **request):
    return wire.refusal("ExecuteTransaction", transaction(table, *statements, **request))


def values(wire, table):
    return {item["sk"]["N"]: item.get("v", {}).get("N") for item in wire.call("Scan", TableName=table)["Items"]}


def test_writes_are_all_done_with_a_record_for_each_change(wire, table):
    answer = run(
        wire,
        table,
        "INSERT INTO {t} VALUE {'pk': 'a', 'sk': 9, 'v': 9}",
        {"Statement": "UPDATE {t} SET v = v + ? WHERE pk = 'a' AND sk = ?", "Parameters": [n(10), n(1)]},
        "DELETE FROM {t} WHERE pk = 'a' AND sk = 0",
        "UPDATE {t} SET v = 2 WHERE pk = 'a' AND sk = 2",
        "DELETE FROM {t} WHERE pk = 'a' AND sk = 77",
    )
    assert answer == {"Responses": []}
    assert values(wire, table) == {"9": "9", "1": "11", "2": "2"}
    made = sorted(record["eventName"] for record in records_of(wire, table))
    assert made == sorted(["INSERT"] * 4 + ["MODIFY", "REMOVE"])


def test_reads_are_answered_in_order(wire, table):
    answer = run(
        wire,
        table,
        "SELECT * FROM {t} WHERE pk = 'a' AND sk = 2",
        "SELECT v FROM {t} WHERE sk = 1 AND pk = 'a'",
        "SELECT w FROM {t} WHERE sk = 0 AND pk = 'a'",
        "SELECT * FROM {t} WHERE pk = 'a' AND sk = 99",
        "SELECT * FROM {t} WHERE pk = 'b' AND sk = 1 AND v = 5",
    )
    assert answer == {"Responses": [{"Item": {"pk": s("a"), "sk": n(2), "v": n(2)}}, {"Item": {"v": n(1)}}, {}, {}, {}]}


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("INSERT INTO {t} VALUE {'pk': 'a', 'sk': 1}", DUPLICATE),
        ("UPDATE {t} SET v = 1 WHERE pk = 'nobody' AND sk = 1", FAILED),
        (f"UPDATE {{t}} SET v = 1 {ONE} AND v = 2", FAILED),
        (f"DELETE FROM {{t}} {ONE} AND v = 2", FAILED),
        (f"EXISTS(SELECT * FROM {{t}} {ONE} AND v = 2)", FAILED),
        ("EXISTS(SELECT * FROM {t} WHERE pk = 'nobody' AND sk = 1 AND v IS MISSING)", FAILED),
        (
            f"UPDATE {{t}} SET none.x = 1 {ONE}",
            {
                "Code": "ValidationError",
                "Message": "The document path provided in the update expression is invalid for update",
            },
        ),
        (
            "DELETE FROM {t} WHERE pk = 1 AND sk = 1",
            {"Code": "ValidationError", "Message": "The provided key element does not match the schema"},
        ),
    ],
)
def test_a_statement_that_fails_cancels_the_others_and_leaves_no_trace(wire, table, statement, reason):
    refused = refusal(wire, table, "INSERT INTO {t} VALUE {'pk': 'b', 'sk': 1}", statement)
    assert refused.code == "TransactionCanceledException"
    assert refused.body["CancellationReasons"] == [NONE, reason]
    assert refused.body["Message"].endswith(f"[None, {reason['Code']}]")
    assert values(wire, table) == {"0": "0", "1": "1", "2": "2"}
    assert len(records_of(wire, table)) == 3


def test_all_failed_conditions_are_told_with_the_item_when_asked_for(wire, table):
    shown = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    refused = refusal(
        wire,
        table,
        {"Statement": f"UPDATE {{t}} SET v = 1 {ONE} AND v = 2", **shown},
        {"Statement": "EXISTS(SELECT * FROM {t} WHERE pk = 'a' AND sk = 2 AND v = 1)", **shown},
        "DELETE FROM {t} WHERE pk = 'a' AND sk = 0 AND v = 1",
    )
    items = [{"Item": {"pk": s("a"), "sk": n(number), "v": n(number)}} for number in (1, 2)]
    assert refused.body["CancellationReasons"] == [FAILED | items[0], FAILED | items[1], FAILED]


def test_exists_holds_a_condition_against_an_item(wire, table):
    exists = f"EXISTS(SELECT * FROM {{t}} {ONE} AND v = 1)"
    assert run(wire, table, exists, "DELETE FROM {t} WHERE pk = 'a' AND sk = 2") == {"Responses": []}
    assert values(wire, table) == {"0": "0", "1": "1"}


IN_FIRST = "Validation failed in TransactStatements[0]: "
NO_KEY = "Where clause does not contain a mandatory equality on all key attributes"


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (
            [f"SELECT * FROM {{t}} {ONE}", "DELETE FROM {t} WHERE pk = 'a' AND sk = 2"],
            "ExecuteTransaction API does not support both read and write operations in the same request.",
        ),
        (
            [f"EXISTS(SELECT * FROM {{t}} {ONE} AND v = 1)", f"SELECT * FROM {{t}} {ONE}"],
            "ExecuteTransaction API does not support both read and write operations in the same request.",
        ),
        (
            [f"UPDATE {{t}} SET v = 1 {ONE}", f"DELETE FROM {{t}} {ONE}"],
            "Transaction request cannot include multiple operations on one item",
        ),
        (
            [f"SELECT * FROM {{t}} {ONE}", f"SELECT v FROM {{t}} {ONE}"],
            "Transaction request cannot include multiple operations on one item",
        ),
        (
            [f"DELETE FROM {{t}} {ONE} RETURNING ALL OLD *"],
            f"{IN_FIRST}RETURNING clause is not supported in ExecuteTransaction.",
        ),
        (
            [f"SELECT * FROM {{t}}.i {ONE}"],
            f"{IN_FIRST}Reads on indices are not supported within transactions.",
        ),
        (
            [f"EXISTS(SELECT * FROM {{t}}.i {ONE} AND v = 1)"],
            f"{IN_FIRST}Reads on indices are not supported within transactions.",
        ),
        (
            ["SELECT * FROM {t} WHERE pk = 'a'"],
            f"{IN_FIRST}Select statements within ExecuteTransaction must specify the primary key in the where clause.",
        ),
        (["DELETE FROM {t} WHERE pk = 'a'"], IN_FIRST + NO_KEY),
        (["EXISTS(SELECT * FROM {t} WHERE pk = 'a' AND v = 1)"], IN_FIRST + NO_KEY),
        (
            [f"EXISTS(SELECT * FROM {{t}} {ONE})"],
            f"{IN_FIRST}EXISTS must have one more condition in the where clause than those on the primary key.",
        ),
        (["garbage"], "Statement wasn't well formed, can't be processed: Expected data manipulation"),
        ([f"DELETE FROM {{t}} {ONE} AND v = ?"], "Number of parameters in request and statement don't match."),
        (
            [],
            (
                "1 validation error detected: Value '[]' at 'transactStatements' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1"
            ),
        ),
    ],
)
def test_a_request_that_is_wrong_as_a_whole_is_no_cancellation(wire, table, statements, message):
    refused = refusal(wire, table, *statements)
    assert (refused.code, refused.message) == ("ValidationException", message)


def test_a_table_that_is_not_there_is_not_found(wire, table):
    for statement in ("SELECT * FROM nowhere WHERE pk = 'a'", "DELETE FROM nowhere WHERE pk = 'a'"):
        assert refusal(wire, table, statement).code == "ResourceNotFoundException"


def test_a_key_that_can_not_be_read_is_a_reason(wire, table):
    refused = refusal(wire, table, f"SELECT * FROM {{t}} {ONE}", "SELECT * FROM {t} WHERE pk = 1 AND sk = 1")
    assert [reason["Code"] for reason in refused.body["CancellationReasons"]] == ["None", "ValidationError"]


def test_a_request_that_comes_again_under_its_token_is_not_done_again(wire, table):
    adding = transaction(table, f"UPDATE {{t}} SET v = v + 1 {ONE}", ClientRequestToken=table)
    first = wire.call("ExecuteTransaction", **adding | {"ReturnConsumedCapacity": "TOTAL"})
    again = wire.call("ExecuteTransaction", **adding | {"ReturnConsumedCapacity": "TOTAL"})
    assert first["ConsumedCapacity"] == [{"TableName": table, "CapacityUnits": 2, "WriteCapacityUnits": 2}]
    assert again["ConsumedCapacity"] == [{"TableName": table, "CapacityUnits": 2, "ReadCapacityUnits": 2}]
    assert values(wire, table)["1"] == "2"
    other = refusal(wire, table, f"UPDATE {{t}} SET v = v + 2 {ONE}", ClientRequestToken=table)
    assert other.code == "IdempotentParameterMismatchException"
    key = {"pk": s("a"), "sk": n(1)}
    delete = {"Delete": {"TableName": table, "Key": key}}
    assert wire.call("TransactWriteItems", TransactItems=[delete], ClientRequestToken=table) == {}


def test_reads_and_writes_are_charged_as_in_transactions_of_items(wire):
    table = create(wire, "pk:S")
    wire.call("PutItem", TableName=table, Item={"pk": s("a"), "v": s("x" * 5000)})
    both = ["SELECT * FROM {t} WHERE pk = 'a'", "SELECT * FROM {t} WHERE pk = 'b'"]
    read = run(wire, table, *both, ReturnConsumedCapacity="TOTAL")
    assert read["ConsumedCapacity"] == [{"TableName": table, "CapacityUnits": 6, "ReadCapacityUnits": 6}]
    written = run(
        wire,
        table,
        "EXISTS(SELECT * FROM {t} WHERE pk = 'a' AND v IS NOT MISSING)",
        "DELETE FROM {t} WHERE pk = 'b'",
        ReturnConsumedCapacity="TOTAL",
    )
    assert written["ConsumedCapacity"] == [{"TableName": table, "CapacityUnits": 12, "WriteCapacityUnits": 12}]


def test_boto3_makes_transactions_of_statements_and_gives_their_reasons(client, table):
    statement = f"INSERT INTO \"{table}\" VALUE {{'pk': 'z', 'sk': 1}}"
    assert client.execute_transaction(TransactStatements=[{"Statement": statement}])["Responses"] == []
    with pytest.raises(client.exceptions.TransactionCanceledException) as caught:
        client.execute_transaction(TransactStatements=[{"Statement": statement}])
    assert caught.value.response["CancellationReasons"] == [DUPLICATE]
    select = f"SELECT pk FROM \"{table}\" WHERE pk = 'z' AND sk = 1"
    found = client.execute_transaction(TransactStatements=[{"Statement": select}])
    assert found["Responses"] == [{"Item": {"pk": s("z")}}]
