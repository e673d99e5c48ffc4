"""A moto server for all tests here, and a daemon that reaches it, into whose outbox tests put messages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from cdc.clock import SystemClock
from cdc.mappings.failure_record import message_about
from cdc.service import Service, open_service
from cdc.store import outbox
from tests.integration.daemon import Daemon
from tests.integration.destinations.moto_server import ENVIRONMENT, MotoServer
from tests.unit.mappings.batches import discarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cdc.mappings.failure_record import DiscardedBatch
    from cdc.model.outbox import Entry

PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.05


def eventually(holds: Callable[[], object], what: str) -> None:
    """Wait until something that another process does has happened."""
    clock = SystemClock()
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert clock.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS:.0f} s"
        clock.sleep(LOOK_SECONDS)


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoServer]:
    server = MotoServer(tmp_path_factory.mktemp("moto"))
    server.start()
    yield server
    server.stop()


@dataclass
class Office:
    """A daemon, and this process's hand in its file: it discards batches as another process's poller does."""

    daemon: Daemon
    service: Service

    def discard(self, batch: DiscardedBatch, destination: str) -> None:
        """Put the message about a batch into the outbox."""
        message = message_about(batch, destination)
        self.service.writer.call(partial(outbox.add, message=message))

    def entry(self, batch: DiscardedBatch) -> Entry:
        """Look at the message about a batch."""
        return next(each for each in self.service.messages() if each.message_id == batch.message_id)

    def wait_for(self, batch: DiscardedBatch, state: str) -> Entry:
        """Wait until the message about a batch is in a state."""
        eventually(lambda: self.entry(batch).state == state, f"message {batch.message_id} is {state}")
        return self.entry(batch)

    def wait_for_error(self, batch: DiscardedBatch) -> str:
        """Wait until an attempt has failed, and return why."""
        eventually(lambda: self.entry(batch).last_error, f"message {batch.message_id} has failed")
        return str(self.entry(batch).last_error)


@pytest.fixture
def new_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Start a daemon with some `[destinations]`: `new_office('timeout_seconds = 1')`."""
    opened: list[Office] = []

    def new(settings: str = "", **environment: str) -> Office:
        path = tmp_path / f"{len(opened)}.db"
        daemon = Daemon(path, f"[destinations]\n{settings}\n", ENVIRONMENT | environment)
        daemon.start()
        office = Office(daemon, open_service(path))
        opened.append(office)
        return office

    yield new
    for office in opened:
        office.service.close()
        assert office.daemon.stop() == 0


@pytest.fixture(scope="session")
def aws_office(tmp_path_factory: pytest.TempPathFactory, moto: MotoServer) -> Iterator[Office]:
    """A daemon whose AWS is moto."""
    path = tmp_path_factory.mktemp("office") / "cdc.db"
    daemon = Daemon(path, f'[destinations]\nendpoint_url = "{moto.url}"\n', ENVIRONMENT)
    daemon.start()
    with open_service(path) as service:
        yield Office(daemon, service)
    assert daemon.stop() == 0


_numbers = iter(range(10**9))


def new_batch(**changes: Any) -> DiscardedBatch:
    """Build a discarded batch of its own."""
    return discarded(message_id=f"00000000-0000-4000-8000-{next(_numbers):012d}", **changes)
