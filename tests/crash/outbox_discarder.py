"""A process that discards batches as fast as it can and sends messages about them to a file, until it is killed.

Run as: python -m tests.crash.outbox_discarder DATABASE FILE. It prints the id of each message after the commit that
moved the checkpoint and added it.
"""

from __future__ import annotations

import random
import sys
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cdc.clock import SystemClock
from cdc.mappings.destinations.senders import Senders
from cdc.mappings.destinations.sending import SendingOptions
from cdc.mappings.failure_record import message_about
from cdc.mappings.outbox.thread import OutboxThread
from cdc.model.mappings import DEAD
from cdc.service import open_service
from cdc.store import checkpoints, outbox
from cdc.store.checkpoints import Passed
from tests.unit.mappings.batches import discarded

if TYPE_CHECKING:
    from cdc.model.outbox import Message
    from cdc.store.transaction import Transaction

SHARD = 1


def discard(transaction: Transaction, message: Message) -> bool:
    """Move the checkpoint past one record and add the message about it, in one transaction; False at the shard's end."""
    checkpoint = checkpoints.load_checkpoint(transaction.connection, 1, SHARD, 0)
    assert checkpoint is not None
    if checkpoint.sequence + 1 >= transaction.counters.next_sequence:
        return False
    moved = checkpoints.settle(transaction, checkpoint, checkpoint.sequence + 1, Passed(kind=DEAD, records=1))
    assert moved is not None
    outbox.add(transaction, message)
    return True


def main(database: Path, file: Path) -> None:
    """Discard and send, until the records are used up or somebody kills this."""
    with open_service(database) as service:
        senders = Senders(SendingOptions(region="us-east-1"), SystemClock())
        thread = OutboxThread(
            service.database,
            service.writer,
            senders.send,
            clock=SystemClock(),
            jitter=random.random,
            retry_seconds=3600,
        )
        thread.start()
        while True:
            message_id = str(uuid.uuid4())
            message = message_about(discarded(message_id=message_id), f"file:{file}")
            if not service.writer.call(partial(discard, message=message)):
                break
            print(message_id, flush=True)  # noqa: T201  # the parent reads it
        thread.drain(10)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
