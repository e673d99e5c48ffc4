"""Transactions as the store sees them: everything is checked before a row changes, and a token is used once."""

from __future__ import annotations

import pytest

from cdc.expressions import Substitutions, bind_condition, bind_update
from cdc.model.errors import (
    ConditionalCheckFailedException,
    IdempotentParameterMismatchException,
    ResourceNotFoundException,
    TransactionCanceledException,
    ValidationException,
)
from cdc.model.keys import MISMATCH
from cdc.store.tokens import LIFE_MS, Completed
from cdc.tables import transactions
from cdc.tables.actions import Change, Check, Delete, Put, image_of
from cdc.tables.definitions import create_table
from cdc.tables.read import scan
from cdc.tables.transactions import DUPLICATES, cancelled, once, transact, transaction_capacities
from tests.table_definitions import definition, index

OOMPV = "One or more parameter values were invalid: "


def condition(text):
    return bind_condition(text, Substitutions(), "Condition")


EXISTS, ABSENT = condition("attribute_exists(pk)"), condition("attribute_not_exists(pk)")


def key(pk):
    return {"pk": {"S": pk}}


def put(pk, when=None, table="tab", shown=False, **attributes):  # noqa: FBT002  # reads better here
    return Put(table, image_of(key(pk) | attributes), when, shown)


def change(pk, text, **values):
    bound = Substitutions(values={f":{name}": value for name, value in values.items()})
    return Change("tab", key(pk), bind_update(text, bound))


@pytest.fixture
def run(running):
    described = definition("pk:S", "a:S", global_=[index("by-a", "a")])
    for name in ("tab", "other"):
        running.run(create_table, TableName=name, **described)
    return lambda *actions: running.writer.call(lambda transaction: transact(transaction, actions))


@pytest.fixture
def stored(running):
    """List the keys of both tables, and of their indexes."""

    def stored():
        found = {}
        for name in ("tab", "other"):
            for source, more in ((name, {}), (f"{name}/by-a", {"IndexName": "by-a"})):
                items = running.run(scan, TableName=name, **more)["Items"]
                found[source] = sorted(item["pk"]["S"] for item in items)
        return found

    return stored


def reasons(caught):
    return [(each["Code"], each.get("Message")) for each in caught.value.extra["CancellationReasons"]]


def test_all_actions_are_done_in_all_tables_and_indexes(run, stored):
    run(put("gone"), put("kept"))
    done = run(
        put("new", a={"S": "x"}),
        put("new", table="other"),
        Delete("tab", key("gone")),
        Check("tab", key("kept"), EXISTS),
        change("made", "SET a = :a", a={"S": "y"}),
    )
    assert stored() == {"tab": ["kept", "made", "new"], "tab/by-a": ["made", "new"], "other": ["new"], "other/by-a": []}
    assert [(each.table_name, [index.name for index, _ in each.index_units]) for each in done] == [
        ("tab", ["by-a"]), ("other", []), ("tab", []), ("tab", []), ("tab", ["by-a"]),
    ]  # fmt: skip


NONE = ("None", None)
FAILED = ("ConditionalCheckFailed", "The conditional request failed")


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ([put("x"), put("y", EXISTS)], [NONE, FAILED]),
        ([put("x", EXISTS), put("z"), Check("tab", key("y"), EXISTS)], [FAILED, NONE, FAILED]),
        ([put("x"), Delete("tab", {"pk": {"N": "1"}})], [NONE, ("ValidationError", MISMATCH)]),
        (
            [put("x", a={"N": "1"}), put("y", EXISTS), Delete("tab", {"other": {"S": "a"}})],
            [
                ("ValidationError", f"{OOMPV}Type mismatch for Index Key a Expected: S Actual: N IndexName: by-a"),
                NONE,
                NONE,
            ],
        ),
        (
            [put("x"), change("y", "SET b.c = :v", v={"S": "1"})],
            [NONE, ("ValidationError", "The document path provided in the update expression is invalid for update")],
        ),
        (
            [put("x"), change("y", "SET b = :v", v={"S": "x" * 409_600})],
            [NONE, ("ValidationError", "Item size to update has exceeded the maximum allowed size")],
        ),
    ],
)
def test_a_refused_transaction_says_why_in_order_and_leaves_nothing(run, stored, actions, expected):
    before = stored()
    with pytest.raises(TransactionCanceledException) as caught:
        run(*actions)
    assert reasons(caught) == expected
    assert stored() == before
    codes = ", ".join(code for code, _ in expected)
    assert caught.value.message.endswith(f"[{codes}]")


def test_a_reason_has_the_item_when_the_action_asks_for_it(run):
    run(put("x", v={"N": "1.0"}), put("y"))
    with pytest.raises(TransactionCanceledException) as caught:
        run(put("x", ABSENT, shown=True), put("y", ABSENT), put("z", EXISTS, shown=True))
    [first, second, third] = caught.value.extra["CancellationReasons"]
    assert first["Item"] == key("x") | {"v": {"N": "1"}}
    assert "Item" not in second
    assert "Item" not in third


