"""The outbox: messages about discarded batches that are to be sent, with every state transition of them.

A message is added in the transaction that moves the checkpoint past its batch, so it is there exactly once. It is sent
at least once: after a crash between sending and `sent`, it is sent again, under the same message id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from sqlalchemy import bindparam, delete, func, insert, literal_column, null, select, update

from cdc.model.outbox import FAILED, PENDING, SENT, Entry, Message
from cdc.store import schema
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from cdc.store.transaction import Transaction

ERROR_CHARACTERS = 1000
"""Of an error that are kept."""
PURGE_BYTES = 4 << 20
"""Payloads that one write deletes, about: their pages are read to be freed."""

_outbox, _payloads = schema.outbox.c, schema.outbox_payloads.c
_NEW = tuple(column.name for column in _outbox if column.name not in {"id", "last_error", "settled_ms"})
_ADD = prepare(insert(schema.outbox).values({name: bindparam(name) for name in _NEW}), *_NEW)
_ADD_PAYLOAD = prepare(
    insert(schema.outbox_payloads).values({column.name: bindparam(column.name) for column in _payloads}),
    *(column.name for column in _payloads),
)
_MORE_ATTEMPTS = _outbox.attempts + literal_column("1")
_OF_ENTRY = _outbox.id == bindparam("of_entry")
_SENT = prepare(
    update(schema.outbox)
    .where(_OF_ENTRY, _outbox.state != bindparam("not_in"))
    .values(state=bindparam("to"), attempts=_MORE_ATTEMPTS, last_error=null(), settled_ms=bindparam("now")),
    *("to", "now", "of_entry", "not_in"),
)
_FAILED = prepare(
    update(schema.outbox)
    .where(_OF_ENTRY, _outbox.state == bindparam("in_state"))
    .values(attempts=_MORE_ATTEMPTS, last_error=bindparam("error"), next_attempt_ms=bindparam("next")),
    *("next", "error", "of_entry", "in_state"),
)
_GIVE_UP = prepare(
    update(schema.outbox)
    .where(_OF_ENTRY, _outbox.state == bindparam("in_state"))
    .values(
        state=bindparam("to"),
        attempts=_MORE_ATTEMPTS,
        last_error=bindparam("error"),
        settled_ms=bindparam("now"),
    ),
    *("to", "error", "now", "of_entry", "in_state"),
)
_DELETE = prepare(delete(schema.outbox).where(_OF_ENTRY), "of_entry")
_DROP_PAYLOAD = prepare(delete(schema.outbox_payloads).where(_payloads.outbox_id == bindparam("of_entry")), "of_entry")
_PAYLOAD = prepare(
    select(_payloads.crc, _payloads.payload).where(_payloads.outbox_id == bindparam("of_entry")), "of_entry"
)
_DESTINATION = prepare(
    select(func.min(_outbox.destination)).where(
        _outbox.state == bindparam("in_state"), _outbox.destination > bindparam("after")
    ),
    "in_state",
    "after",
)
_UPCOMING = prepare(
    select(schema.outbox)
    .where(_outbox.state == bindparam("in_state"), _outbox.destination == bindparam("to"))
    .order_by(_outbox.next_attempt_ms, _outbox.id)
    .limit(bindparam("rows"))
    .offset(literal_column("0")),
    *("in_state", "to", "rows"),
)


class DamagedError(Exception):
    """The file has a payload other than the one that was written; the message is one line."""


class Traffic(NamedTuple):
    """What the outbox has for one destination."""

    destination: str
    pending: int
    oldest_pending_ms: int | None  # when the oldest pending message was added
    next_attempt_ms: int | None  # of any pending message
    sent: int  # of those still kept
    failed: int
    last_error: str | None  # of a message that is not sent, the newest one


def add(transaction: Transaction, message: Message) -> int:
    """Add a message, to be sent from the commit on; return its id in the file."""
    now_ms = transaction.now_ms
    row = {
        "message_id": message.message_id,
        "destination": message.destination,
        "object_key": message.object_key,
        "mapping_name": message.mapping_name,
        "records": message.records,
        "size_bytes": len(message.payload),
        "state": PENDING,
        "attempts": 0,
        "next_attempt_ms": now_ms,
        "created_ms": now_ms,
        "pending_since_ms": now_ms,
    }
    entry_id: int = transaction.cursor.execute(_ADD, tuple(row[name] for name in _NEW)).lastrowid
    crc = _crc(message.message_id, message.destination, message.object_key, message.payload)
    transaction.cursor.execute(_ADD_PAYLOAD, (entry_id, crc, message.payload))
    transaction.has_posted = True
    return entry_id


def sent(transaction: Transaction, entry_id: int) -> bool:
    """Note that a message was sent, and let go of its payload; False if it was noted before, or is gone.

    One that was given up while it was under way is sent all the same.
    """
    noted: int = transaction.cursor.execute(_SENT, (SENT, transaction.now_ms, entry_id, SENT)).rowcount
    if noted:
        transaction.cursor.execute(_DROP_PAYLOAD, (entry_id,))
    return noted == 1


def failed(transaction: Transaction, entry_id: int, error: str, next_attempt_ms: int) -> bool:
    """Count a failed attempt at a message, and plan the next; False if it is no longer pending."""
    values = (next_attempt_ms, error[:ERROR_CHARACTERS], entry_id, PENDING)
    return bool(transaction.cursor.execute(_FAILED, values).rowcount == 1)


def give_up(transaction: Transaction, entry_id: int, error: str) -> bool:
    """Count a failed attempt at a message, and make no further; False if it is no longer pending. It is kept."""
    values = (FAILED, error[:ERROR_CHARACTERS], transaction.now_ms, entry_id, PENDING)
    return bool(transaction.cursor.execute(_GIVE_UP, values).rowcount == 1)


def give_up_old(transaction: Transaction, destination: str, since_ms: int, error: str, rows: int) -> int:
    """Make no further attempts at up to `rows` messages that have been pending since `since_ms`; return how many."""
    old = (
        select(_outbox.id)
        .where(_outbox.state == PENDING, _outbox.destination == destination, _outbox.pending_since_ms <= since_ms)
        .limit(rows)
    )
    values = {"state": FAILED, "last_error": error[:ERROR_CHARACTERS], "settled_ms": transaction.now_ms}
    return _changed(transaction, update(schema.outbox).where(_outbox.id.in_(old)).values(values))


def retry(transaction: Transaction, message_ids: Iterable[str] | None = None, destination: str | None = None) -> int:
    """Have messages that were given up tried again from now: these, or those of a destination; return how many."""
    chosen = _outbox.state == FAILED
    if message_ids is not None:
        chosen &= _outbox.message_id.in_(list(message_ids))
    if destination is not None:
        chosen &= _outbox.destination == destination
    now_ms = transaction.now_ms
    values = {"state": PENDING, "attempts": 0, "next_attempt_ms": now_ms, "pending_since_ms": now_ms}
    changed = _changed(transaction, update(schema.outbox).where(chosen).values(values | {"settled_ms": None}))
    transaction.has_posted |= changed > 0
    return changed


def purge(transaction: Transaction, before_ms: int, rows: int) -> tuple[int, int]:
    """Delete up to `rows` messages settled before `before_ms`; return how many sent ones went, and failed ones.

    Fewer go when their payloads are large, for the write to be short.
    """
    old = select(_outbox.id, _outbox.state, _outbox.size_bytes).where(_outbox.settled_ms < before_ms).limit(rows)
    gone, size_bytes = {SENT: 0, FAILED: 0}, 0
    for entry_id, state, entry_bytes in transaction.connection.execute(old).all():
        if size_bytes > PURGE_BYTES:
            break
        size_bytes += 0 if state == SENT else entry_bytes
        transaction.cursor.execute(_DELETE, (entry_id,))
        gone[state] += 1
    return gone[SENT], gone[FAILED]


def _changed(transaction: Transaction, statement: Any) -> int:
    return int(transaction.connection.execute(statement).rowcount)


def pending_destinations(connection: Any) -> Iterator[str]:
    """Name the destinations with pending messages, at the cost of a look into an index for each; on the driver."""
    after = ""
    while (found := connection.execute(_DESTINATION, (PENDING, after)).fetchall()[0][0]) is not None:
        yield found
        after = found


def upcoming(connection: Any, destination: str, rows: int) -> list[Entry]:
    """List the pending messages of a destination that are to be sent next, whether due or not; on the driver."""
    found = connection.execute(_UPCOMING, (PENDING, destination, rows)).fetchall()
    return [Entry(**dict(zip(_outbox.keys(), row, strict=True))) for row in found]


def load_payload(connection: Any, entry: Entry) -> bytes:
    """Read the payload of a message that is not sent; on the driver.

    Raises: DamagedError when it is not what was written.
    """
    for crc, payload in connection.execute(_PAYLOAD, (entry.id,)).fetchall():
        if _crc(entry.message_id, entry.destination, entry.object_key, payload) == crc:
            return bytes(payload)
    raise DamagedError(f"the payload of message {entry.message_id} is damaged in the file: `cdc check` shows more")


def _crc(message_id: str, destination: str, object_key: str | None, payload: bytes) -> int:
    return crc32(payload, crc32("\n".join((message_id, destination, object_key or "")).encode()))


def load_entries(connection: Connection, *, state: str | None = None, rows: int | None = None) -> list[Entry]:
    """List messages, the newest first."""
    wanted = select(schema.outbox).order_by(_outbox.id.desc())
    if state is not None:
        wanted = wanted.where(_outbox.state == state)
    return [Entry(**row._mapping) for row in connection.execute(wanted.limit(rows))]


def load_entry(connection: Connection, message_id: str) -> Entry | None:
    """Read one message."""
    row = connection.execute(select(schema.outbox).where(_outbox.message_id == message_id)).first()
    return None if row is None else Entry(**row._mapping)


def traffic(connection: Connection) -> list[Traffic]:
    """Sum up the outbox by destination."""
    pending = _outbox.state == PENDING
    sums = {
        "pending": func.count().filter(pending),
        "oldest_pending_ms": func.min(_outbox.created_ms).filter(pending),
        "next_attempt_ms": func.min(_outbox.next_attempt_ms).filter(pending),
        "sent": func.count().filter(_outbox.state == SENT),
        "failed": func.count().filter(_outbox.state == FAILED),
    }
    rows = connection.execute(
        select(_outbox.destination, *(value.label(name) for name, value in sums.items()))
        .group_by(_outbox.destination)
        .order_by(_outbox.destination)
    )
    return [Traffic(**row, last_error=_last_error(connection, row["destination"])) for row in rows.mappings().all()]


def _last_error(connection: Connection, destination: str) -> str | None:
    """Read the error of the newest message that has one; sent ones have none."""
    of_destination = (_outbox.destination == destination, _outbox.last_error.is_not(None))
    newest = select(_outbox.last_error).where(*of_destination).order_by(_outbox.id.desc()).limit(1)
    return connection.execute(newest).scalar_one_or_none()
