"""What is to become of a batch, now that its invocation has ended. Pure: settings and an outcome in, a verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from cdc.mappings.report import read_report
from cdc.model.dead_letters import RETRIES_EXHAUSTED

if TYPE_CHECKING:
    from cdc.mappings.batch import Batch
    from cdc.model.functions import Outcome
    from cdc.model.mappings import MappingSettings

ERROR_CHARACTERS = 1000
"""Of a function's error message that are kept."""
THROTTLED = "TooManyRequestsException"
"""Error type of an invocation for which the function had no instance left."""


@dataclass(frozen=True, slots=True)
class Done:
    """The function has taken all of it."""

    state: bytes | None = None  # of the tumbling window


@dataclass(frozen=True, slots=True)
class Partly:
    """It has taken what is before a sequence; the rest is a batch of its own."""

    failed_from: int
    state: bytes | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """It is tried again, later."""

    error: str
    counts: bool  # against MaximumRetryAttempts


@dataclass(frozen=True, slots=True)
class Split:
    """It is tried again in two parts; the first ends with a sequence."""

    error: str
    left_through: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It is given up."""

    error_type: str
    error_message: str
    function_error: str | None  # as the failure record has it: "Unhandled"; None when the function reported failures
    condition: str = RETRIES_EXHAUSTED


Verdict: TypeAlias = Done | Partly | Again | Split | GiveUp


def judge(settings: MappingSettings, batch: Batch, attempts: int, outcome: Outcome) -> Verdict:
    """Decide about a batch at which `attempts` have failed before this outcome.

    Lambda: MaximumRetryAttempts n means n + 1 invocations; a split does not count, and the first half goes first.
    """
    if outcome.ok:
        report = read_report(
            outcome.result,
            batch.sequences,
            item_failures=settings.report_batch_item_failures,
            window=settings.tumbling_window_in_seconds > 0 and batch.window_start_ms is not None,
        )
        if report.error is None:
            if report.failed_from is None:
                return Done(report.state)
            if report.failed_from > batch.sequences[0]:
                return Partly(report.failed_from, report.state)
        error_type, message, function_error = "", report.error or "batchItemFailures names the first record", None
        reported = report.failed_from is not None
    else:
        error_type, message, function_error = outcome.error_type, outcome.error_message, "Unhandled"
        reported = False
    message = message[:ERROR_CHARACTERS]
    error = (f"{error_type}: {message}" if error_type else message)[:ERROR_CHARACTERS]
    if not outcome.reached:
        return Again(error, counts=False)
    limit = settings.maximum_retry_attempts
    if settings.bisect_batch_on_function_error and not reported and batch.count > 1 and limit != 0:
        return Split(error, batch.sequences[batch.count // 2 - 1])
    if 0 <= limit <= attempts:
        return GiveUp(error_type, message, function_error)
    return Again(error, counts=True)
