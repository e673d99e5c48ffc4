"""ExecuteStatement: a statement is a read or a write, and is checked before its table is looked up."""

from __future__ import annotations

import pytest

from cdc.model.errors import ResourceNotFoundException, ValidationException
from cdc.model.options import Options
from cdc.partiql.execute import EXISTS_ALONE, execute_statement
from cdc.store.reading import Read, Write


@pytest.mark.parametrize(
    ("statement", "work"),
    [
        ("SELECT * FROM t", Read),
        ("INSERT INTO t VALUE {'pk': 'a'}", Write),
        ("UPDATE t SET a = 1 WHERE pk = 'a'", Write),
        ("DELETE FROM t WHERE pk = 'a'", Write),
    ],
)
def test_a_statement_reads_or_writes(running, statement, work):
    assert isinstance(execute_statement({"Statement": statement}, Options()), work)
    with pytest.raises(ResourceNotFoundException):
        running.run(execute_statement, Statement=statement)


def test_the_writer_is_told_how_much_an_insert_writes():
    work = execute_statement(
        {"Statement": "INSERT INTO t VALUE {'pk': ?}", "Parameters": [{"S": "x" * 5000}]}, Options()
    )
    assert isinstance(work, Write)
    assert work.size_bytes == 5002


def test_exists_is_for_transactions():
    with pytest.raises(ValidationException) as caught:
        execute_statement({"Statement": "EXISTS(SELECT * FROM t WHERE pk = 'a')"}, Options())
    assert caught.value.message == EXISTS_ALONE
