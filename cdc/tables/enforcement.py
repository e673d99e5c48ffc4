"""Enforcing throughput, where it is wanted: requests beyond a table's units are refused, so that retries can be tried out.

Each table has two buckets of units, for reads and for writes, which fill with time and hold some seconds' worth, as
DynamoDB's do. A request is let in while there is something in the bucket and takes what it consumed, be it more than
there was: the bucket then owes, and the next requests wait for it. What indexes consume is held against nothing. What
the operations consume is read from their answers, so they know nothing of all this.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from cdc.model.arns import table_arn, table_name_of
from cdc.model.errors import (
    ConditionalCheckFailedException,
    DuplicateItemException,
    ProvisionedThroughputExceededException,
    ServiceError,
    ThrottlingException,
)
from cdc.store.reading import Read, Write
from cdc.tables.throughput import PROVISIONED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cdc.clock import Clock
    from cdc.model.catalog import Catalog, Table
    from cdc.model.options import Options
    from cdc.store.reading import View
    from cdc.store.transaction import Transaction

    Operation = Callable[[dict[str, Any], Options], Read | Write]

EXCEEDED = (
    "The level of configured provisioned throughput for the table was exceeded. "
    "Consider increasing your provisioning level with the UpdateTable API."
)
MAXIMUM_EXCEEDED = "Throughput exceeds the maximum OnDemandThroughput configured on table or index"
_MODES = frozenset({None, "NONE", "TOTAL", "INDEXES"})
_BATCHES = {"BatchGetItem": "UnprocessedKeys", "BatchWriteItem": "UnprocessedItems"}
_TRANSACTIONS = frozenset({"TransactGetItems", "TransactWriteItems"})
_STATEMENTS = {"BatchExecuteStatement": "Statements", "ExecuteTransaction": "TransactStatements"}
_INDEPENDENT_STATEMENTS = frozenset({"BatchExecuteStatement"})
_STATEMENT_CODES = {
    "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
    "ThrottlingException": "ThrottlingError",
}
"""Codes of refused statements of a batch, by those of whole requests (DynamoDB: BatchStatementErrorCodeEnum)."""
_SINGLE = frozenset({"GetItem", "Query", "Scan", "PutItem", "UpdateItem", "DeleteItem", "ExecuteStatement"})
ENFORCED = _SINGLE | _BATCHES.keys() | _TRANSACTIONS | _STATEMENTS.keys()
"""Operations that consume units."""


@dataclass(slots=True)
class _Bucket:
    """Units that are left; fewer than none are owed."""

    units: float
    at_seconds: float  # on the monotonic clock


class Enforcer:
    """The buckets of one process. May be used from any thread."""

    def __init__(self, clock: Clock, burst_seconds: int, table_named: Callable[[str], str | None]) -> None:
        """Begin with full buckets; `table_named` tells which table a PartiQL statement names, if it can be read."""
        self._clock = clock
        self.table_named = table_named
        self._burst_seconds = burst_seconds
        self._buckets: dict[tuple[int, str], _Bucket] = {}  # by the table's id in the file, and Read or Write
        self._lock = threading.Lock()

    def check(self, name: str, operation: Operation, request: dict[str, Any], options: Options) -> Read | Write:
        """Check a request as its operation does, and have what comes out hold to the throughput.

        Raises: what the operation raises. When run: ProvisionedThroughputExceededException, ThrottlingException.
        """
        mode = request.get("ReturnConsumedCapacity")
        if name not in ENFORCED or mode not in _MODES:
            return operation(request, options)
        work = operation({**request, "ReturnConsumedCapacity": "INDEXES"}, options)
        call = _Call(self, name, operation, request, options, "Read" if isinstance(work, Read) else "Write")
        if isinstance(work, Read):
            inner = work.run
            return Read(lambda view: call.run(view, inner), quick=work.quick)
        inner_write = work.run
        return Write(lambda transaction: call.run(transaction, inner_write), work.size_bytes)

    def has_units(self, table: Table, axis: str) -> bool:
        """Tell whether a table's bucket has something in it; one without a limit always has."""
        limit = _limit(table, axis)
        if limit is None:
            return True
        with self._lock:
            return self._filled(table, axis, limit).units > 0

    def take(self, table: Table, axis: str, units: float) -> None:
        """Take units out of a table's bucket."""
        limit = _limit(table, axis)
        if limit is not None:
            with self._lock:
                self._filled(table, axis, limit).units -= units

    def _filled(self, table: Table, axis: str, limit: int) -> _Bucket:
        """Return a bucket with what has come into it since it was last looked at."""
        now, full = self._clock.monotonic(), float(limit * self._burst_seconds)
        bucket = self._buckets.setdefault((table.id, axis), _Bucket(full, now))
        bucket.units = min(full, bucket.units + (now - bucket.at_seconds) * limit)
        bucket.at_seconds = now
        return bucket


