"""What became of one record in one mapping: delivered, filtered, waiting behind something, given up, and so on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from cdc.mappings.backoff import delay_seconds
from cdc.mappings.filtering import FilterError, compile_filters
from cdc.model.catalog import sequence_text
from cdc.model.lanes import lane_of
from cdc.model.mappings import DEAD, DELIVERED, FILTERED, RESET, SKIPPED, TRIMMED
from cdc.store import checkpoints, history
from cdc.store.mappings import load_controls

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.mappings.filtering import Verdict
    from cdc.model.catalog import Catalog, Shard, Stream
    from cdc.model.dead_letters import DeadLetter
    from cdc.model.history import FailedAttempt, Outcome
    from cdc.model.mappings import Checkpoint, Mapping
    from cdc.store.blocks import Record

WAITING = "waiting"
NOT_WANTED = "not wanted"
UNKNOWN = "unknown"
"""Fates besides the kinds of outcomes: it is still to come; it lies before the mapping's start; history has no more of it."""
_GIVEN_UP = {"RetryAttemptsExhausted": "its retries were used up", "RecordAgeExceeded": "it had grown too old"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A record in its place."""

    stream: Stream
    shard: Shard
    record: Record
    event: bytes  # as a handler gets it
    expired: bool
    letters: tuple[DeadLetter, ...]  # that hold it, of all mappings


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What there is to see of the file and of the process that delivers."""

    connection: Any  # of the store, to read with
    catalog: Catalog
    is_served: bool  # whether a process delivers
    live: dict[str, Any] | None  # what it has published
    now_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Traces:
    """What the file knows of a record in one mapping."""

    checkpoint: Checkpoint | None  # of the record's lane
    outcomes: tuple[
        Outcome, ...
    ]  # that its lane's checkpoint passed it with, or was put elsewhere over it; oldest first
    failed: tuple[FailedAttempt, ...]  # at batches that it was in
    letters: tuple[DeadLetter, ...]
    verdicts: tuple[Verdict, ...]  # of the filters as they are now
    passes: bool  # whether these let it pass


def fate_of(sight: Sight, mapping: Mapping, found: Found) -> dict[str, Any]:
    """Say what became of a record in a mapping, as JSON values with a sentence under `text`."""
    traces = _traces(sight, mapping, found)
    checkpoint, sequence = traces.checkpoint, found.record.sequence
    if checkpoint is not None and sequence <= checkpoint.sequence:
        fate, text = _settled(mapping, found, traces, checkpoint)
    elif sequence <= mapping.start_sequence or found.stream.id < mapping.first_stream:
        fate, text = NOT_WANTED, "it was written before the mapping's start, from which on records are delivered"
    elif found.expired:
        fate, text = TRIMMED, "it expired before it was delivered"
    else:
        fate, text = WAITING, _waiting(sight, mapping, found, traces)
    newest = traces.outcomes[-1] if traces.outcomes and fate not in {WAITING, NOT_WANTED} else None
    return {
        "mapping": mapping.name,
        "function": mapping.function_name,
        "fate": fate,
        "text": text,
        "lane": None if checkpoint is None else checkpoint.lane,
        "batch": None if newest is None else _batch(newest),
        "failed_attempts": [_failed(each) for each in traces.failed],
        "filters": [] if traces.passes else [_miss(each) for each in traces.verdicts],
        "dead_letters": [_letter(each) for each in traces.letters],
        "history": [_batch(each) for each in traces.outcomes],
    }


def _traces(sight: Sight, mapping: Mapping, found: Found) -> Traces:
    connection, shard, record = sight.connection, found.shard.id, found.record
    lanes = checkpoints.lanes_of(connection, mapping.id, shard)
    about = (connection, mapping.id, shard, record.sequence)

    def of_lane(row: Checkpoint | Outcome | FailedAttempt) -> bool:
        return lane_of(record.change, row.lane_count) == row.lane

    try:
        verdicts = compile_filters(mapping.settings.filters).explain(orjson.loads(found.event))
    except FilterError:  # of a damaged file; the mapping says so
        verdicts = ()
    return Traces(
        checkpoint=next(filter(of_lane, lanes), None),
        outcomes=tuple(filter(of_lane, history.outcomes_about(*about))),
        failed=tuple(filter(of_lane, history.failed_attempts_about(*about))),
        letters=tuple(each for each in found.letters if each.mapping_id == mapping.id),
        verdicts=verdicts,
        passes=not verdicts or any(each.matches for each in verdicts),
    )


# -- what has been settled --


def _settled(mapping: Mapping, found: Found, traces: Traces, checkpoint: Checkpoint) -> tuple[str, str]:
    if not traces.outcomes:
        if found.record.sequence > checkpoint.start_sequence:
            return UNKNOWN, "it was settled, and the history of that time is no longer kept"
        if found.record.sequence > mapping.start_sequence:
            return TRIMMED, "it had expired when the mapping came to its shard"
        return NOT_WANTED, "it was written before the mapping's start, from which on records are delivered"
    outcome = traces.outcomes[-1]
    if outcome.kind in {DELIVERED, DEAD, SKIPPED} and _was_filtered(found, traces, outcome):
        return FILTERED, _filtered_text(mapping, traces, outcome)
    words: dict[str, Callable[[], str]] = {
        DELIVERED: lambda: _delivered_text(mapping, outcome),
        FILTERED: lambda: _filtered_text(mapping, traces, outcome),
        DEAD: lambda: _dead_text(traces, outcome),
        SKIPPED: lambda: f"an operator skipped its batch at {time_text(outcome.settled_ms)}",
        RESET: lambda: f"an operator reset the mapping past it at {time_text(outcome.settled_ms)}",
        TRIMMED: lambda: f"it expired before it was delivered, which was noticed at {time_text(outcome.settled_ms)}",
    }
    return outcome.kind, words[outcome.kind]()


def _was_filtered(found: Found, traces: Traces, outcome: Outcome) -> bool:
    """Tell whether the filters passed over a record between those that an outcome is about."""
    if outcome.filtered == 0:
        return False
    first, last, sequence = outcome.first_sequence, outcome.last_sequence, found.record.sequence
    if outcome.records == 0 or (first is not None and last is not None and not first <= sequence <= last):
        return True
    return not traces.letters and not traces.passes


def _was_redefined(mapping: Mapping, outcome: Outcome) -> bool:
    return mapping.modified_ms > outcome.settled_ms


def _delivered_text(mapping: Mapping, outcome: Outcome) -> str:
    attempt = f"at attempt {outcome.attempts}, " if outcome.attempts > 1 else ""
    text = (
        f"delivered at {time_text(outcome.settled_ms)}, {attempt}{_batch_text(outcome)}, request {outcome.request_id}"
    )
    if outcome.filtered and mapping.settings.filters and _was_redefined(mapping, outcome):
        text += "; if the filters let it pass then: the mapping was changed since, and by those of today they do"
    return text


def _batch_text(outcome: Outcome) -> str:
    if outcome.first_sequence is None or outcome.last_sequence is None:
        return f"in a batch of {outcome.records:,}"
    if outcome.records == 1:
        return "alone in its batch"
    first, last = sequence_text(outcome.first_sequence), sequence_text(outcome.last_sequence)
    return f"in a batch of {outcome.records:,}, {first} to {last}"


def _filtered_text(mapping: Mapping, traces: Traces, outcome: Outcome) -> str:
    text = f"passed over by the filters, noted at {time_text(outcome.settled_ms)}"
    if traces.passes:
        return f"{text}; those of today let it pass"
    changed = ", by the filters of today, as the mapping was changed since" if _was_redefined(mapping, outcome) else ""
    return f"{text}{changed}: {_misses_text(traces)}"


def _misses_text(traces: Traces) -> str:
    return "; ".join(f"filter {each.number} at {each.miss}" for each in traces.verdicts if each.miss is not None)


def _dead_text(traces: Traces, outcome: Outcome) -> str:
    when = time_text(outcome.settled_ms)
    if not traces.letters:
        return f"given up at {when} after {_attempts(outcome.attempts)}; its dead letter is no longer kept"
    letter = traces.letters[-1]
    why = _GIVEN_UP.get(letter.condition, letter.condition)
    text = f"given up at {when}, as {why}, after {_attempts(letter.attempts)}: dead letter {letter.id}, {letter.state}"
    if letter.redriven_ms is not None:
        text += f" at {time_text(letter.redriven_ms)}"
    error = f"{letter.error_type}: {letter.error_message}" if letter.error_type else letter.error_message
    return f"{text}; {error}"


def _attempts(count: int) -> str:
    return "no attempt" if count == 0 else "1 attempt" if count == 1 else f"{count:,} attempts"


# -- what is to come --


def _waiting(sight: Sight, mapping: Mapping, found: Found, traces: Traces) -> str:
    """Say what a record waits for, the hindrance that lasts longest first."""
    reasons = [
        *_hindrances(sight, mapping, found, traces.checkpoint),
        *_queue(sight, mapping, found, traces.checkpoint),
    ]
    if not traces.passes:
        reasons.append(f"the filters are going to pass over it: {_misses_text(traces)}")
    if any(each.kind != RESET for each in traces.outcomes):
        past = [f"{each.kind} at {time_text(each.settled_ms)}" for each in traces.outcomes if each.kind != RESET]
        reasons.append(f"it was {', '.join(past)} before the mapping was reset to a place before it")
    return "waiting: " + "; ".join(reasons or ["it is to be read next"])


def _hindrances(sight: Sight, mapping: Mapping, found: Found, checkpoint: Checkpoint | None) -> list[str]:
    """Say why the mapping, or the record's shard, is not worked at."""
    reasons = []
    if mapping.removed:
        reasons.append("the mapping is removed from the configuration")
    if not mapping.settings.enabled:
        reasons.append("the mapping is disabled")
    if mapping.paused:
        reasons.append("the mapping is paused")
    control = load_controls(sight.connection, mapping.id).get(found.shard.id)
    if control is not None and control.paused:
        reasons.append("its shard is paused")
    if not sight.is_served:
        reasons.append("no process delivers: `cdc serve` does")
    waiting_for = (_live(sight, mapping) or {}).get("waiting_for")
    if waiting_for:
        reasons.append(waiting_for)
    if checkpoint is None and found.shard.parent_shard_id is not None:
        reasons.append(f"its shard follows {found.shard.parent_shard_id}, which is to be finished first")
    elif checkpoint is None:
        earlier = [each for each in sight.catalog.streams_of(found.stream.table_name) if each.id < found.stream.id]
        if any(each.id >= mapping.first_stream for each in earlier) and mapping.stream_id is None:
            reasons.append("the table's earlier stream is to be finished first")
    return reasons


def _queue(sight: Sight, mapping: Mapping, found: Found, checkpoint: Checkpoint | None) -> list[str]:
    """Say what stands before a record in its lane."""
    if checkpoint is None:
        return []
    reasons = []
    lane = _live_lane(sight, mapping, found, checkpoint)
    if checkpoint.retry_through is not None:
        is_in_it = found.record.sequence <= checkpoint.retry_through
        where = "its batch fails" if is_in_it else "it waits behind a batch that fails"
        reasons.append(f"{where}, {_failure_text(sight, checkpoint, lane)}")
    if lane is not None and lane["in_flight_since_ms"] is not None:
        reasons.append(f"an invocation of its lane is in flight since {time_text(lane['in_flight_since_ms'])}")
    if lane is not None and lane["phase"] == "batching window open":
        reasons.append("its batch is being filled until the batching window ends")
    if lane is not None and lane["trouble"]:
        reasons.append(f"the file makes trouble: {lane['trouble']}")
    return reasons


def _failure_text(sight: Sight, checkpoint: Checkpoint, lane: dict[str, Any] | None) -> str:
    begin = sequence_text(checkpoint.sequence + 1)
    text = f"{begin} to {sequence_text(checkpoint.retry_through or 0)}, after {_attempts(checkpoint.attempts)}"
    if checkpoint.last_error is not None:
        text += f" with {checkpoint.last_error}"
    failed = history.last_failed_attempt(sight.connection, checkpoint)
    if lane is not None and lane["retry_at_ms"] is not None:
        text += f"; next attempt at {time_text(lane['retry_at_ms'])}"
    elif failed is not None and sight.is_served:
        latest_ms = failed.failed_ms + round(delay_seconds(max(1, checkpoint.attempts), 0) * 1000)
        if latest_ms > sight.now_ms:
            text += f"; next attempt by {time_text(latest_ms)}"
    return text


def _live(sight: Sight, mapping: Mapping) -> dict[str, Any] | None:
    return None if sight.live is None else sight.live["mappings"].get(mapping.name)


def _live_lane(sight: Sight, mapping: Mapping, found: Found, checkpoint: Checkpoint) -> dict[str, Any] | None:
    lanes: list[dict[str, Any]] = (_live(sight, mapping) or {}).get("lanes", [])
    place = (found.shard.shard_id, checkpoint.lane)
    return next((lane for lane in lanes if (lane["shard_id"], lane["lane"]) == place), None)


# -- JSON --


def _batch(outcome: Outcome) -> dict[str, Any]:
    return {
        "outcome": outcome.kind,
        "first_sequence": _sequence(outcome.first_sequence),
        "last_sequence": _sequence(outcome.last_sequence),
        "after_sequence": sequence_text(outcome.after_sequence),
        "through_sequence": sequence_text(outcome.through_sequence),
        "records": outcome.records,
        "filtered": outcome.filtered,
        "attempts": outcome.attempts,
        "request_id": outcome.request_id,
        "started_ms": outcome.started_ms,
        "settled_ms": outcome.settled_ms,
    }


def _failed(attempt: FailedAttempt) -> dict[str, Any]:
    return {
        "attempts": attempt.attempts,
        "records": attempt.records,
        "through_sequence": sequence_text(attempt.through_sequence),
        "request_id": attempt.request_id,
        "error": attempt.error,
        "started_ms": attempt.started_ms,
        "failed_ms": attempt.failed_ms,
    }


def _miss(verdict: Verdict) -> dict[str, Any]:
    assert verdict.miss is not None, "none of the filters matches"
    return {"filter": verdict.number, **asdict(verdict.miss)}


def _letter(letter: DeadLetter) -> dict[str, Any]:
    names = ("id", "condition", "state", "attempts", "error_type", "error_message", "request_id", "created_ms")
    return {name: getattr(letter, name) for name in names} | {"redriven_ms": letter.redriven_ms}


def _sequence(sequence: int | None) -> str | None:
    return None if sequence is None else sequence_text(sequence)


def time_text(ms: int) -> str:
    """Write a time for people: UTC, to the millisecond."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
