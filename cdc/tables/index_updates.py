"""UpdateTable's changes of global indexes: planned against the table, then made on the open transaction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cdc.model.catalog import CREATING, DELETING, UPDATING
from cdc.model.errors import LimitExceededException, ResourceNotFoundException, ValidationException
from cdc.model.values import INVALID
from cdc.store import catalog as store
from cdc.store.index_items import backfill_some
from cdc.tables.index_checks import (
    MAX_GLOBAL_INDEXES,
    NO_UNITS,
    TOO_MANY_GLOBAL,
    check_included,
    check_mode,
    check_units,
    new_definition,
)
from cdc.tables.throughput import (
    ON_DEMAND,
    PROVISIONED,
    change_index_units,
    change_maximum,
    change_warmth,
    index_owner,
    with_echoed_maximum,
    with_old_units,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.model.catalog import Table, TableDefinition
    from cdc.model.indexes import Index, IndexDefinition
    from cdc.store.transaction import Transaction

ONE_AT_A_TIME = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
UNKNOWN_UPDATED = (
    "This operation cannot be performed with given input values. "
    "Please contact DynamoDB service team for more info: Action Blocked: IndexUpdate"
)


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """What an UpdateTable does to a table's indexes."""

    created: IndexDefinition | None = None
    dropped: Index | None = None
    changed: dict[int, IndexDefinition] = field(default_factory=dict)  # by the index's id

    def statuses(self) -> dict[str, str]:
        """Give the statuses of the indexes that are made and changed, by name, until that is over."""
        made = {} if self.created is None else {self.created.name: CREATING}
        return made | {definition.name: UPDATING for definition in self.changed.values()}


def plan_index_changes(table: Table, after: TableDefinition, request: dict[str, Any], now_ms: int) -> IndexPlan:
    """Hold the index updates of a request against the table, whose definition will be `after` but for attributes.

    Raises: ValidationException, ResourceNotFoundException, LimitExceededException.
    (DynamoDB: UpdateTable, GlobalSecondaryIndexUpdates.)
    """
    updates = request.get("GlobalSecondaryIndexUpdates") or []
    created = [update["Create"] for update in updates if update.get("Create") is not None]
    dropped = [update["Delete"]["IndexName"] for update in updates if update.get("Delete") is not None]
    changed = [update["Update"] for update in updates if update.get("Update") is not None]
    if len(created) + len(dropped) > 1:
        raise LimitExceededException(ONE_AT_A_TIME)
    plan = IndexPlan(
        _created(table, after, created[0]) if created else None,
        _dropped(table, dropped[0]) if dropped else None,
        _changed(table, after, changed, now_ms),
    )
    return _with_billing_mode(table, after, plan)


def _created(table: Table, after: TableDefinition, wanted: dict[str, Any]) -> IndexDefinition:
    name = wanted["IndexName"]
    if table.index(name) is not None:
        raise ValidationException(f"{INVALID}Index already exists: {name}")
    if any(index.backfilling for index in table.indexes):
        raise LimitExceededException(ONE_AT_A_TIME)
    check_units(wanted, after.billing_mode)
    if sum(not index.local for index in table.indexes) == MAX_GLOBAL_INDEXES:
        raise ValidationException(TOO_MANY_GLOBAL)
    definition = new_definition(wanted, after.billing_mode)
    check_included([definition, *(index.definition for index in table.indexes)])
    return definition


def _dropped(table: Table, name: str) -> Index:
    index = table.index(name)
    if index is None or index.local:
        raise ResourceNotFoundException(f"Requested resource not found: Index: {name} of table: {table.name} not found")
    if any(other.backfilling for other in table.indexes if other is not index):
        raise LimitExceededException(ONE_AT_A_TIME)
    return index


def _changed(
    table: Table, after: TableDefinition, updates: list[dict[str, Any]], now_ms: int
) -> dict[int, IndexDefinition]:
    changed = {}
    for update in updates:
        index = table.index(update["IndexName"])
        if index is None or index.local:
            raise ValidationException(UNKNOWN_UPDATED)
        definition = _with_changes(table, after, index.definition, update, now_ms)
        if definition != index.definition:
            changed[index.id] = definition
    return changed


