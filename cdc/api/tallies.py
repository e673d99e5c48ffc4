"""What the API has answered, counted by operation and table, for the metrics that CloudWatch has of DynamoDB."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdc.model.arns import parse_stream_arn, table_name_of
from cdc.model.errors import ConditionalCheckFailedException, ServiceError
from cdc.service.operations import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator

TALLIES_MAX = 5000
"""Pairs of operation and table that are told apart: names of tables come from callers. Further ones count as no table's."""
GET_RECORDS = b"DynamoDBStreams_20120810.GetRecords"
_RECORD = b'"eventSource":"aws:dynamodb"'  # no value of an item can look so
_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_SYSTEM_ERRORS = 500


@dataclass(slots=True, eq=False)
class Tally:
    """Answers of one operation for one table, since the process began.

    Only the event loop writes it. Successes are counted without a call, of which each would cost a GetItem 0.1 µs.
    """

    operation: str
    table: str
    counts_records: bool  # it is GetRecords
    successful: int = 0
    seconds: float = 0.0  # that these took
    user_errors: int = 0
    system_errors: int = 0
    conditional_check_failed: int = 0
    returned_records: int = 0

    def count_records(self, body: bytes) -> None:
        """Count the records in an answer of GetRecords."""
        self.returned_records += body.count(_RECORD)

    def fail(self, error: BaseException) -> None:
        """Count a failure: the caller's, unless it is ours."""
        if isinstance(error, ConditionalCheckFailedException):
            self.conditional_check_failed += 1
        elif isinstance(error, ServiceError) and error.status < _SYSTEM_ERRORS:
            self.user_errors += 1
        else:
            self.system_errors += 1


class Tallies:
    """All tallies."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[bytes, str], Tally] = {}  # by target, and the name as the caller gave it
        self._by_label: dict[tuple[str, str], Tally] = {}

    def __iter__(self) -> Iterator[Tally]:
        return iter(tuple(self._by_label.values()))

    def of(self, target: bytes, request: Any) -> Tally:
        """Return what counts a request of the operation that `X-Amz-Target` names; `request` may be no object."""
        try:
            return self._tallies[target, request["TableName"]]
        except (KeyError, TypeError):  # the first of its kind, or without a table's name
            key = (target, _table_in(request))
            return self._tallies.get(key) or self._add(key)

    def _add(self, key: tuple[bytes, str]) -> Tally:
        target, name = key
        known = target.decode("latin-1") in TARGETS
        operation = target.rpartition(b".")[2].decode() if known else ""
        table = name if _NAME.fullmatch(name) else table_name_of(name) if name.startswith("arn:") else ""
        if not known or not _NAME.fullmatch(table) or len(self._by_label) >= TALLIES_MAX:
            table = ""
        tally = self._by_label.get((operation, table))
        if tally is None:
            tally = self._by_label[operation, table] = Tally(operation, table, target == GET_RECORDS)
        if known and len(self._tallies) < TALLIES_MAX:
            self._tallies[key] = tally
        return tally


def _table_in(request: Any) -> str:
    """Find the one table that a request is about, as the caller names it; empty when there is none, or are several."""
    match request:
        case {"TableName": str() as name}:
            return name
        case {"RequestItems": dict() as items} if len(items) == 1:
            return str(next(iter(items)))
        case {"ShardIterator": str() as text} | {"StreamArn": str() as text}:
            arn = parse_stream_arn(text.partition("|")[0])
            return "" if arn is None else arn.table_name
    return ""
