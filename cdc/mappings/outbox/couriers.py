"""Sending at the same time: each message goes on a thread of its own, which nobody has to wait for."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from cdc.mappings.destinations.sending import SendError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.mappings.destinations.sending import Parcel

log = logging.getLogger(__name__)


class Couriers:
    """Runs sends. A thread is cheap beside what it waits for, and ends with the process however long that takes."""

    def __init__(self, send: Callable[[str, Parcel], None]) -> None:
        """`send` takes a destination and a message, and raises SendError."""
        self._send = send

    def start(self, destination: str, parcel: Parcel, done: Callable[[SendError | None], None]) -> None:
        """Start to send a message and return at once; `done` is called on another thread with what came of it."""
        threading.Thread(target=self._run, args=(destination, parcel, done), name="cdc-send", daemon=True).start()

    def _run(self, destination: str, parcel: Parcel, done: Callable[[SendError | None], None]) -> None:
        try:
            self._send(destination, parcel)
        except SendError as error:
            done(error)
        except Exception as error:
            log.exception("sending message %s to %s failed", parcel.message_id, destination)
            done(SendError(one_line(f"{type(error).__name__}: {error}")))
        else:
            done(None)