def _with_changes(
    table: Table, after: TableDefinition, before: IndexDefinition, update: dict[str, Any], now_ms: int
) -> IndexDefinition:
    """Apply an Update to the definition of an index."""
    mode, owner = after.billing_mode, index_owner(before.name)
    units = update.get("ProvisionedThroughput")
    changed = before
    if mode == ON_DEMAND or mode != table.definition.billing_mode or not _has_more(update):
        check_mode(update, mode)
    if units is not None and table.definition.billing_mode == ON_DEMAND:
        changed = replace(before, read_units=units["ReadCapacityUnits"], write_units=units["WriteCapacityUnits"])
    elif units is not None:
        changed = change_index_units(before, units, now_ms)
    return change_warmth(change_maximum(changed, update, mode, owner), update, mode, owner)


def _has_more(update: dict[str, Any]) -> bool:
    """Tell whether an Update has something to say besides ProvisionedThroughput."""
    return any(update.get(name) for name in ("OnDemandThroughput", "WarmThroughput"))


def _with_billing_mode(table: Table, after: TableDefinition, plan: IndexPlan) -> IndexPlan:
    """Take a change of the billing mode to the global indexes that stay."""
    if table.definition.billing_mode == after.billing_mode:
        return plan
    staying = [index for index in table.indexes if not index.local and index is not plan.dropped]
    if after.billing_mode == PROVISIONED:
        without = [index.name for index in staying if index.id not in plan.changed]
        if without:
            raise ValidationException(NO_UNITS + ",".join(without))
    changed = {index.id: plan.changed.get(index.id, index.definition) for index in staying}
    for index_id, definition in changed.items():
        changed[index_id] = (
            replace(definition, max_read_units=None, max_write_units=None)
            if after.billing_mode == PROVISIONED
            else replace(definition, read_units=0, write_units=0)
        )
    return replace(plan, changed=changed)


def changed_attributes(
    table: Table, plan: IndexPlan, declared: Iterable[dict[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Give the attribute definitions of the table after a plan: those that a key uses, each with the type it had first.

    (DynamoDB: UpdateTable, AttributeDefinitions.)
    """
    types = {each["AttributeName"]: each["AttributeType"] for each in declared} | dict(table.definition.attributes)
    used = {name for name, _ in table.schema.attributes()}
    for index in table.indexes:
        if index is not plan.dropped:
            used.update(name for name, _ in index.key_attributes)
    if plan.created is not None:
        used.update(name for name, _ in plan.created.key_schema)
    kept = [each for each in table.definition.attributes if each[0] in used]
    known = {name for name, _ in kept}
    return (*kept, *((name, kind) for name, kind in types.items() if name in used - known))


def change_definitions(transaction: Transaction, table: Table, after: TableDefinition, plan: IndexPlan) -> None:
    """Store a table's changed definition and carry a plan out.

    A small table has its new index filled at once; a larger one's is left to housekeeping.
    """
    if plan.dropped is not None:
        store.drop_index(transaction, plan.dropped.id)
    if after != table.definition:
        store.replace_definition(transaction, table.id, after)
    for index_id, definition in plan.changed.items():
        store.replace_index_definition(transaction, index_id, definition)
    if plan.created is not None:
        store.insert_index(transaction, table.id, plan.created, backfill=True)
        now = transaction.catalog.tables[table.name]
        index = now.index(plan.created.name)
        assert index is not None
        backfill_some(transaction, now, index)


def while_indexes_change(
    before: Table, after: Table, plan: IndexPlan, request: dict[str, Any], now_ms: int
) -> tuple[Table, dict[str, str]]:
    """Return a table as UpdateTable answers it, with the statuses of the indexes that are being changed, by name."""
    updates = [each["Update"] for each in request.get("GlobalSecondaryIndexUpdates") or () if each.get("Update")]
    wanted = {update["IndexName"]: update for update in updates}
    statuses = plan.statuses()
    indexes = list(after.indexes)
    if plan.dropped is not None:
        statuses[plan.dropped.name] = DELETING
        indexes.append(plan.dropped)
    for place, index in enumerate(indexes):
        if statuses.get(index.name) == CREATING:
            indexes[place] = replace(index, backfilling=True)
        if index.id in plan.changed and before.definition.billing_mode == after.definition.billing_mode:
            was = next(each.definition for each in before.indexes if each.id == index.id)
            shown = with_old_units(was, index.definition, now_ms)
            indexes[place] = replace(index, definition=with_echoed_maximum(shown, wanted[index.name]))
    return replace(after, indexes=tuple(sorted(indexes, key=lambda index: index.name))), statuses