@pytest.mark.parametrize(
    ("actions", "error", "message"),
    [
        ([put("x"), Delete("tab", key("x"))], ValidationException, DUPLICATES),
        ([put("x"), put("x", table="nope")], ResourceNotFoundException, "Requested resource not found"),
        (
            [put("y", EXISTS), Delete("tab", key(""))],
            ValidationException,
            (
                "One or more parameter values are not valid. "
                "The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"
            ),
        ),
        (
            [change("x", "SET a = :a", a={"S": ""})],
            ValidationException,
            (
                "One or more parameter values are not valid. The update expression attempted to update a secondary index "
                "key to a value that is not supported. "
                "The AttributeValue for a key attribute cannot contain an empty string value."
            ),
        ),
    ],
)
def test_what_is_wrong_with_the_request_as_a_whole_is_no_cancellation(run, stored, actions, error, message):
    with pytest.raises(error) as caught:
        run(*actions)
    assert caught.value.message == message
    assert not any(stored().values())


def test_one_item_of_each_of_two_tables_is_no_duplicate(run, stored):
    run(put("x"), put("x", table="other"))
    assert stored()["other"] == ["x"]


def test_what_a_transaction_makes_is_bounded_in_sum(run, monkeypatch):
    monkeypatch.setattr(transactions, "MAX_BYTES", 20)
    large = {"S": "x" * 10}
    with pytest.raises(ValidationException, match="aggregate size"):
        run(change("x", "SET v = :v", v=large), change("y", "SET v = :v", v=large))
    run(change("x", "SET v = :v", v=large))


def test_reasons_stand_in_the_places_of_their_actions():
    error = cancelled(3, {2: ConditionalCheckFailedException(Item={}), 0: ValidationException("bad")})
    assert error.extra["CancellationReasons"] == [
        {"Code": "ValidationError", "Message": "bad"},
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed", "Item": {}},
    ]


REQUEST = {"TransactItems": [1], "ReturnConsumedCapacity": "TOTAL"}


@pytest.fixture
def once_(running, run):
    """Run a put of `pk` under a token, on behalf of a request."""
    assert run is not None

    def run_once(token, request=REQUEST, pk="x"):
        def work(transaction):
            return once(transaction, "Op", token, request, lambda: transact(transaction, [put(pk, ABSENT)]))

        return running.writer.call(work)

    return run_once


def test_without_a_token_every_request_is_run(once_):
    once_(None)
    with pytest.raises(TransactionCanceledException):
        once_(None)


@pytest.mark.parametrize("again", [REQUEST, REQUEST | {"ReturnConsumedCapacity": "NONE"}, {"TransactItems": [1]}])
def test_the_same_request_is_run_once_under_its_token_for_ten_minutes(once_, clock, again):
    assert not isinstance(once_("t"), Completed)
    clock.advance(LIFE_MS / 1000 - 0.001)
    assert once_("t", again).sizes == [("tab", 3)]
    clock.advance(0.001)
    with pytest.raises(TransactionCanceledException):
        once_("t", again)


def test_another_request_under_a_token_is_refused(once_):
    once_("t")
    with pytest.raises(IdempotentParameterMismatchException):
        once_("t", {"TransactItems": [2]})
    once_("u", {"TransactItems": [2]}, pk="y")


def test_a_cancelled_transaction_is_not_remembered(once_, run):
    run(put("x"))
    with pytest.raises(TransactionCanceledException):
        once_("t")
    run(Delete("tab", key("x")))
    assert not isinstance(once_("t"), Completed)


def test_a_write_costs_twice_its_units_in_the_table_and_once_in_indexes(run):
    done = run(put("x", a={"S": "x" * 1500}), put("y", table="other"))
    assert transaction_capacities(done, None) is None
    assert transaction_capacities(done, "TOTAL") == [
        {"TableName": "tab", "CapacityUnits": 6, "WriteCapacityUnits": 6},
        {"TableName": "other", "CapacityUnits": 2, "WriteCapacityUnits": 2},
    ]
    told = transaction_capacities(done, "INDEXES")
    assert told is not None
    assert told[0] == {
        "TableName": "tab",
        "CapacityUnits": 6,
        "WriteCapacityUnits": 6,
        "Table": {"CapacityUnits": 4, "WriteCapacityUnits": 4},
        "GlobalSecondaryIndexes": {"by-a": {"CapacityUnits": 2, "WriteCapacityUnits": 2}},
    }


def test_what_had_been_done_before_costs_what_reading_it_does():
    before = Completed(b"", [("tab", 9 * 1024), ("tab", 1500), ("other", 0)])
    assert transaction_capacities(before, "TOTAL") == [
        {"TableName": "tab", "CapacityUnits": 8, "ReadCapacityUnits": 8},
        {"TableName": "other", "CapacityUnits": 2, "ReadCapacityUnits": 2},
    ]
