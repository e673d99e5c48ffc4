"""What a function's answer says of its batch: ReportBatchItemFailures, and the state of a tumbling window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cdc.model.catalog import sequence_text

if TYPE_CHECKING:
    from collections.abc import Sequence


class Report(NamedTuple):
    """An answer as it counts for the batch."""

    failed_from: int | None = None  # everything before this sequence is done, and it is tried again from here on
    error: str | None = None  # why the whole batch counts as failed, though the function returned
    state: bytes | None = None  # JSON, of a tumbling window


def read_report(result: bytes | None, sequences: Sequence[int], *, item_failures: bool, window: bool) -> Report:
    """Read the answer to a batch of these sequences.

    Lambda: ReportBatchItemFailures, conditions of success and failure; tumbling windows, state.
    """
    answer = _load(result)
    state: bytes | None = None
    if window:
        if not isinstance(answer, dict) or not isinstance(answer.get("state"), dict):
            return Report(error='the answer has no state, which a tumbling window needs: {"state": {...}}')
        state = orjson.dumps(answer["state"])
    if not item_failures or not isinstance(answer, dict):
        return Report(state=state)
    failures = answer.get("batchItemFailures")
    if failures is None or failures == []:
        return Report(state=state)
    failed = _failed_sequences(failures, sequences)
    if failed is None:
        text = orjson.dumps(failures).decode()
        return Report(error=f"batchItemFailures names no sequence number of the batch: {text[:200]}")
    return Report(failed_from=min(failed), state=state)


def _load(result: bytes | None) -> Any:
    try:
        return orjson.loads(result) if result else None
    except orjson.JSONDecodeError:  # of a command, which may print anything
        return None


def _failed_sequences(failures: Any, sequences: Sequence[int]) -> list[int] | None:
    """Return the sequences that are named; None when anything else is, which makes the whole batch fail."""
    known = {sequence_text(sequence): sequence for sequence in sequences}
    if not isinstance(failures, list):
        return None
    found = []
    for each in failures:
        identifier = each.get("itemIdentifier") if isinstance(each, dict) else None
        if not isinstance(identifier, str) or identifier not in known:
            return None
        found.append(known[identifier])
    return found
