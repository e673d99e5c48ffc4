"""Operations on tables themselves: CreateTable, DescribeTable, ListTables, UpdateTable and DeleteTable.

A change takes effect with the commit: the answer has the status of the change under way, the next DescribeTable is past
it, unless a delay is set (`cdc.tables.lifecycle`). Only a new index of a table that is not small takes longer.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from cdc.model.arns import table_name_of
from cdc.model.catalog import ACTIVE, CREATING, DELETING, UPDATING
from cdc.model.errors import ResourceInUseException, ValidationException
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
from cdc.tables.description import Sizes, describe
from cdc.tables.encryption import change_encryption
from cdc.tables.index_checks import new_definitions
from cdc.tables.index_updates import (
    IndexPlan,
    change_definitions,
    changed_attributes,
    plan_index_changes,
    while_indexes_change,
)
from cdc.tables.lifecycle import (
    after_change,
    changeable_table,
    existing_table,
    in_use,
    is_gone,
    is_taken,
    made_active,
    refuse_in_use,
    settle,
    settled_table,
    status_at,
)
from cdc.tables.throughput import (
    change_maximum,
    change_throughput,
    change_warmth,
    while_changing,
    with_echoed_maximum,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdc.model.catalog import Table, TableDefinition
    from cdc.model.options import Options
    from cdc.store.reading import View
    from cdc.store.transaction import Transaction
    from cdc.tables.definition_checks import StreamChange

LIST_PAGE = 100
"""Names that ListTables gives at most and by default."""


def create_table(request: dict[str, Any], options: Options) -> Write:
    """Check a CreateTable. DynamoDB: CreateTable."""
    shapes.CREATE_TABLE.check(request)
    name, table_id = table_name_of(request["TableName"]), new_table_id()
    if name != request["TableName"]:  # it is an ARN, and the name in it has to be one for a new table
        request = {**request, "TableName": name}
        shapes.CREATE_TABLE.check(request)
    stream = check_create(request)
    indexes = new_definitions(request)

    def run(transaction: Transaction) -> bytes:
        if is_taken(transaction, name):
            raise ResourceInUseException(f"Table already exists: {name}")
        settle(transaction, name)
        definition = change_encryption(new_definition(request, table_id, transaction.now_ms), request, options)
        stored = after_change(definition, CREATING, options, transaction.now_ms)
        stored = replace(stored, changes_stream=stream is not None and stored.status == CREATING)
        in_file = store.insert_table(transaction, stored)
        for index in indexes:
            store.insert_index(transaction, in_file, index, backfill=False)
        if stream is not None and stream.view_type is not None:
            enable_stream(transaction, options, transaction.catalog.tables[name], stream.view_type)
        table = transaction.catalog.tables[name]
        return answer_change(transaction, options, table, CREATING, index_statuses=all_creating(table))

    return Write(run)


def describe_table(request: dict[str, Any], options: Options) -> Read:
    """Check a DescribeTable. DynamoDB: DescribeTable."""
    shapes.DESCRIBE_TABLE.check(request)
    name = table_name_of(request["TableName"])

    def run(view: View) -> bytes:
        table = existing_table(view.catalog, name, view.now_ms)
        status = status_at(table, view.now_ms)
        if table.definition.status not in {status, ACTIVE}:
            table = replace(table, definition=made_active(table.definition))
        sizes = Sizes(
            store.fetch_table_size(view.connection, table.id), store.fetch_index_sizes(view.connection, table.id)
        )
        statuses = all_creating(table) if status == CREATING else _updating(table)
        described = describe(
            view.catalog, table, options, status=status, sizes=sizes, now_ms=view.now_ms, index_statuses=statuses
        )
        return orjson.dumps({"Table": described})

    return Read(run, quick=True)


def list_tables(request: dict[str, Any], _options: Options) -> Read:
    """Check a ListTables. DynamoDB: ListTables."""
    shapes.LIST_TABLES.check(request)
    after = request.get("ExclusiveStartTableName") or ""
    limit = request.get("Limit") or LIST_PAGE

    def run(view: View) -> bytes:
        names = sorted(name for name, table in view.catalog.tables.items() if not is_gone(table, view.now_ms))
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
        table = changeable_table(transaction, name)
        before, now_ms = table.definition, transaction.now_ms
        after = change_throughput(before, request, now_ms)
        if stream is not None and after != before:
            raise ValidationException(STREAM_AND_THROUGHPUT)
        after = change_maximum(after, request, after.billing_mode)
        check_stream_change(table, stream)
        after = _change_settings(change_warmth(after, request, after.billing_mode), request, options)
        plan = plan_index_changes(table, after, request, now_ms)
        declared = request.get("AttributeDefinitions") or []
        after = replace(after, attributes=changed_attributes(table, plan, declared))
        shown = while_changing(before, after, now_ms)
        stored = after
        if after != before or stream is not None or plan != IndexPlan():
            stored = after_change(after, UPDATING, options, now_ms)
            if stored.status == UPDATING:
                units, statuses = (shown.read_units, shown.write_units), plan.statuses()
                stored = replace(
                    stored,
                    shown_units=units,
                    index_statuses=tuple(statuses.items()),
                    changes_stream=stream is not None,
                )
        change_definitions(transaction, table, stored, plan)
        _change_stream(transaction, options, transaction.catalog.tables[name], stream)
        changed, statuses = while_indexes_change(table, transaction.catalog.tables[name], plan, request, now_ms)
        changed = replace(changed, definition=with_echoed_maximum(shown, request))
        return answer_change(transaction, options, changed, UPDATING, index_statuses=statuses)

    return Write(run)


def delete_table(request: dict[str, Any], options: Options) -> Write:
    """Check a DeleteTable. DynamoDB: DeleteTable."""
    shapes.DELETE_TABLE.check(request)
    name = table_name_of(request["TableName"])

    def run(transaction: Transaction) -> bytes:
        table = settled_table(transaction, name)
        if table.definition.status == DELETING:
            return answer_change(transaction, options, table, DELETING)
        refuse_in_use(table, ACTIVE)
        if table.definition.deletion_protection:
            raise ValidationException(
                "Resource cannot be deleted as it is currently protected against deletion. "
                "Disable deletion protection first."
            )
        if status_at(table, transaction.now_ms) == UPDATING:  # an index is being filled
            raise in_use(UPDATING, name)
        answer = answer_change(transaction, options, table, DELETING)
        if table.stream is not None:
            disable_stream(transaction, table.stream)
        deleted = after_change(table.definition, DELETING, options, transaction.now_ms)
        if deleted.status == DELETING:
            store.replace_definition(transaction, table.id, deleted)
        else:
            store.drop_table(transaction, table.id)
        return answer

    return Write(run)


def new_table_id() -> str:
    """Make up the id of a table, which it has for its life."""
    return str(uuid4())


def _change_settings(definition: TableDefinition, request: dict[str, Any], options: Options) -> TableDefinition:
    definition = change_encryption(definition, request, options)
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


def answer_change(
    transaction: Transaction,
    options: Options,
    table: Table,
    status: str,
    *,
    index_statuses: Mapping[str, str] | None = None,
) -> bytes:
    """Describe a table that is being changed."""
    sizes = Sizes(
        _plus(store.fetch_table_size(transaction.cursor, table.id), transaction.table_deltas.get(table.id)),
        {
            index_id: _plus(found, transaction.index_deltas.get(index_id))
            for index_id, found in store.fetch_index_sizes(transaction.cursor, table.id).items()
        },
    )
    described = describe(
        transaction.catalog,
        table,
        options,
        status=status,
        sizes=sizes,
        now_ms=transaction.now_ms,
        index_statuses=index_statuses or {},
    )
    return orjson.dumps({"TableDescription": described})


def all_creating(table: Table) -> dict[str, str]:
    """Give the statuses of a new table's indexes, by name."""
    return {index.name: CREATING for index in table.indexes}


def _updating(table: Table) -> dict[str, str]:
    """Give the statuses of the indexes that are being changed; those being made are shown as being filled."""
    return {name: status for name, status in table.definition.index_statuses if status == UPDATING}


def _plus(found: tuple[int, int], delta: list[int] | None) -> tuple[int, int]:
    """Add to a count and a size what the open transaction has not yet written back."""
    return found if delta is None else (found[0] + delta[0], found[1] + delta[1])
