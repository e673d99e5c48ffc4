"""ExecuteTransaction on a real file: what is known of it without its tables, and what becomes of an INSERT's condition."""

from __future__ import annotations

import pytest

from cdc.model.errors import ResourceNotFoundException, TransactionCanceledException, ValidationException
from cdc.model.options import Options
from cdc.partiql.transaction import MIXED, NO_FULL_KEY, ON_INDEX, RETURNING, execute_transaction
from cdc.partiql.writing import NO_CONDITION
from cdc.store.reading import Read, Write
from cdc.tables.transactions import TOO_LARGE

READ = "SELECT v FROM abc WHERE pk = 'a' AND sk = 1"
DELETE = "DELETE FROM abc WHERE pk = 'a' AND sk = 2"
EXISTS = "EXISTS(SELECT * FROM abc WHERE pk = 'a' AND sk = 1 AND v = 1)"


def request_of(*texts):
    return {"TransactStatements": [{"Statement": text} for text in texts]}


@pytest.mark.parametrize(("texts", "work"), [((READ, READ), Read), ((DELETE, EXISTS), Write), ((EXISTS,), Write)])
def test_a_transaction_reads_or_writes(texts, work):
    assert isinstance(execute_transaction(request_of(*texts), Options()), work)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ((READ, DELETE), MIXED),
        ((READ, EXISTS), MIXED),
        ((DELETE, f"{DELETE} RETURNING ALL OLD *"), f"Validation failed in TransactStatements[1]: {RETURNING}"),
        (("SELECT * FROM abc.i WHERE pk = 'a' AND sk = 1",), f"Validation failed in TransactStatements[0]: {ON_INDEX}"),
    ],
)
def test_what_no_table_is_needed_for_is_refused_before_they_are_looked_up(texts, message):
    with pytest.raises(ValidationException) as caught:
        execute_transaction(request_of(*texts), Options())
    assert caught.value.message == message


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ((READ, "SELECT * FROM abc WHERE pk = 'a'"), f"Validation failed in TransactStatements[1]: {NO_FULL_KEY}"),
        (
            ("EXISTS(SELECT * FROM abc WHERE pk = 'a' AND sk = 1)",),
            f"Validation failed in TransactStatements[0]: {NO_CONDITION}",
        ),
    ],
)
def test_a_statement_names_a_full_key_and_exists_a_condition_beside_it(running, texts, message):
    with pytest.raises(ValidationException) as caught:
        running.run(execute_transaction, **request_of(*texts))
    assert caught.value.message == message


@pytest.mark.usefixtures("table")
def test_tables_are_looked_up_before_keys_are_checked(running):
    for verb in ("DELETE", "SELECT *"):
        with pytest.raises(ResourceNotFoundException):
            running.run(execute_transaction, **request_of(f"{verb} FROM abc", f"{verb} FROM nowhere"))


@pytest.mark.usefixtures("table")
def test_a_failed_condition_of_an_insert_is_a_duplicate_and_of_others_is_not(running):
    insert = "INSERT INTO abc VALUE {'pk': 'a', 'sk': 1}"
    with pytest.raises(TransactionCanceledException) as caught:
        running.run(execute_transaction, **request_of(insert, f"{DELETE} AND v = 9", EXISTS.replace("1", "3")))
    assert [reason["Code"] for reason in caught.value.extra["CancellationReasons"]] == [
        "DuplicateItem",
        "ConditionalCheckFailed",
        "ConditionalCheckFailed",
    ]
    assert "[DuplicateItem, ConditionalCheckFailed, ConditionalCheckFailed]" in caught.value.message


@pytest.mark.usefixtures("table")
def test_a_read_shows_what_fulfils_its_condition_and_is_charged_in_any_case(running):
    request = request_of(READ, "SELECT * FROM abc WHERE pk = 'a' AND sk = 2 AND v = 1")
    answer = running.run(execute_transaction, **request, ReturnConsumedCapacity="TOTAL")
    assert answer == {
        "Responses": [{"Item": {"v": {"N": "1"}}}, {}],
        "ConsumedCapacity": [{"TableName": "abc", "CapacityUnits": 4, "ReadCapacityUnits": 4}],
    }


def test_inserts_are_bounded_together():
    statement = {"Statement": "INSERT INTO abc VALUE {'pk': ?, 'v': ?}"}
    members = [statement | {"Parameters": [{"S": str(number)}, {"S": "x" * 400_000}]} for number in range(11)]
    with pytest.raises(ValidationException) as caught:
        execute_transaction({"TransactStatements": members}, Options())
    assert caught.value.message == TOO_LARGE
    work = execute_transaction({"TransactStatements": members[:2]}, Options())
    assert isinstance(work, Write)
    assert work.size_bytes == 800_008
