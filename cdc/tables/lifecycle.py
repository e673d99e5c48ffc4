"""A table's status: what may be done in which, and how long it lasts.

Without a delay (the setting `tables.status_delay_seconds`) a change is over with its commit, and only its answer says
CREATING, UPDATING or DELETING. With one, the status is stored with the moment at which it ends, so it outlives a restart.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from cdc.model.catalog import ACTIVE, CREATING, DELETING, UPDATING
from cdc.model.errors import ResourceInUseException, ResourceNotFoundException
from cdc.store import catalog as store

if TYPE_CHECKING:
    from cdc.model.catalog import Catalog, Table, TableDefinition
    from cdc.model.options import Options
    from cdc.store.reading import Reader
    from cdc.store.transaction import Transaction
    from cdc.store.writer import Writer

_IN_USE = {
    CREATING: "Table is being created",
    UPDATING: "Table is being updated",
    DELETING: "Table is being deleted",
}


def existing_table(catalog: Catalog, name: str, now_ms: int) -> Table:
    """Look a table up for an operation on tables.

    Raises: ResourceNotFoundException.
    """
    table = catalog.tables.get(name)
    if table is None or is_gone(table, now_ms):
        raise ResourceNotFoundException(f"Requested resource not found: Table: {name} not found")
    return table


def is_gone(table: Table, now_ms: int) -> bool:
    """Tell whether a table that is still stored has been deleted."""
    return table.definition.status == DELETING and _is_over(table.definition, now_ms)


def changeable_table(transaction: Transaction, name: str) -> Table:
    """Look a table up that is to be changed.

    Raises: ResourceNotFoundException; ResourceInUseException while it is not ACTIVE.
    """
    table = settled_table(transaction, name)
    refuse_in_use(table, ACTIVE)
    return table


def settled_table(transaction: Transaction, name: str) -> Table:
    """Look a table up, with what has come to its end with time brought to its end in what is returned.

    That is stored with the caller's change, since a change that is refused must not have changed a row.
    Raises: ResourceNotFoundException.
    """
    table = existing_table(transaction.catalog, name, transaction.now_ms)
    over = _is_over(table.definition, transaction.now_ms)
    return replace(table, definition=made_active(table.definition)) if over else table


def is_taken(transaction: Transaction, name: str) -> bool:
    """Tell whether there is a table of a name; one that is gone is still stored, until `settle` drops it."""
    table = transaction.catalog.tables.get(name)
    return table is not None and not is_gone(table, transaction.now_ms)


def refuse_in_use(table: Table, *statuses: str) -> None:
    """Refuse a change of a table that has none of these statuses.

    Raises: ResourceInUseException. (DynamoDB: UpdateTable, DeleteTable.)
    """
    status = table.definition.status
    if status not in statuses:
        raise in_use(status, table.name)


def in_use(status: str, name: str) -> ResourceInUseException:
    """Word the refusal to change a table that has a status."""
    return ResourceInUseException(f"Attempt to change a resource which is still in use: {_IN_USE[status]}: {name}")


def status_at(table: Table, now_ms: int) -> str:
    """Return a table's status, also when its end has come and nobody has stored that yet.

    For as long as one of its indexes is being filled, a table is being updated.
    """
    status = ACTIVE if _is_over(table.definition, now_ms) else table.definition.status
    return UPDATING if status == ACTIVE and any(index.backfilling for index in table.indexes) else status


def after_change(definition: TableDefinition, status: str, options: Options, now_ms: int) -> TableDefinition:
    """Give a changed table the status that it has for the delay; without a delay it is ACTIVE."""
    if not options.status_delay_ms:
        return definition
    return replace(definition, status=status, status_until_ms=now_ms + options.status_delay_ms)


def settle(transaction: Transaction, name: str) -> None:
    """Bring a status whose end has come to it: the table is ACTIVE, or gone."""
    table = transaction.catalog.tables.get(name)
    if table is None or not _is_over(table.definition, transaction.now_ms):
        return
    if table.definition.status == DELETING:
        store.drop_table(transaction, table.id)
    else:
        store.replace_definition(transaction, table.id, made_active(table.definition))


def made_active(definition: TableDefinition) -> TableDefinition:
    """Return the definition of a table whose change is over."""
    return replace(
        definition, status=ACTIVE, status_until_ms=None, shown_units=None, index_statuses=(), changes_stream=False
    )


def settle_step(writer: Writer, reader: Reader, now_ms: int) -> int | None:
    """Bring every status whose end has come to it; return when the next one comes, if one is to."""
    nexts = []
    for table in reader.view().catalog.tables.values():
        until_ms = table.definition.status_until_ms
        if until_ms is not None and until_ms <= now_ms:
            writer.call(partial(settle, name=table.name))
        elif until_ms is not None:
            nexts.append(until_ms)
    return min(nexts, default=None)


def _is_over(definition: TableDefinition, now_ms: int) -> bool:
    return definition.status_until_ms is not None and definition.status_until_ms <= now_ms
