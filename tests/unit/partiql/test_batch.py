"""BatchExecuteStatement on a real file, run again from the start when its group was rolled back."""

from __future__ import annotations

import pytest

from cdc.model.options import Options
from cdc.partiql.batch import batch_execute_statement
from cdc.store.reading import Read, Write

pytestmark = pytest.mark.usefixtures("table")


def statements(*texts):
    return {"Statements": [{"Statement": text} for text in texts]}


def test_a_batch_reads_or_writes():
    options = Options()
    assert isinstance(batch_execute_statement(statements("SELECT * FROM abc", "garbage"), options), Read)
    assert isinstance(batch_execute_statement(statements("garbage"), options), Read)
    work = batch_execute_statement(statements("INSERT INTO abc VALUE {'pk': 'abc', 'sk': 1}", "garbage"), options)
    assert isinstance(work, Write)
    assert work.size_bytes == 9


def test_the_same_work_run_twice_sees_the_file_anew(running):
    work = batch_execute_statement(statements("INSERT INTO abc VALUE {'pk': 'new', 'sk': 1}"), running.options)
    assert isinstance(work, Write)
    assert b"Error" not in running.writer.call(work.run, 0)
    assert b"DuplicateItem" in running.writer.call(work.run, 0)
