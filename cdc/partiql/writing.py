"""INSERT, UPDATE and DELETE as the writes of single items that the item operations make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from cdc.expressions import Condition
from cdc.model.errors import ConditionalCheckFailedException, DuplicateItemException, ValidationException
from cdc.model.values import canonical_bytes
from cdc.partiql.syntax import Delete, Insert, Update, target_of
from cdc.partiql.tokens import decode_token
from cdc.tables.actions import Change, Check, Image, Put, check_item_size
from cdc.tables.actions import Delete as DeleteAction
from cdc.tables.capacity import consumed
from cdc.tables.requests import find_table
from cdc.tables.write import perform, returned_of

if TYPE_CHECKING:
    from cdc.model.catalog import Table
    from cdc.model.keys import KeySchema
    from cdc.model.values import Item
    from cdc.partiql.prepared import Bound
    from cdc.partiql.syntax import Returning
    from cdc.store.transaction import Transaction
    from cdc.tables.actions import Action
    from cdc.tables.write import Written

NO_FULL_KEY = "Where clause does not contain a mandatory equality on all key attributes"
NO_CONDITION = "EXISTS must have one more condition in the where clause than those on the primary key."

_ABSENT = Condition(lambda item: not item, ())  # an item that is there has its key at least


def run_write(transaction: Transaction, bound: Bound, request: dict[str, Any]) -> bytes:
    """Do the write of a statement and write the answer, with Items also where RETURNING asks for none.

    Raises: ResourceNotFoundException, ValidationException, ConditionalCheckFailedException, DuplicateItemException.
    (DynamoDB: ExecuteStatement; DB-API drivers fail where Items is missing.)
    """
    if request.get("NextToken") is not None:  # there is none that a write gave
        decode_token(transaction.secret, b"", request["NextToken"])
    table = find_table(transaction.catalog, target_of(bound.statement).table_name)
    show_item = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    action = action_of(bound, table, show_item=show_item)
    try:
        written = perform(transaction, action)
    except ConditionalCheckFailedException as error:
        raise refusal_of(bound, error) from error
    answer: dict[str, Any] = {}
    capacity = consumed(request.get("ReturnConsumedCapacity"), table.name, written.units, written.index_units)
    if capacity is not None:
        answer["ConsumedCapacity"] = capacity
    item = returned_item(bound, written)
    answer["Items"] = [] if item is None else [orjson.Fragment(item)]
    return orjson.dumps(answer)


def check_write(bound: Bound) -> None:
    """Check what can be known of a write without its table; raises ValidationException."""
    if bound.item is not None:
        check_item_size(bound.item[1])


def action_of(bound: Bound, table: Table, *, show_item: bool) -> Action:
    """Return the write that a statement is; raises ValidationException if it does not name a full key."""
    statement = bound.statement
    if isinstance(statement, Insert):
        assert bound.item is not None
        item, size = bound.item
        return Put(table.name, Image(item, canonical_bytes(item), size), _ABSENT)
    key, condition = key_and_condition(bound, table.schema)
    if isinstance(statement, Update):
        return Change(table.name, key, bound.update, _of_present(condition), show_item)
    assert isinstance(statement, Delete)
    return DeleteAction(table.name, key, _of_present_alone(condition), show_item)


def check_of(bound: Bound, table: Table, *, show_item: bool) -> Check:
    """Return the check that EXISTS is; raises ValidationException without a full key and one more condition."""
    key, condition = key_and_condition(bound, table.schema)
    if condition is None:
        raise ValidationException(NO_CONDITION)
    return Check(table.name, key, _of_present(condition), show_item)


def key_and_condition(bound: Bound, schema: KeySchema) -> tuple[Item, Condition | None]:
    """Return the key that WHERE names in full, and what else it demands.

    Raises ValidationException. (DynamoDB: PartiQL update and delete statements.)
    """
    key: Item = {}
    places = set()
    for name, _ in schema.attributes():
        equality = next((test for test in bound.tests(name) if test[1] == "="), None)
        if equality is None:
            raise ValidationException(NO_FULL_KEY)
        place, _, [key[name]] = equality
        places.add(place)
    return key, bound.condition_without(places)


def _of_present(condition: Condition | None) -> Condition:
    """Return the condition of an UPDATE, which makes no item."""
    if condition is None:
        return Condition(bool, ())
    return Condition(lambda item: bool(item) and condition.matches(item), condition.paths)


def _of_present_alone(condition: Condition | None) -> Condition | None:
    """Return the condition of a DELETE, to which a missing item is fine."""
    if condition is None:
        return None
    return Condition(lambda item: not item or condition.matches(item), condition.paths)


def refusal_of(
    bound: Bound, error: ConditionalCheckFailedException
) -> ConditionalCheckFailedException | DuplicateItemException:
    """Return what a failed condition means for a statement."""
    return DuplicateItemException() if isinstance(bound.statement, Insert) else error


def returned_item(bound: Bound, written: Written) -> bytes | None:
    """Pick what RETURNING asks for; None when nothing remains, or nothing was asked for."""
    returning = _returning(bound)
    if returning is None:
        return None
    which = f"{'UPDATED' if returning.modified else 'ALL'}_{'NEW' if returning.new else 'OLD'}"
    return returned_of(which, bound.update, written)


def _returning(bound: Bound) -> Returning | None:
    statement = bound.statement
    return statement.returning if isinstance(statement, Update | Delete) else None
