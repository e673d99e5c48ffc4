"""ExecuteTransaction: statements of one item each, all of which are done or none."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

from cdc.model.errors import DuplicateItemException, TransactionCanceledException, ValidationException
from cdc.partiql import shapes
from cdc.partiql.prepared import prepare
from cdc.partiql.syntax import Delete, Exists, Insert, Update, target_of
from cdc.partiql.writing import action_of, check_of, check_write, key_and_condition
from cdc.store.reading import Read, Write
from cdc.tables.batch import extras
from cdc.tables.requests import find_table, of_shape, refuse_key_paths
from cdc.tables.transact import Get, answer_together, read_together
from cdc.tables.transactions import MAX_BYTES, TOO_LARGE, once, transact, transaction_capacities
from cdc.tables.write import shows_item

if TYPE_CHECKING:
    from collections.abc import Generator

    from cdc.expressions import Condition
    from cdc.model.catalog import Table
    from cdc.model.options import Options
    from cdc.partiql.prepared import Bound
    from cdc.store.reading import View
    from cdc.store.transaction import Transaction
    from cdc.tables.actions import Action, Check
    from cdc.tables.transactions import Done

MIXED = "ExecuteTransaction API does not support both read and write operations in the same request."
RETURNING = "RETURNING clause is not supported in ExecuteTransaction."
ON_INDEX = "Reads on indices are not supported within transactions."
NO_FULL_KEY = "Select statements within ExecuteTransaction must specify the primary key in the where clause."


@of_shape(shapes.EXECUTE_TRANSACTION)
def execute_transaction(request: dict[str, Any], _options: Options) -> Read | Write:
    """Check an ExecuteTransaction. DynamoDB: ExecuteTransaction."""
    statements = request["TransactStatements"]
    parsed = [_parse(number, statement) for number, statement in enumerate(statements)]
    if len({bound.prepared.is_read for bound in parsed}) > 1:
        raise ValidationException(MIXED)
    mode = request.get("ReturnConsumedCapacity")
    if parsed[0].prepared.is_read:  # its token is for nothing: a read that is made again changes nothing
        return Read(lambda view: _read(view, parsed, mode))
    written = sum(bound.item[1] for bound in parsed if bound.item is not None)
    if written > MAX_BYTES:
        raise ValidationException(TOO_LARGE)
    shown = [shows_item(statement) for statement in statements]

    def run(transaction: Transaction) -> bytes:
        token = request.get("ClientRequestToken")
        done = once(transaction, "ExecuteTransaction", token, request, lambda: _write(transaction, parsed, shown))
        return orjson.dumps({"Responses": [], **extras(transaction_capacities(done, mode))})

    return Write(run, written)


def _parse(number: int, raw: dict[str, Any]) -> Bound:
    prepared = prepare(raw["Statement"])
    statement = prepared.statement
    with _naming(number):
        if isinstance(statement, Update | Delete) and statement.returning is not None:
            raise ValidationException(RETURNING)
        if target_of(statement).index_name is not None:
            raise ValidationException(ON_INDEX)
    bound = prepared.bind(raw.get("Parameters"))
    check_write(bound)
    return bound


@contextmanager
def _naming(number: int) -> Generator[None, None, None]:
    """Have what is wrong with a statement, whatever its item holds, told with the statement's place."""
    try:
        yield
    except ValidationException as error:
        message = f"Validation failed in TransactStatements[{number}]: {error.message}"
        raise ValidationException(message) from error


def _write(transaction: Transaction, parsed: list[Bound], shown: list[bool]) -> list[Done]:
    """Do all writes, or none.

    Raises: ResourceNotFoundException, ValidationException, TransactionCanceledException.
    """
    tables = [find_table(transaction.catalog, target_of(bound.statement).table_name) for bound in parsed]
    actions: list[Action | Check] = []
    for number, (bound, table, show_item) in enumerate(zip(parsed, tables, shown, strict=True)):
        make = check_of if isinstance(bound.statement, Exists) else action_of
        with _naming(number):
            actions.append(make(bound, table, show_item=show_item))
    try:
        return transact(transaction, actions)
    except TransactionCanceledException as error:
        raise _with_duplicates(error, parsed) from error


def _with_duplicates(error: TransactionCanceledException, parsed: list[Bound]) -> TransactionCanceledException:
    """Say of the failed condition of an INSERT what it means."""
    duplicate = {"Code": "DuplicateItem", "Message": DuplicateItemException().message}
    reasons = error.extra["CancellationReasons"]
    return TransactionCanceledException(
        [
            duplicate if isinstance(bound.statement, Insert) and reason["Code"] == "ConditionalCheckFailed" else reason
            for bound, reason in zip(parsed, reasons, strict=True)
        ]
    )


def _read(view: View, parsed: list[Bound], mode: str | None) -> bytes:
    tables = [find_table(view.catalog, target_of(bound.statement).table_name) for bound in parsed]
    gets, conditions = [], []
    for number, (bound, table) in enumerate(zip(parsed, tables, strict=True)):
        with _naming(number):
            get, condition = _get(bound, table)
        gets.append(get)
        conditions.append(condition)
    found = [
        each
        if each.stored is None or condition is None or condition.matches(each.stored.content)
        else each._replace(item=None)
        for each, condition in zip(read_together(view, gets), conditions, strict=True)
    ]
    return answer_together(found, mode)


def _get(bound: Bound, table: Table) -> tuple[Get, Condition | None]:
    """Return the read that a SELECT is, and what its WHERE demands beside the key."""
    try:
        key, condition = key_and_condition(bound, table.schema)
    except ValidationException as error:
        raise ValidationException(NO_FULL_KEY) from error
    refuse_key_paths(table, [path for condition in bound.conditions for path in condition.paths])
    return Get(target_of(bound.statement).table_name, key, bound.prepared.selection), condition
