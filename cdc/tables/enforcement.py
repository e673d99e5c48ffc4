"""Enforcing throughput, where it is wanted: requests beyond a table's units are refused, so that retries can be tried out.

Each table has two buckets of units, for reads and for writes, which fill with time and hold some seconds' worth, as
DynamoDB's do; so has each of its global indexes. A request is let in while there is something in the bucket and takes
what it consumed, be it more than there was: the bucket then owes, and the next requests wait for it. A write waits for
the table and all its global indexes, as which of them it changes is known too late; a read for what it reads. What the
operations consume is read from their answers, so they know nothing of all this.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from cdc.model.arns import index_arn, table_arn, table_name_of
from cdc.model.errors import (
    ConditionalCheckFailedException,
    DuplicateItemException,
    ProvisionedThroughputExceededException,
    ServiceError,
    ThrottlingException,
    TransactionCanceledException,
)
from cdc.store.reading import Read, Write
from cdc.tables.throughput import PROVISIONED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cdc.clock import Clock
    from cdc.model.catalog import Catalog, Table, TableDefinition
    from cdc.model.indexes import Index, IndexDefinition
    from cdc.model.options import Options
    from cdc.store.reading import View
    from cdc.store.transaction import Transaction

    Operation = Callable[[dict[str, Any], Options], Read | Write]
    Target = tuple[str, str | None]
    """The name of a table, and that of an index of it or None."""

EXCEEDED = (
    "The level of configured provisioned throughput for the table was exceeded. "
    "Consider increasing your provisioning level with the UpdateTable API."
)
INDEX_EXCEEDED = (
    "The level of configured provisioned throughput for one or more global secondary indexes of the table was exceeded. "
    "Consider increasing your provisioning level for the under-provisioned global secondary indexes "
    "with the UpdateTable API."
)
MAXIMUM_EXCEEDED = "Throughput exceeds the maximum OnDemandThroughput configured on table or index"
_MODES = (None, "NONE", "TOTAL", "INDEXES")  # no set: what a request has may not be hashable
_BATCHES = {"BatchGetItem": "UnprocessedKeys", "BatchWriteItem": "UnprocessedItems"}
_TRANSACTIONS = frozenset({"TransactGetItems", "TransactWriteItems", "ExecuteTransaction"})
_STATEMENTS = {"BatchExecuteStatement": "Statements", "ExecuteTransaction": "TransactStatements"}
_INDEPENDENT_STATEMENTS = frozenset({"BatchExecuteStatement"})
_SHORT_CODES = {
    "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
    "ThrottlingException": "ThrottlingError",
}
"""Codes of refused parts of requests, by those of whole ones (DynamoDB: CancellationReasons, BatchStatementErrorCodeEnum)."""
_SINGLE = frozenset({"GetItem", "Query", "Scan", "PutItem", "UpdateItem", "DeleteItem", "ExecuteStatement"})
ENFORCED = _SINGLE | _BATCHES.keys() | _TRANSACTIONS | _STATEMENTS.keys()
"""Operations that consume units."""


@dataclass(frozen=True, slots=True)
class Owner:
    """What has units: a table, or a global index of it."""

    table: Table
    index: Index | None = None

    @property
    def definition(self) -> TableDefinition | IndexDefinition:
        """The definition of the one or the other."""
        return self.table.definition if self.index is None else self.index.definition

    @property
    def provisioned(self) -> bool:
        """Whether its units are provisioned, which is the table's billing mode."""
        return self.table.definition.billing_mode == PROVISIONED

    def limit(self, axis: str) -> int | None:
        """Return how many units a second it has; None when there is no limit."""
        definition, read = self.definition, axis == "Read"
        if self.provisioned:
            return definition.read_units if read else definition.write_units
        return definition.max_read_units if read else definition.max_write_units


@dataclass(slots=True)
class _Bucket:
    """Units that are left; fewer than none are owed."""

    units: float
    at_seconds: float  # on the monotonic clock


