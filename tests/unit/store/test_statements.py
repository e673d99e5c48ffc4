"""Statements are compiled once, with the parameters in the order that the caller names."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, select

from cdc.store.schema import items
from cdc.store.statements import prepare


def test_a_statement_binds_its_parameters_by_position():
    statement = select(items.c.id).where(items.c.table_id == bindparam("table"), items.c.key == bindparam("key"))
    sql = prepare(statement, "table", "key")
    assert sql.count("?") == 2
    assert sql.index("table_id = ?") < sql.index('"key" = ?')


def test_parameters_in_another_order_are_refused():
    statement = select(items.c.id).where(items.c.table_id == bindparam("table"), items.c.key == bindparam("key"))
    with pytest.raises(AssertionError, match="binds"):
        prepare(statement, "key", "table")


def test_a_literal_that_would_be_bound_is_refused():
    with pytest.raises(AssertionError, match="binds"):
        prepare(select(items.c.id).limit(1))
