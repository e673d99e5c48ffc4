"""Takes dead letters that an operator wants delivered again through their mapping's function, one at a time."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cdc.mappings.backoff import delay_seconds
from cdc.mappings.inbox import Written
from cdc.mappings.newer import Look, look
from cdc.mappings.redrive import Redrive, Stage, keys_of
from cdc.mappings.report import read_report
from cdc.mappings.verdict import ERROR_CHARACTERS, THROTTLED
from cdc.model.catalog import sequence_text, sequence_value
from cdc.model.dead_letters import REDRIVING
from cdc.model.functions import Outcome
from cdc.store import dead_letters
from cdc.store.writer import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cdc.mappings.agenda import Agenda
    from cdc.mappings.inbox import Inbox
    from cdc.mappings.lane import Lane
    from cdc.mappings.run import MappingRun
    from cdc.mappings.surroundings import Sight, Surroundings
    from cdc.model.catalog import Catalog
    from cdc.store.transaction import Transaction

log = logging.getLogger(__name__)


class Redriven(NamedTuple):
    """The invocation of a redrive has ended."""

    redrive: Redrive
    request_id: str
    outcome: Outcome


class Redriver:
    """Moves redrives on. A mapping has one at a time; it holds the lanes of its keys, and enters when they are free."""

    def __init__(
        self, surroundings: Surroundings, agenda: Agenda[Lane | Redrive], inbox: Inbox[Any], jobs: list[Job[Any]]
    ) -> None:
        """`jobs`: where it puts its writes, for the poller to submit."""
        self._surroundings = surroundings
        self._agenda = agenda
        self._inbox = inbox
        self._jobs = jobs
        self.draining = False

    def update(self, runs: Iterable[MappingRun], catalog: Catalog) -> None:
        """Take over which letters are to be delivered again; all that isn't busy is looked at anew."""
        with self._surroundings.database.reading() as connection:
            letters = dead_letters.find(connection, state=REDRIVING)
        for run in runs:
            mine = [each for each in letters if each.mapping_id == run.mapping.id]
            run.letters = sorted(mine, key=lambda each: (each.first_sequence, each.id))
            if run.redrive is None:
                self._begin(run, catalog)
            elif not run.redrive.busy:
                self._agenda.now(run.redrive)

    def _begin(self, run: MappingRun, catalog: Catalog) -> None:
        """Take up the next letter of a mapping, if there is one."""
        while run.letters:
            letter = run.letters.pop(0)
            assert letter.id is not None
            with self._surroundings.database.reading() as connection:
                event = dead_letters.load_event(connection, letter.id)
            if event is not None:
                hash_name = next(
                    (each.key_schema[0][0] for each in catalog.streams if each.id == letter.stream_id), None
                )
                run.redrive = Redrive(run, letter, event, keys_of(event, hash_name))
                self._agenda.now(run.redrive)
                return

    def turn(self, redrive: Redrive, sight: Sight) -> int:
        """Do the next thing for a redrive whose turn it is; return how many records were read."""
        if redrive.write is not None:
            self._submit(redrive, redrive.write)
        elif redrive.stage is not Stage.WAITING or self.draining:
            pass
        elif redrive.run.mapping.removed:
            self._refuse(redrive, "its mapping is no longer in the configuration")
        elif redrive.run.delivers and redrive.has_lanes:
            return self._enter(redrive, sight)
        return 0

    def _enter(self, redrive: Redrive, sight: Sight) -> int:
        found = Look() if redrive.letter.forced else look(redrive, sight.view, self._surroundings)
        if found.too_late is not None:
            self._refuse(redrive, found.too_late)
        elif found.more:
            self._agenda.now(redrive)
        else:
            self._invoke(redrive)
        return found.examined

    def _invoke(self, redrive: Redrive) -> None:
        counters, name = redrive.run.counters, redrive.run.mapping.function_name
        request_id = redrive.request_id = self._surroundings.new_request_id()
        redrive.stage = Stage.INVOKING
        counters.invocations += 1
        counters.invoked += redrive.letter.record_count
        done = partial(self._done, redrive, request_id)
        try:
            self._surroundings.invoker.invoke(name, redrive.event, request_id, done)
        except Exception as error:
            log.exception("%s: invoking function %s failed", redrive.name, name)
            done(Outcome(ok=False, duration_ms=0.0, error_type=type(error).__name__, error_message=str(error)))

    def _done(self, redrive: Redrive, request_id: str, outcome: Outcome) -> None:
        self._inbox.put(Redriven(redrive, request_id, outcome))

    def finished(self, message: Redriven) -> None:
        """Note what came of a redrive's invocation."""
        redrive, request_id, outcome = message
        letter, counters = redrive.letter, redrive.run.counters
        assert letter.id is not None
        redrive.stage, redrive.request_id = Stage.WAITING, None
        counters.finished += 1
        counters.duration_ms += outcome.duration_ms
        if self.draining and not outcome.reached:
            return  # it is delivered after the next start
        failure = self._failure(redrive, outcome)
        if failure is None:
            log.info("%s: delivered, %d records", redrive.name, letter.record_count)
            counters.redriven += letter.record_count
            self._submit(redrive, partial(_note_success, letter_id=letter.id, request_id=request_id))
            return
        counters.errors += not outcome.ok and outcome.reached
        counters.throttles += outcome.error_type == THROTTLED and not outcome.reached
        counters.failed += letter.record_count
        error_type, text = failure
        log.warning("%s: function %s failed again: %s", redrive.name, redrive.run.mapping.function_name, text)
        note = partial(_note_failure, letter_id=letter.id, error_type=error_type, message=text, request_id=request_id)
        self._submit(redrive, note)

    def _failure(self, redrive: Redrive, outcome: Outcome) -> tuple[str, str] | None:
        """Say how the function failed; None when it took the whole letter. There is one attempt, and no bisecting."""
        if not outcome.ok:
            return outcome.error_type, outcome.error_message[:ERROR_CHARACTERS]
        records = orjson.loads(redrive.event)["Records"]
        report = read_report(
            outcome.result,
            [sequence_value(each["dynamodb"]["SequenceNumber"]) for each in records],
            item_failures=redrive.run.mapping.settings.report_batch_item_failures,
            window=False,
        )
        if report.failed_from is not None:
            return "", f"batchItemFailures names {sequence_text(report.failed_from)}"
        return None if report.error is None else ("", report.error)

    def _refuse(self, redrive: Redrive, why: str) -> None:
        assert redrive.letter.id is not None
        log.warning("%s: not delivered again: %s", redrive.name, why)
        self._submit(redrive, partial(_note_refusal, letter_id=redrive.letter.id, why=why))

    def _submit(self, redrive: Redrive, write: Callable[[Transaction], bool]) -> None:
        redrive.stage, redrive.write = Stage.SETTLING, write
        self._jobs.append(Job(write, self._written, tag=redrive))

    def _written(self, jobs: list[Job[Any]]) -> None:
        self._inbox.put(Written(jobs))

    def written(self, job: Job[Any], catalog: Catalog, now: float) -> None:
        """Go on to the next letter, and let the lanes go, once it is written what became of this one."""
        redrive: Redrive = job.tag
        if job.error is not None:
            self.trouble(redrive, job.error, now)
            return
        run = redrive.run
        run.redrive = None
        self._begin(run, catalog)
        for lane in run.lanes.values():
            if lane.at_rest:
                self._agenda.now(lane)

    def trouble(self, redrive: Redrive, error: Exception, now: float) -> None:
        """Leave a redrive alone for a while, since the store failed it, or this code did."""
        redrive.troubles += 1
        log.error("%s: failed, and will be tried again", redrive.name, exc_info=error)
        self._agenda.at(redrive, now + delay_seconds(redrive.troubles, self._surroundings.jitter()))


def _note_success(transaction: Transaction, *, letter_id: int, request_id: str) -> bool:
    return dead_letters.redriven(transaction, letter_id, request_id)


def _note_failure(transaction: Transaction, *, letter_id: int, error_type: str, message: str, request_id: str) -> bool:
    return dead_letters.redrive_failed(transaction, letter_id, error_type, message, request_id)


def _note_refusal(transaction: Transaction, *, letter_id: int, why: str) -> bool:
    return dead_letters.refuse_redrive(transaction, letter_id, why)
