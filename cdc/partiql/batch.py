"""BatchExecuteStatement: up to 25 statements, each of one item, which succeed or fail each for itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from cdc.model.errors import (
    ConditionalCheckFailedException,
    ResourceNotFoundException,
    ServiceError,
    ValidationException,
)
from cdc.model.keys import check_key, encode_key
from cdc.model.values import canonical_bytes
from cdc.partiql import shapes
from cdc.partiql.execute import EXISTS_ALONE
from cdc.partiql.prepared import prepare
from cdc.partiql.syntax import Exists, target_of
from cdc.partiql.writing import action_of, check_write, key_and_condition, refusal_of, returned_item
from cdc.store import items
from cdc.store.reading import Read, Write
from cdc.tables.actions import Put, require
from cdc.tables.batch import extras
from cdc.tables.capacity import Bill, read_units, write_units
from cdc.tables.requests import find_table, of_shape, refuse_key_paths
from cdc.tables.write import Written, change_item, larger_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.expressions import Condition
    from cdc.model.catalog import Catalog, Table
    from cdc.model.options import Options
    from cdc.partiql.prepared import Bound
    from cdc.store.reading import View
    from cdc.store.transaction import Transaction
    from cdc.tables.actions import Action
    from cdc.tables.entries import IndexUnits

MIXED = "Read and write requests together in the same batch is not supported."
DUPLICATES = "Provided list of item keys contains duplicates"
NO_FULL_KEY = "Select statements within BatchExecuteStatement must specify the primary key in the where clause."


@dataclass(slots=True)
class _Member:
    """One statement of a batch, and what became of it."""

    is_read: bool | None = None  # None: the statement can't be read
    consistent: bool = False
    bound: Bound | None = None
    refusal: ServiceError | None = None
    table: Table | None = None
    key: bytes = b""  # encoded, once it is known
    action: Action | None = None  # of a write
    condition: Condition | None = None  # of a read
    units: float = 0
    index_units: IndexUnits = field(default_factory=list)
    item: bytes | None = None

    @property
    def runs(self) -> bool:
        """Whether nothing has refused it yet."""
        return self.refusal is None


@of_shape(shapes.BATCH_EXECUTE_STATEMENT)
def batch_execute_statement(request: dict[str, Any], _options: Options) -> Read | Write:
    """Check a BatchExecuteStatement. DynamoDB: BatchExecuteStatement."""
    parsed = [_parse(statement) for statement in request["Statements"]]
    if not all(member.runs for member in parsed):
        shapes.BATCH_EXECUTE_STATEMENT.check_types(request)
    kinds = {member.is_read for member in parsed} - {None}
    if len(kinds) > 1:
        raise ValidationException(MIXED)
    mode = request.get("ReturnConsumedCapacity")

    def members() -> list[_Member]:
        """Begin anew each time: a write that was rolled back with its group runs again."""
        return [_Member(each.is_read, each.consistent, each.bound, each.refusal) for each in parsed]

    if False in kinds:

        def write(transaction: Transaction) -> bytes:
            return _run(members(), transaction.catalog, _locate_write, lambda member: _write(transaction, member), mode)

        return Write(write, sum(each.bound.item[1] for each in parsed if each.bound is not None and each.bound.item))

    def read(view: View) -> bytes:
        return _run(members(), view.catalog, _locate_read, lambda member: _read(view, member), mode)

    return Read(read)


def _parse(raw: dict[str, Any]) -> _Member:
    member = _Member(consistent=bool(raw.get("ConsistentRead")))
    try:
        prepared = prepare(raw["Statement"])
        member.is_read = prepared.is_read
        if isinstance(prepared.statement, Exists):
            raise ValidationException(EXISTS_ALONE)  # noqa: TRY301  # as all other faults of a member
        member.bound = prepared.bind(raw.get("Parameters"))
        check_write(member.bound)
    except ValidationException as error:
        member.refusal = error
    return member


def _run(
    members: list[_Member],
    catalog: Catalog,
    locate: Callable[[_Member, Bound, Table], None],
    perform: Callable[[_Member], None],
    mode: str | None,
) -> bytes:
    for member in members:
        if member.bound is not None and member.runs:
            try:
                table = find_table(catalog, target_of(member.bound.statement).table_name)
                locate(member, member.bound, table)
                member.table = table
            except (ValidationException, ResourceNotFoundException) as error:
                member.refusal = error
    located = [(member.table.id, member.key) for member in members if member.table is not None]
    if len(set(located)) < len(located):
        raise ValidationException(DUPLICATES)
    for member in members:
        if member.runs:
            perform(member)
    return _answer(members, mode)


def _locate_read(member: _Member, bound: Bound, table: Table) -> None:
    try:
        key, member.condition = key_and_condition(bound, table.schema)
    except ValidationException as error:
        raise ValidationException(NO_FULL_KEY) from error
    if target_of(bound.statement).index_name is not None:
        raise ValidationException(NO_FULL_KEY)
    check_key(table.schema, key)
    refuse_key_paths(table, [path for condition in bound.conditions for path in condition.paths])
    if bound.prepared.selection is not None:
        refuse_key_paths(table, bound.prepared.selection.paths)
    member.key = encode_key(table.schema, key)


def _read(view: View, member: _Member) -> None:
    assert member.table is not None
    assert member.bound is not None
    stored = items.fetch(view.cursor, member.table.id, member.key)
    member.units = read_units(0 if stored is None else stored.size, consistent=member.consistent)
    if stored is None or (member.condition is not None and not member.condition.matches(stored.content)):
        return
    selection = member.bound.prepared.selection
    member.item = stored.item if selection is None else canonical_bytes(selection.apply(stored.content))


def _locate_write(member: _Member, bound: Bound, table: Table) -> None:
    member.action = action_of(bound, table, show_item=False)
    member.key = member.action.locate(table)


def _write(transaction: Transaction, member: _Member) -> None:
    table, action, bound = member.table, member.action, member.bound
    assert table is not None
    assert action is not None
    assert bound is not None
    old = items.fetch(transaction.cursor, table.id, member.key)
    image = action.image if isinstance(action, Put) else None
    member.units = write_units(larger_size(old, image))
    try:
        require(action, old)
        new = action.result(table, member.key, old)
    except ConditionalCheckFailedException as error:
        member.refusal = refusal_of(bound, error)
        return
    except ValidationException as error:
        member.refusal = error
        return
    member.index_units = change_item(transaction, table, member.key, action.key, old, new)
    written = Written(table, old, new, member.index_units)
    member.units = written.units
    member.item = returned_item(bound, written)


def _answer(members: list[_Member], mode: str | None) -> bytes:
    answer: dict[str, Any] = {"Responses": [_response(member) for member in members]}
    succeeded = {member.table.name for member in members if member.table is not None and member.runs}
    bill = Bill()
    for member in members:  # an attempt that failed is charged where another one succeeded
        if member.bound is not None and member.table is not None and member.table.name in succeeded:
            bill.add(target_of(member.bound.statement).table_name, member.units, member.index_units)
    return orjson.dumps(answer | extras(bill.capacities(mode)))


def _response(member: _Member) -> dict[str, Any]:
    response: dict[str, Any] = {}
    if member.table is not None and not isinstance(member.refusal, ValidationException):
        response["TableName"] = member.table.name
    if member.item is not None:
        response["Item"] = orjson.Fragment(member.item)
    if member.refusal is not None:
        response["Error"] = {"Code": _code(member.refusal), "Message": member.refusal.message}
    return response


def _code(error: ServiceError) -> str:
    """Return the short code that a batch has for an error (DynamoDB: BatchStatementErrorCodeEnum)."""
    return "ValidationError" if isinstance(error, ValidationException) else error.code.removesuffix("Exception")
