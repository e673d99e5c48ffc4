"""Dead letters for an operator: find, read, redrive and purge them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cdc.model.dead_letters import DEAD, REDRIVING
from cdc.model.errors import ServiceError
from cdc.store import dead_letters
from cdc.store import mappings as stored_mappings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.model.dead_letters import DeadLetter
    from cdc.service.core import Service
    from cdc.store.transaction import Transaction

log = logging.getLogger(__name__)

PURGE_LETTERS = 20
"""Letters deleted in one write at most; each may hold an event of 6 MB."""


class UnknownLetterError(ServiceError):
    """No dead letter has this id and can be used so."""


class DeadLetters:
    """The batches that mappings have given up."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def find(
        self, ids: Iterable[int] | None = None, *, mapping_name: str | None = None, state: str | None = None
    ) -> list[DeadLetter]:
        """List dead letters, oldest first: of these ids, of a mapping, in a state."""
        with self._service.database.reading() as connection:
            return dead_letters.find(connection, ids=ids, mapping_name=mapping_name, state=state)

    def event(self, letter_id: int) -> bytes:
        """Read what the function got, or would have got: JSON.

        Raises: UnknownLetterError; ServiceError when it is damaged in the file.
        """
        with self._service.database.reading() as connection:
            event = dead_letters.load_event(connection, letter_id)
        if event is None:
            raise _unknown([letter_id])
        return event

    def redrive(
        self, ids: Iterable[int] | None = None, *, mapping_name: str | None = None, forced: bool = False
    ) -> int:
        """Have letters delivered again by the process that delivers: these, those of a mapping, or all that are dead.

        One at a time for each mapping, in the lanes of their keys. A letter is refused when a newer record of one of its
        keys was delivered, or may have been, unless `forced`; its `redrive_error` says so then. Return how many there are.

        Raises: UnknownLetterError for an id that no dead letter has; ServiceError for one that is not dead, or whose
        mapping was forgotten; nothing is delivered again then.
        """
        wanted = None if ids is None else list(dict.fromkeys(ids))

        def run(transaction: Transaction) -> int:
            state = DEAD if wanted is None else None
            found = dead_letters.find(transaction.connection, ids=wanted, mapping_name=mapping_name, state=state)
            mappings = {each.id for each in stored_mappings.load_mappings(transaction.connection)}
            if wanted is None:
                found = [each for each in found if each.mapping_id in mappings]
            _check_redrive(found, wanted, mappings)
            for letter in found:
                assert letter.id is not None
                dead_letters.ask_redrive(transaction, letter.id, forced=forced)
            for mapping_id in {letter.mapping_id for letter in found}:
                stored_mappings.touch(transaction, mapping_id)
            return len(found)

        return self._service.writer.call(run)

    def purge(
        self, ids: Iterable[int] | None = None, *, mapping_name: str | None = None, state: str | None = None
    ) -> int:
        """Delete letters that are not being delivered: these, those of a mapping or in a state, or all; return how many.

        Raises: UnknownLetterError for an id that no dead letter has, or that is being delivered; none is deleted then.
        """
        wanted = None if ids is None else list(dict.fromkeys(ids))

        def run(transaction: Transaction) -> int:
            found = dead_letters.find(transaction.connection, ids=wanted, mapping_name=mapping_name, state=state)
            free = [each.id for each in found if each.id is not None and each.state != REDRIVING]
            if wanted is not None and len(free) < len(wanted):
                raise _unknown([each for each in wanted if each not in free], ", or it is being delivered again")
            return dead_letters.remove(transaction, free)

        return self._service.writer.call(run)

    def purge_older(self, keep_seconds: float) -> bool:
        """Delete some of the letters given up longer ago than that; tell whether there may be more."""
        before_ms = self._service.clock.now_ms() - round(keep_seconds * 1000)
        with self._service.database.reading() as connection:
            if not dead_letters.has_older(connection, before_ms):
                return False
        count = self._service.writer.call(lambda each: dead_letters.purge(each, before_ms, PURGE_LETTERS))
        if count:
            log.warning("%d dead letters have been kept for their time, and are deleted", count)
        return count > 0


def _check_redrive(found: list[DeadLetter], wanted: list[int] | None, mappings: set[int]) -> None:
    if wanted is not None and len(found) < len(wanted):
        known = {each.id for each in found}
        raise _unknown([each for each in wanted if each not in known])
    for letter in found:
        if letter.state != DEAD:
            raise ServiceError(f"dead letter {letter.id} is {letter.state}: only one that is dead can be redriven")
        if letter.mapping_id not in mappings:
            raise ServiceError(f"dead letter {letter.id} is of mapping {letter.mapping_name}, which was forgotten")


def _unknown(ids: list[int], more: str = "") -> UnknownLetterError:
    names = ", ".join(map(str, ids))
    return UnknownLetterError(f"no dead letter has the id {names}{more}: `cdc dead-letters list` shows those there are")
