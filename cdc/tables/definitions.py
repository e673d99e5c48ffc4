"""Operations on tables themselves: CreateTable, DescribeTable, ListTables, UpdateTable and DeleteTable.

A change takes effect with the commit: the answer has the status of the change under way, the next DescribeTable is past
it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from cdc.model.arns import table_name_of
from cdc.model.errors import ResourceInUseException, ResourceNotFoundException, ValidationException
from cdc.store import catalog as store
from cdc.store.reading import Read, Write
from cdc.streams.lifecycle import disable_stream, enable_stream
from cdc.tables import shapes
from cdc.tables.definition_checks import (
    STREAM_AND_THROUGHPUT,
    check_create,
    check_stream_change,
    check_update,
    new_definition,
)
from cdc.tables.description import describe
from cdc.tables.throughput import change_throughput, while_changing

if TYPE_CHECKING:
    from cdc.model.catalog import Catalog, Table, TableDefinition
    from cdc.model.options import Options
    from cdc.store.reading import View
    from cdc.store.transaction import Transaction
    from cdc.tables.definition_checks import StreamChange

LIST_PAGE = 100
"""Names that ListTables gives at most and by default."""


def create_table(request: dict[str, Any], options: Options) -> Write:
    """Check a CreateTable. DynamoDB: CreateTable."""
    shapes.CREATE_TABLE.check(request)
    stream = check_create(request)
    name, table_id = request["TableName"], str(uuid4())

    def run(transaction: Transaction) -> bytes:
        if name in transaction.catalog.tables:
            raise ResourceInUseException(f"Table already exists: {name}")
        store.insert_table(transaction, new_definition(request, table_id, transaction.now_ms))
        if stream is not None and stream.view_type is not None:
            enable_stream(transaction, options, transaction.catalog.tables[name], stream.view_type)
        return _answer(transaction, options, transaction.catalog.tables[name], "CREATING")

    return Write(run)


def describe_table(request: dict[str, Any], options: Options) -> Read:
    """Check a DescribeTable. DynamoDB: DescribeTable."""
    shapes.DESCRIBE_TABLE.check(request)
    name = table_name_of(request["TableName"])

    def run(view: View) -> bytes:
        table = _existing(view.catalog, name)
        size = store.fetch_table_size(view.connection, table.id)
        described = describe(view.catalog, table, options, status="ACTIVE", size=size, now_ms=view.now_ms)
        return orjson.dumps({"Table": described})

    return Read(run, quick=True)


def list_tables(request: dict[str, Any], _options: Options) -> Read:
    """Check a ListTables. DynamoDB: ListTables."""
    shapes.LIST_TABLES.check(request)
    after = request.get("ExclusiveStartTableName") or ""
    limit = request.get("Limit") or LIST_PAGE

    def run(view: View) -> bytes:
        names = sorted(view.catalog.tables)
        start = bisect_right(names, after)
        page = names[start : start + limit]
        answer: dict[str, Any] = {"TableNames": page}
        if start + limit < len(names):
            answer["LastEvaluatedTableName"] = page[-1]
        return orjson.dumps(answer)

    return Read(run, quick=True)


def update_table(request: dict[str, Any], options: Options) -> Write:
    """Check an UpdateTable. DynamoDB: UpdateTable."""
    shapes.UPDATE_TABLE.check(request)
    stream = check_update(request)
    name = table_name_of(request["TableName"])

    def run(transaction: Transaction) -> bytes:
        table = _existing(transaction.catalog, name)
        before = table.definition
        after = change_throughput(before, request, transaction.now_ms)
        if stream is not None and after != before:
            raise ValidationException(STREAM_AND_THROUGHPUT)
        check_stream_change(table, stream)
        after = _change_settings(after, request)
        if after != before:
            store.replace_definition(transaction, table.id, after)
        _change_stream(transaction, options, transaction.catalog.tables[name], stream)
        shown = while_changing(before, after, transaction.now_ms)
        changed = replace(transaction.catalog.tables[name], definition=shown)
        return _answer(transaction, options, changed, "UPDATING")

    return Write(run)


def delete_table(request: dict[str, Any], options: Options) -> Write:
    """Check a DeleteTable. DynamoDB: DeleteTable."""
    shapes.DELETE_TABLE.check(request)
    name = table_name_of(request["TableName"])

    def run(transaction: Transaction) -> bytes:
        table = _existing(transaction.catalog, name)
        if table.definition.deletion_protection:
            raise ValidationException(
                "Resource cannot be deleted as it is currently protected against deletion. "
                "Disable deletion protection first."
            )
        answer = _answer(transaction, options, table, "DELETING")
        if table.stream is not None:
            disable_stream(transaction, table.stream)
        store.drop_table(transaction, table.id)
        return answer

    return Write(run)


def _existing(catalog: Catalog, name: str) -> Table:
    table = catalog.tables.get(name)
    if table is None:
        raise ResourceNotFoundException(f"Requested resource not found: Table: {name} not found")
    return table


def _change_settings(definition: TableDefinition, request: dict[str, Any]) -> TableDefinition:
    table_class, protected = request.get("TableClass"), request.get("DeletionProtectionEnabled")
    if table_class is not None:
        definition = replace(definition, table_class=table_class)
    return definition if protected is None else replace(definition, deletion_protection=protected)


def _change_stream(transaction: Transaction, options: Options, table: Table, change: StreamChange | None) -> None:
    if change is None:
        return
    if change.view_type is not None:
        enable_stream(transaction, options, table, change.view_type, later=True)
    elif table.stream is not None:
        disable_stream(transaction, table.stream)


def _answer(transaction: Transaction, options: Options, table: Table, status: str) -> bytes:
    items, size_bytes = store.fetch_table_size(transaction.cursor, table.id)
    more_items, more_bytes = transaction.table_deltas.get(table.id, (0, 0))
    described = describe(
        transaction.catalog,
        table,
        options,
        status=status,
        size=(items + more_items, size_bytes + more_bytes),
        now_ms=transaction.now_ms,
    )
    return orjson.dumps({"TableDescription": described})
