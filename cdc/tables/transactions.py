"""Transactions: several writes of which all are made or none, and several reads of one moment.

They are run one after the other, like all writes, so none ever conflicts with another.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cdc.model.errors import (
    ConditionalCheckFailedException,
    IdempotentParameterMismatchException,
    ServiceError,
    TransactionCanceledException,
    ValidationException,
)
from cdc.model.keys import NOT_VALID
from cdc.store import items
from cdc.store.tokens import Completed, find_token, store_token
from cdc.tables.actions import Check, require
from cdc.tables.capacity import Bill, read_units, write_units
from cdc.tables.requests import find_table
from cdc.tables.write import change_item, larger_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdc.model.catalog import Table
    from cdc.store.items import StoredItem
    from cdc.store.transaction import Transaction
    from cdc.tables.actions import Action, Image
    from cdc.tables.entries import IndexUnits

MAX_BYTES = 4 << 20
"""Of the items that a transaction writes or reads, together."""
TOO_LARGE = "The aggregate size of the items in the transaction cannot exceed 4 MB"
DUPLICATES = "Transaction request cannot include multiple operations on one item"
UNITS_FACTOR = 2
"""What an action costs in its table, in units of the same write or read alone; in indexes it costs the same."""

_MAY_DIFFER = frozenset({"ReturnConsumedCapacity", "ReturnItemCollectionMetrics"})
"""Parameters that a request may change when it comes again under its token."""

_REASONS: dict[type[ServiceError], str] = {
    ConditionalCheckFailedException: "ConditionalCheckFailed",
    ValidationException: "ValidationError",
}


class Done(NamedTuple):
    """What one action of a transaction did."""

    table_name: str  # as the request has it, perhaps an ARN
    size: int  # of the larger image: what it is charged by
    index_units: IndexUnits


class _Located(NamedTuple):
    """An action with its place."""

    action: Action | Check
    table: Table
    key: bytes


def transact(transaction: Transaction, actions: Sequence[Action | Check]) -> list[Done]:
    """Do all writes, or none: everything is checked before the first row changes.

    Raises: ResourceNotFoundException, ValidationException, TransactionCanceledException.
    (DynamoDB: TransactWriteItems; the order of its checks.)
    """
    located = _locate(transaction, actions)
    found = [items.fetch(transaction.cursor, table.id, key) for _, table, key in located]
    _require(located, found)
    results = _results(located, found)
    done = []
    for (action, table, key), old, new in zip(located, found, results, strict=True):
        index_units: IndexUnits = []
        if not isinstance(action, Check):
            index_units = change_item(transaction, table, key, action.key, old, new)
        done.append(Done(action.table_name, larger_size(old, new), index_units))
    return done


def _locate(transaction: Transaction, actions: Sequence[Action | Check]) -> list[_Located]:
    """Check all keys against their tables; the first fault is reported, but for empty keys, which are no reason."""
    tables = [find_table(transaction.catalog, action.table_name) for action in actions]
    located: list[_Located] = []
    fault: tuple[int, ValidationException] | None = None
    for number, (action, table) in enumerate(zip(actions, tables, strict=True)):
        try:
            located.append(_Located(action, table, action.locate(table)))
        except ValidationException as error:
            if error.message.startswith(NOT_VALID):
                raise
            fault = fault or (number, error)
    if fault is not None:
        raise cancelled(len(actions), {fault[0]: fault[1]})
    if len({(table.id, key) for _, table, key in located}) < len(located):
        raise ValidationException(DUPLICATES)
    return located


def _require(located: list[_Located], found: list[StoredItem | None]) -> None:
    """Hold all conditions against the stored items; all that fail are reported."""
    failed: dict[int, ServiceError] = {}
    for number, ((action, _, _), old) in enumerate(zip(located, found, strict=True)):
        try:
            require(action, old)
        except ConditionalCheckFailedException as error:
            failed[number] = error
    if failed:
        raise cancelled(len(located), failed)


def _results(located: list[_Located], found: list[StoredItem | None]) -> list[Image | None]:
    """Work out all new items; the first that can't be is reported."""
    results: list[Image | None] = []
    for number, ((action, table, key), old) in enumerate(zip(located, found, strict=True)):
        try:
            results.append(None if isinstance(action, Check) else action.result(table, key, old))
        except ValidationException as error:
            if error.message.startswith(NOT_VALID):
                raise
            raise cancelled(len(located), {number: error}) from error
    if sum(0 if image is None else image.size for image in results) > MAX_BYTES:
        raise ValidationException(TOO_LARGE)
    return results


def cancelled(count: int, errors: dict[int, Any]) -> TransactionCanceledException:
    """Build the refusal of a transaction of `count` actions, with the errors of some of them by their places."""
    reasons: list[dict[str, Any]] = [{"Code": "None"} for _ in range(count)]
    for place, error in errors.items():
        reasons[place] = {"Code": _REASONS[type(error)], "Message": error.message, **error.extra}
    return TransactionCanceledException(reasons)


def once(
    transaction: Transaction,
    operation: str,
    token: str | None,
    request: dict[str, Any],
    run: Callable[[], list[Done]],
) -> list[Done] | Completed:
    """Run what a request asks for, unless the same was done under its token before: then tell what that was.

    Raises: IdempotentParameterMismatchException, when another request was. (DynamoDB: ClientRequestToken.)
    """
    if token is None:
        return run()
    told = {name: value for name, value in request.items() if name not in _MAY_DIFFER}
    digest = blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
    before = find_token(transaction, operation, token)
    if before is None:
        done = run()
        store_token(transaction, operation, token, Completed(digest, [(each.table_name, each.size) for each in done]))
        return done
    if before.digest != digest:
        raise IdempotentParameterMismatchException(
            "The request was made before with the same ClientRequestToken and other parameters: "
            "use another token for another request"
        )
    return before


def transaction_capacities(done: list[Done] | Completed, mode: str | None) -> list[dict[str, Any]] | None:
    """Tell what a transaction consumed; one that had been made before, what reading its items would.

    (DynamoDB: TransactWriteItems, ReturnConsumedCapacity.)
    """
    bill = Bill()
    if isinstance(done, Completed):
        for name, size in done.sizes:
            bill.add(name, UNITS_FACTOR * read_units(size, consistent=True))
        return bill.capacities(mode, "Read")
    for each in done:
        bill.add(each.table_name, UNITS_FACTOR * write_units(each.size), each.index_units)
    return bill.capacities(mode, "Write")