class Enforcer:
    """The buckets of one process. May be used from any thread."""

    def __init__(self, clock: Clock, burst_seconds: int, target_named: Callable[[str], Target | None]) -> None:
        """Begin with full buckets; `target_named` tells what a PartiQL statement is about, if it can be read."""
        self._clock = clock
        self.target_named = target_named
        self._burst_seconds = burst_seconds
        # By the ids of table and index in the file, and Read or Write.
        self._buckets: dict[tuple[int, int | None, str], _Bucket] = {}
        self._lock = threading.Lock()

    def check(self, name: str, operation: Operation, request: dict[str, Any], options: Options) -> Read | Write:
        """Check a request as its operation does, and have what comes out hold to the throughput.

        Raises: what the operation raises. When run: ProvisionedThroughputExceededException, ThrottlingException,
        TransactionCanceledException.
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

    def has_units(self, owner: Owner, axis: str) -> bool:
        """Tell whether a bucket has something in it; one without a limit always has."""
        limit = owner.limit(axis)
        if limit is None:
            return True
        with self._lock:
            return self._filled(owner, axis, limit).units > 0

    def take(self, owner: Owner, axis: str, units: float) -> None:
        """Take units out of a bucket."""
        limit = owner.limit(axis)
        if limit is not None:
            with self._lock:
                self._filled(owner, axis, limit).units -= units

    def _filled(self, owner: Owner, axis: str, limit: int) -> _Bucket:
        """Return a bucket with what has come into it since it was last looked at."""
        now, full = self._clock.monotonic(), float(limit * self._burst_seconds)
        index_id = None if owner.index is None else owner.index.id
        bucket = self._buckets.setdefault((owner.table.id, index_id, axis), _Bucket(full, now))
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
        exhausted = self._exhausted(context.catalog)
        if not any(exhausted):
            return orjson.dumps(self._run(context, work))
        if self.name in _INDEPENDENT_STATEMENTS:
            return orjson.dumps(self._run_statements(context, exhausted))
        if self.name in _TRANSACTIONS:
            raise TransactionCanceledException([self._reason(owner) for owner in exhausted])
        parts = self._parts()
        left = {name: part for owner, (name, part) in zip(exhausted, parts.items(), strict=False) if owner}
        if not left or len(left) == len(parts):
            raise _refusal(next(filter(None, exhausted)), self.axis, self.options)
        rest = {name: part for name, part in parts.items() if name not in left}
        answer = self._run(context, self._reduced(RequestItems=rest))
        answer[_BATCHES[self.name]] |= left
        return orjson.dumps(answer)

    def _run_statements(self, context: Any, exhausted: list[Owner | None]) -> dict[str, Any]:
        """Run a batch but for the statements of exhausted tables, each of which gets an error of its own."""
        statements = zip(self.request["Statements"], exhausted, strict=True)
        rest = [statement for statement, owner in statements if owner is None]
        answer = self._run(context, self._reduced(Statements=rest)) if rest else {"Responses": []}
        for place, owner in enumerate(exhausted):
            if owner is not None:
                answer["Responses"].insert(place, {"Error": self._reason(owner)})
        return answer

    def _reason(self, owner: Owner | None) -> dict[str, str]:
        """Tell in short why a part of the request is refused, or that it is not."""
        if owner is None:
            return {"Code": "None"}
        error = _refusal(owner, self.axis, self.options)
        return {"Code": _SHORT_CODES[error.code], "Message": error.message}

    def _run(self, context: Any, work: Callable[[Any], bytes]) -> dict[str, Any]:
        """Run what is let in, and take what it consumed."""
        try:
            answer: dict[str, Any] = orjson.loads(work(context))
        except (ConditionalCheckFailedException, DuplicateItemException):
            self._take(context, [(Owner(*each), 1.0) for each in self._found(context.catalog) if each is not None])
            raise  # a failed condition consumes, too
        consumed = answer.pop("ConsumedCapacity", [])
        listed = consumed if isinstance(consumed, list) else [consumed]
        self._take(context, [each for capacity in listed for each in _taken(context.catalog, capacity)])
        return answer | _shown(consumed, self.request.get("ReturnConsumedCapacity"))

    def _exhausted(self, catalog: Catalog) -> list[Owner | None]:
        """For each part of the request, find what it would take from and has nothing left; None where all have."""
        return [None if each is None else self._exhausted_of(*each) for each in self._found(catalog)]

    def _exhausted_of(self, table: Table, index: Index | None) -> Owner | None:
        owners = [Owner(table, index)]
        if self.axis == "Write":
            owners += [Owner(table, each) for each in table.indexes if not each.local]
        return next((owner for owner in owners if not self.enforcer.has_units(owner, self.axis)), None)

    def _found(self, catalog: Catalog) -> list[tuple[Table, Index | None] | None]:
        """For each part of the request, give the table that it is about, and the global index that it reads, if any."""
        found: list[tuple[Table, Index | None] | None] = []
        for target in self._targets():
            table = None if target is None else catalog.tables.get(table_name_of(target[0]))
            index = None if table is None or not target or target[1] is None else table.index(target[1])
            found.append(None if table is None else (table, None if index is None or index.local else index))
        return found

    def _targets(self) -> Iterable[Target | None]:
        """Give what each part of the request names; None for a statement that can't be read."""
        request = self.request
        if self.name == "ExecuteStatement":
            return [self.enforcer.target_named(request["Statement"])]
        if self.name in _STATEMENTS:
            return [self.enforcer.target_named(each["Statement"]) for each in request[_STATEMENTS[self.name]]]
        if self.name in _BATCHES:
            return [(name, None) for name in request["RequestItems"]]
        if self.name in _TRANSACTIONS:
            actions = (member for item in request["TransactItems"] for member in item.values() if member is not None)
            return [(action["TableName"], None) for action in actions]
        return [(request["TableName"], request.get("IndexName"))]

    def _parts(self) -> Mapping[str, Any]:
        """Return what a batch asks of each table; nothing for an operation that is no batch."""
        return self.request["RequestItems"] if self.name in _BATCHES else {}

    def _reduced(self, **rest: Any) -> Callable[[Any], bytes]:
        """Do a part of what a batch asks."""
        return self.operation({**self.request, **rest, "ReturnConsumedCapacity": "INDEXES"}, self.options).run

    def _take(self, context: View | Transaction, units: list[tuple[Owner, float]]) -> None:
        """Take what was consumed: a write when it is committed, since it may still be rolled back and run again."""

        def take() -> None:
            for owner, consumed in units:
                self.enforcer.take(owner, self.axis, consumed)

        if self.axis == "Write":
            context.after_commit.append(take)  # type: ignore[union-attr]  # a transaction
        else:
            take()


def _taken(catalog: Catalog, capacity: dict[str, Any]) -> Iterator[tuple[Owner, float]]:
    """Give what a `ConsumedCapacity` of one table takes from where: local indexes have no units but the table's."""
    table = catalog.tables[table_name_of(capacity["TableName"])]
    local = capacity.get("LocalSecondaryIndexes", {}).values()
    yield Owner(table), capacity["Table"]["CapacityUnits"] + sum(each["CapacityUnits"] for each in local)
    for name, each in capacity.get("GlobalSecondaryIndexes", {}).items():
        yield Owner(table, table.index(name)), each["CapacityUnits"]


def _refusal(owner: Owner, axis: str, options: Options) -> ServiceError:
    kind, message, resource = "Table", EXCEEDED, table_arn(options, owner.table.name)
    if owner.index is not None:
        kind, message, resource = "Index", INDEX_EXCEEDED, index_arn(options, owner.table.name, owner.index.name)
    if owner.provisioned:
        reason = {"reason": f"{kind}{axis}ProvisionedThroughputExceeded", "resource": resource}
        return ProvisionedThroughputExceededException(message, ThrottlingReasons=[reason])
    reason = {"reason": f"{kind}{axis}MaxOnDemandThroughputExceeded", "resource": resource}
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