@dataclass(frozen=True, slots=True)
class _Call:
    """One request on its way through."""

    enforcer: Enforcer
    name: str
    operation: Operation
    request: dict[str, Any]  # as it came
    options: Options
    axis: str  # which of a table's two buckets it takes from

    def run(self, context: Any, work: Callable[[Any], bytes]) -> bytes:
        """Let the request in or refuse it, run it, and take what it consumed."""
        tables = self._tables(context.catalog)
        exhausted = {name: table for name, table in tables.items() if not self.enforcer.has_units(table, self.axis)}
        if not exhausted:
            answer = self._run(context, tables, work)
        elif self.name in _INDEPENDENT_STATEMENTS:
            answer = self._run_statements(context, tables, exhausted)
        else:
            parts = self._parts()
            left = {name: part for name, part in parts.items() if table_name_of(name) in exhausted}
            if not left or len(left) == len(parts):
                raise _refusal(next(iter(exhausted.values())), self.axis, self.options)
            rest = {name: part for name, part in parts.items() if name not in left}
            answer = self._run(context, tables, self._reduced(RequestItems=rest))
            answer[_BATCHES[self.name]] |= left
        return orjson.dumps(answer)

    def _run_statements(
        self, context: Any, tables: Mapping[str, Table], exhausted: Mapping[str, Table]
    ) -> dict[str, Any]:
        """Run a batch but for the statements of exhausted tables, each of which gets an error of its own."""
        refused = {
            place: exhausted[name] for place, name in enumerate(self._names()) if name is not None and name in exhausted
        }
        rest = [each for place, each in enumerate(self.request["Statements"]) if place not in refused]
        answer = self._run(context, tables, self._reduced(Statements=rest)) if rest else {"Responses": []}
        for place, table in refused.items():
            error = _refusal(table, self.axis, self.options)
            response = {"Error": {"Code": _STATEMENT_CODES[error.code], "Message": error.message}}
            answer["Responses"].insert(place, response)
        return answer

    def _run(self, context: Any, tables: Mapping[str, Table], work: Callable[[Any], bytes]) -> dict[str, Any]:
        """Run what is let in, and take what it consumed."""
        try:
            answer: dict[str, Any] = orjson.loads(work(context))
        except (ConditionalCheckFailedException, DuplicateItemException):
            self._take(context, dict.fromkeys(tables, 1.0))  # a failed condition consumes, too
            raise
        consumed = answer.pop("ConsumedCapacity", [])
        listed = consumed if isinstance(consumed, list) else [consumed]
        self._take(context, {each["TableName"]: each["Table"]["CapacityUnits"] for each in listed})
        return answer | _shown(consumed, self.request.get("ReturnConsumedCapacity"))

    def _tables(self, catalog: Catalog) -> dict[str, Table]:
        """Find the tables that the request names and that there are."""
        names = [table_name_of(each) for each in self._names() if each is not None]
        return {each: catalog.tables[each] for each in names if each in catalog.tables}

    def _names(self) -> Iterable[str | None]:
        """Give the tables that the request names, and None for a statement that can't be read."""
        request = self.request
        if self.name == "ExecuteStatement":
            return [self.enforcer.table_named(request["Statement"])]
        if self.name in _STATEMENTS:
            return [self.enforcer.table_named(each["Statement"]) for each in request[_STATEMENTS[self.name]]]
        if self.name in _BATCHES:
            return list(request["RequestItems"])
        if self.name in _TRANSACTIONS:
            actions = (member for item in request["TransactItems"] for member in item.values() if member is not None)
            return [action["TableName"] for action in actions]
        return [request["TableName"]]

    def _parts(self) -> Mapping[str, Any]:
        """Return what a batch asks of each table; nothing for an operation that is no batch."""
        return self.request["RequestItems"] if self.name in _BATCHES else {}

    def _reduced(self, **rest: Any) -> Callable[[Any], bytes]:
        """Do a part of what a batch asks."""
        return self.operation({**self.request, **rest, "ReturnConsumedCapacity": "INDEXES"}, self.options).run

    def _take(self, context: View | Transaction, units: Mapping[str, float]) -> None:
        """Take what was consumed: a write when it is committed, since it may still be rolled back and run again."""
        tables = context.catalog.tables

        def take() -> None:
            for name, consumed in units.items():
                self.enforcer.take(tables[name], self.axis, consumed)

        if self.axis == "Write":
            context.after_commit.append(take)  # type: ignore[union-attr]  # a transaction
        else:
            take()


def _limit(table: Table, axis: str) -> int | None:
    """Return how many units a second a table has; None when there is no limit."""
    definition, read = table.definition, axis == "Read"
    if definition.billing_mode == PROVISIONED:
        return definition.read_units if read else definition.write_units
    return definition.max_read_units if read else definition.max_write_units


def _refusal(table: Table, axis: str, options: Options) -> ServiceError:
    resource = table_arn(options, table.name)
    if table.definition.billing_mode == PROVISIONED:
        reason = {"reason": f"Table{axis}ProvisionedThroughputExceeded", "resource": resource}
        return ProvisionedThroughputExceededException(EXCEEDED, ThrottlingReasons=[reason])
    reason = {"reason": f"Table{axis}MaxOnDemandThroughputExceeded", "resource": resource}
    return ThrottlingException(MAXIMUM_EXCEEDED, throttlingReasons=[reason])


def _shown(consumed: Any, mode: str | None) -> dict[str, Any]:
    """Reduce `ConsumedCapacity`, which has everything, to what the caller asked for."""
    if mode in {None, "NONE"} or not consumed:
        return {}
    if mode == "TOTAL":
        parts = {"Table", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"}
        several = consumed if isinstance(consumed, list) else [consumed]
        totals = [{name: value for name, value in each.items() if name not in parts} for each in several]
        consumed = totals if isinstance(consumed, list) else totals[0]
    return {"ConsumedCapacity": consumed}
