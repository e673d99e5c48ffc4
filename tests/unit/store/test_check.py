"""The check finds each kind of damage in a file, and none in a good one."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

from cdc.clock import ManualClock
from cdc.model.dead_letters import RETRIES_EXHAUSTED, DeadLetter
from cdc.model.mappings import DELIVERED, TRIM_HORIZON, Checkpoint, Declaration, MappingSettings
from cdc.model.options import Options
from cdc.model.outbox import Message
from cdc.store import catalog, checkpoints, dead_letters, index_items, mappings, outbox
from cdc.store import check as check_module
from cdc.store.blocks import Block, NewRecords
from cdc.store.check import Violation, check
from cdc.store.checkpoints import Passed
from cdc.store.database import open_database
from cdc.store.replay import check_items
from cdc.store.sqlite import dbapi2
from cdc.streams.lifecycle import disable_stream, enable_stream
from tests.unit.store.files import DAY, add_index, create_table, item_of, opened, put, remove

if TYPE_CHECKING:
    from cdc.store.transaction import Transaction

HOUR = 3600
PUTS = 40
INDEXES = (
    ("both", "all", "ALL", ()),
    ("both", "some", "INCLUDE", ("x",)),
    ("new", "keys", "KEYS_ONLY", ()),
    ("old", "lost", "ALL", ()),
)


def write_history(writer: Any, clock: ManualClock) -> None:
    """Fill four tables whose records lie in several segments, with inserts, changes and removals."""
    for name, view_type in (("both", "NEW_AND_OLD_IMAGES"), ("new", "NEW_IMAGE"), ("keys", "KEYS_ONLY")):
        writer.call(partial(create_table, name=name, view_type=view_type, retention=DAY if name == "both" else HOUR))
    writer.call(partial(create_table, name="old", view_type="OLD_IMAGE"))
    for table, index, projection, included in INDEXES:
        writer.call(
            partial(add_index, table=table, name=index, attribute="value", projection=projection, included=included)
        )
    for number in range(PUTS):
        for name in ("both", "new", "keys", "old"):
            writer.call(partial(put, name=name, item=item_of(f"k{number % 12}", value=number)))
            if number % 12 == 11:
                writer.call(partial(remove, name=name, pk="k3"))
        clock.advance(30)


def begin_an_index(transaction: Transaction) -> None:
    """Add an index that is filled with the first three of its items, and one more that is written meanwhile."""
    for most, name in ((3, "keys"), (1, "old")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(index_items, "BACKFILL_ITEMS", most)
            add_index(transaction, name, "begun", "value")
    put(transaction, "keys", item_of("unseen", value=1))


def settle_some(transaction: Transaction) -> None:
    """Declare a mapping on the first shard of `both` and settle three batches."""
    settings = MappingSettings(function_name="f", starting_position=TRIM_HORIZON)
    mappings.declare(transaction, Declaration(name="m", table_name="both", settings=settings), "uuid")
    [mapping] = mappings.load_mappings(transaction.connection)
    stream = transaction.catalog.tables["both"].stream
    assert stream is not None
    shard = stream.shards[0]
    checkpoint: Checkpoint | None
    [checkpoint] = checkpoints.begin(transaction, mapping.id, shard.id, 1, shard.start_sequence - 1)
    for through in (30, 60, 90):
        checkpoint = checkpoints.settle(transaction, checkpoint, through, Passed(kind=DELIVERED, records=10))
        assert checkpoint is not None


def give_up(transaction: Transaction) -> None:
    """Keep a dead letter of one record."""
    letter = DeadLetter(
        mapping_id=1,
        mapping_name="m",
        function_name="f",
        table_name="both",
        stream_id=1,
        shard_id="s",
        first_sequence=91,
        last_sequence=91,
        record_count=1,
        condition=RETRIES_EXHAUSTED,
        attempts=1,
        error_type="E",
        error_message="m",
        request_id=None,
        first_created_ms=1,
        last_created_ms=1,
        created_ms=1,
    )
    dead_letters.add(transaction, letter, b'{"Records":[{}]}')


def post_some(transaction: Transaction) -> None:
    """Leave a message in each state."""
    ids = []
    for number in range(3):
        message = Message(message_id=f"id-{number}", destination="file:/a", payload=b"{}", mapping_name="m", records=1)
        ids.append(outbox.add(transaction, message))
    outbox.sent(transaction, ids[1])
    outbox.give_up(transaction, ids[2], "too large")


def leave_the_past(transaction: Transaction) -> None:
    """Disable one stream and drop a table that still has items."""
    for name in ("keys", "old"):
        stream = transaction.catalog.tables[name].stream
        assert stream is not None
        disable_stream(transaction, stream)
    catalog.drop_table(transaction, transaction.catalog.tables["old"].id)
    put(transaction, "keys", item_of("unseen"))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "cdc.db"
    clock = ManualClock()
    with opened(path, clock) as (_, writer):
        write_history(writer, clock)
        writer.call(begin_an_index)
        writer.call(settle_some)
        writer.call(give_up)
        writer.call(leave_the_past)
        writer.call(post_some)
    return path


@pytest.fixture
def copy(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(good, tmp_path / "cdc.db"))


def violations(path: Path) -> list[Violation]:
    database = open_database(path)
    try:
        return list(check(database))
    finally:
        database.close()


def damage(path: Path, script: str) -> None:
    """Run statements on the file; they may use the functions that compute our CRCs.

    They see a table records_<n> with a row for each record, which afterwards becomes a block of its own.
    """
    connection = dbapi2.connect(str(path), isolation_level=None)
    connection.create_function("item_crc", 2, lambda key, item: crc32(item, crc32(key)), deterministic=True)
    connection.create_function("entry_crc", 3, index_items.entry_crc, deterministic=True)
    connection.create_function("record_crc", 5, record_crc, deterministic=True)
    segments = [row[0] for row in connection.execute("SELECT id FROM segments")] if "records_" in script else []
    for segment in segments:
        unpack(connection, f"records_{segment}")
    connection.executescript(script)
    for segment in segments:
        pack(connection, f"records_{segment}")
    connection.close()


def record_crc(*identity: Any) -> int:
    return crc32(repr(identity).encode())


def unpack(connection: Any, table: str) -> None:
    """Hide the table of blocks behind a temporary one of records."""
    blocks = [Block._make(row) for row in connection.execute(f"SELECT * FROM main.{table}")]
    connection.execute(f"CREATE TEMP TABLE {table} (sequence, shard, created_ms, kind, size_bytes, change, crc)")
    for block in blocks:
        for record in block.records():
            crc = record_crc(*record[:4], record.change)
            connection.execute(f"INSERT INTO temp.{table} VALUES (?, ?, ?, ?, ?, ?, ?)", (*record, crc))


def pack(connection: Any, table: str) -> None:
    rows = connection.execute(f"SELECT * FROM temp.{table} ORDER BY sequence").fetchall()
    connection.execute(f"DROP TABLE temp.{table}")
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchall():
        return
    connection.execute(f"DELETE FROM main.{table}")
    for sequence, shard, created_ms, kind, size_bytes, change, crc in rows:
        new = NewRecords(0, "")
        new.add(sequence, shard, kind, size_bytes, change)
        [block] = new.take(created_ms)
        if crc != record_crc(sequence, shard, created_ms, kind, change):
            block = block._replace(crc=block.crc ^ 1)
        connection.execute(f"INSERT INTO main.{table} VALUES (?, ?, ?, ?, ?, ?, ?)", block)


def test_a_good_file_has_no_violation(copy):
    assert violations(copy) == []


def test_an_empty_file_has_no_violation(tmp_path):
    assert violations(tmp_path / "new.db") == []


def test_a_good_file_has_indexes_of_all_kinds(good):
    """For the same reason."""
    connection = dbapi2.connect(str(good))
    held = dict(connection.execute("SELECT name, item_count FROM indexes").fetchall())
    [[half]] = connection.execute("SELECT backfilled_key FROM indexes WHERE name = 'begun'").fetchall()
    [[swept]] = connection.execute("SELECT count(*) FROM index_items JOIN dropped_indexes ON id = index_id").fetchall()
    connection.close()
    assert held == {"all": 12, "some": 12, "keys": 12, "begun": 3}
    assert half
    assert swept > 0


def test_a_good_file_has_several_segments_and_all_kinds_of_records(good):
    """Otherwise the damages below would prove less than they seem to."""
    connection = dbapi2.connect(str(good))
    segments = [row[0] for row in connection.execute("SELECT id FROM segments")]
    rows = (row for segment in segments for row in connection.execute(f"SELECT * FROM records_{segment}"))
    kinds = {record.kind for row in rows for record in Block._make(row).records()}
    connection.close()
    assert len(segments) >= 8
    assert kinds == {0, 1, 2}


BOTH = "(SELECT id FROM tables WHERE name = 'both')"
NEWEST_BOTH = f"id = (SELECT max(id) FROM items WHERE table_id = {BOTH})"
OF_BOTH = f"shard IN (SELECT s.id FROM shards s JOIN streams r ON s.stream_id = r.id WHERE r.table_id = {BOTH})"
NEWEST = f"sequence = (SELECT max(sequence) FROM records_1 WHERE {OF_BOTH})"  # an INSERT of what was removed before
FIRST = "sequence = (SELECT min(sequence) FROM records_1)"  # an INSERT into `both`
MODIFY = f"sequence = (SELECT max(sequence) FROM records_1 WHERE kind = 1 AND {OF_BOTH})"
RECORD_CRC = "crc = record_crc(sequence, shard, created_ms, kind, change)"
ITEM_CRC = "crc = item_crc(key, item)"
ENTRY_CRC = "crc = entry_crc(item_id, key, included)"


def of_index(name: str) -> str:
    return f"index_id = (SELECT id FROM indexes WHERE name = '{name}')"


def an_entry(name: str) -> str:
    return f"{of_index(name)} AND key = (SELECT min(key) FROM index_items WHERE {of_index(name)})"


DAMAGES = {
    "a pending message without its payload": (
        "DELETE FROM outbox_payloads WHERE outbox_id = 1",
        r"message payload: message id-0: expected the payload that was written, found none",
    ),
    "a failed message with another payload": (
        "UPDATE outbox_payloads SET payload = X'7B20' WHERE outbox_id = 3",
        r"message payload: message id-2: expected the payload that was written, found another",
    ),
    "a message with another destination": (
        "UPDATE outbox SET destination = 'file:/b' WHERE id = 1",
        r"message payload: message id-0: expected the payload that was written, found another",
    ),
    "a sent message with a payload": (
        "INSERT INTO outbox_payloads VALUES (2, 0, X'')",
        r"message payload: message id-1: expected none, as it was sent, found one",
    ),
    "a message in no known state": (
        "UPDATE outbox SET state = 'lost' WHERE id = 1",
        r"message state: message id-0: expected pending, or sent or failed at some time, found lost at None",
    ),
    "a message that was sent at no time": (
        "UPDATE outbox SET settled_ms = NULL WHERE id = 2",
        r"message state: message id-1: .* found sent at None",
    ),
    "an index without its row": (
        (
            "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, 'UNIQUE INDEX', 'INDEX')"
            " WHERE name = 'items_key'; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema"
            " WHERE name = 'outcomes_settled') WHERE name = 'items_key'"
        ),
        "SQLite integrity",
    ),
    "a shard without a stream": ("UPDATE shards SET stream_id = 99 WHERE id = 1", "foreign key"),
    "a table's definition that is no JSON": ("UPDATE tables SET definition = x'7b' WHERE name = 'both'", "catalogue"),
    "no state": ("DELETE FROM state", "catalogue"),
    "an item of another type": (f"UPDATE items SET item = 'text' WHERE {NEWEST_BOTH}", "unreadable"),
    "a segment without its table": ("DROP TABLE main.records_2", "segment table"),
    "a table without a segment": ("CREATE TABLE main.records_77 (x)", "stray records table"),
    "two open segments": (
        "UPDATE segments SET closed_ms = NULL, last_sequence = NULL WHERE id = 2",
        "open segments",
    ),
    "a segment that is half closed": ("UPDATE segments SET last_sequence = NULL WHERE id = 2", "segment end"),
    "a segment that ends in the future": ("UPDATE segments SET last_sequence = 1000000 WHERE id = 1", "segment end"),
    "an enabled stream of no table": (
        "UPDATE streams SET table_id = 99 WHERE table_name = 'both'",
        "stream without a table",
    ),
    "a shard that starts in the future": ("UPDATE shards SET start_sequence = 1000000 WHERE id = 1", "shard range"),
    "a shard that ends in the future": (
        "UPDATE shards SET end_sequence = 1000000 WHERE id = (SELECT max(id) FROM shards)",
        "shard range",
    ),
    "a child that starts before its parent's end": (
        "UPDATE shards SET parent_shard_id = (SELECT shard_id FROM shards s WHERE s.id = 1) WHERE id = 2",
        "shard lineage",
    ),
    "hashes in no open shard": ("UPDATE shards SET hash_low = hash_low + 1 WHERE id = 2", "hash coverage"),
    "hashes in two open shards": ("UPDATE shards SET hash_low = hash_low - 1 WHERE id = 2", "hash coverage"),
    "hashes above the last open shard": ("UPDATE shards SET hash_high = hash_high - 1 WHERE id = 2", "hash coverage"),
    "an open shard of a disabled stream": (
        "UPDATE shards SET end_sequence = NULL WHERE id = (SELECT max(id) FROM shards)",
        "hash coverage",
    ),
    "a record that was written twice": (
        "INSERT INTO records_2 SELECT * FROM records_1 ORDER BY sequence DESC LIMIT 1",
        "record order",
    ),
    "a record in an older segment than the shard's one before": (
        (
            "UPDATE segments SET last_sequence = (SELECT max(sequence) FROM records_4) WHERE id = 2;"
            " INSERT INTO records_2 SELECT * FROM records_4 ORDER BY sequence DESC LIMIT 1;"
            " DELETE FROM records_4 WHERE sequence = (SELECT max(sequence) FROM records_2)"
        ),
        "record order: .* in the order of their segments",
    ),
    "a record from before the one before it": (
        f"UPDATE records_1 SET created_ms = created_ms + 31000 WHERE {FIRST}; UPDATE records_1 SET {RECORD_CRC}",
        "record time",
    ),
    "a record outside its segment": (
        "UPDATE segments SET first_sequence = first_sequence + 3 WHERE id = 1",
        "record outside its segment",
    ),
    "a record beyond the counter": ("UPDATE state SET next_sequence = 30", "record outside its segment"),
    "a flipped byte in a record": (
        f"UPDATE records_1 SET change = CAST(replace(CAST(change AS TEXT), 'k0', 'k1') AS BLOB) WHERE {FIRST}",
        "record CRC",
    ),
    "a record of no shard": (
        f"UPDATE records_1 SET shard = 99 WHERE {FIRST}; UPDATE records_1 SET {RECORD_CRC}",
        "record without a shard",
    ),
    "a record from before its shard": (
        "UPDATE shards SET start_sequence = 40 WHERE id = 1",
        "record outside its shard",
    ),
    "a record that is no change": (
        f"UPDATE records_1 SET change = x'7b7d' WHERE {FIRST}; UPDATE records_1 SET {RECORD_CRC}",
        "record content",
    ),
    "a record that is no JSON": (
        f"UPDATE records_1 SET change = x'7b' WHERE {FIRST}; UPDATE records_1 SET {RECORD_CRC}",
        "record content",
    ),
    "an image that the view type leaves out": (
        "UPDATE streams SET view_type = 'KEYS_ONLY' WHERE table_name = 'both'",
        "record content",
    ),
    "a record of another size": (f"UPDATE records_1 SET size_bytes = size_bytes + 1 WHERE {FIRST}", "record size"),
    "a record in the wrong shard": (
        f"UPDATE records_1 SET shard = 3 - shard WHERE {FIRST}; UPDATE records_1 SET {RECORD_CRC}",
        "record outside its hash range",
    ),
    "an insert of what is there": (
        (
            f"UPDATE records_1 SET kind = 0, change = json_remove(change, '$.OldImage') WHERE {MODIFY};"
            f" UPDATE records_1 SET change = CAST(change AS BLOB); UPDATE records_1 SET {RECORD_CRC}"
        ),
        "event name",
    ),
    "a first record that is no insert": (f"DELETE FROM records_1 WHERE {FIRST}", "event name"),
    "an old image that nobody wrote": (
        (
            f"UPDATE records_1 SET change = CAST(json_set(change, '$.OldImage.value.S', 'never') AS BLOB) WHERE {MODIFY};"
            f" UPDATE records_1 SET {RECORD_CRC}"
        ),
        "old image",
    ),
    "a change that changes nothing": (
        (
            "UPDATE records_1 SET change = CAST(json_set(change, '$.OldImage', json_extract(change, '$.NewImage')) AS BLOB)"
            f" WHERE {MODIFY}; UPDATE records_1 SET {RECORD_CRC}"
        ),
        "empty change",
    ),
    "a flipped byte in an item": (
        f"UPDATE items SET item = CAST(replace(CAST(item AS TEXT), 'value', 'walue') AS BLOB) WHERE {NEWEST_BOTH}",
        "item CRC",
    ),
    "an item that is not canonical": (
        f"UPDATE items SET item = CAST(' ' || CAST(item AS TEXT) AS BLOB); UPDATE items SET {ITEM_CRC}",
        "item content",
    ),
    "an item that is none": (f"UPDATE items SET item = x'7b7d'; UPDATE items SET {ITEM_CRC}", "item content"),
    "an item under another key": (
        f"UPDATE items SET key = CAST(key || x'01' AS BLOB) WHERE {NEWEST_BOTH}; UPDATE items SET {ITEM_CRC}",
        "item key",
    ),
    "an item of another size": (f"UPDATE items SET size = size + 1 WHERE {NEWEST_BOTH}", "item size"),
    "items of no table": ("DELETE FROM dropped_tables", "items without a table"),
    "a wrong number of items": ("UPDATE tables SET item_count = item_count + 1 WHERE name = 'new'", "table counters"),
    "a wrong number of bytes": ("UPDATE tables SET size_bytes = size_bytes + 1 WHERE name = 'new'", "table counters"),
    "an item that no record made": (
        (
            f"INSERT INTO items (table_id, key, size, crc, item) SELECT {BOTH}, key, size, crc, item FROM items"
            " WHERE item LIKE '%unseen%'"
        ),
        "replay: .* no record of it",
    ),
    "an item that its stream removed": (
        f"DELETE FROM records_1 WHERE {NEWEST}",
        "replay: .* its newest record removed it",
    ),
    "an item that is gone": (f"DELETE FROM items WHERE {NEWEST_BOTH}", "replay: .* found none"),
    "an item that differs from its newest record": (
        (
            "UPDATE items SET item = CAST(replace(CAST(item AS TEXT), 'value', 'walue') AS BLOB)"
            f" WHERE table_id = (SELECT id FROM tables WHERE name = 'new'); UPDATE items SET {ITEM_CRC}"
        ),
        "replay: .* the new image of its newest record",
    ),
    "a flipped byte in an entry": (
        f"UPDATE index_items SET item_id = item_id + 1 WHERE {an_entry('all')}",
        "index entry CRC",
    ),
    "an entry that is gone": (f"DELETE FROM index_items WHERE {an_entry('all')}", "index entry missing"),
    "an entry that is gone, of an item that a backfill has passed": (
        f"DELETE FROM index_items WHERE {an_entry('begun')}",
        "index entry missing",
    ),
    "an entry under another key": (
        (
            f"UPDATE index_items SET key = CAST(key || x'01' AS BLOB) WHERE {an_entry('keys')};"
            f" UPDATE index_items SET {ENTRY_CRC}"
        ),
        "index entry: .* what the item says",
    ),
    "an entry of another item": (
        (
            f"UPDATE index_items SET item_id = (SELECT max(item_id) FROM index_items WHERE {of_index('keys')})"
            f" WHERE {an_entry('keys')}; UPDATE index_items SET {ENTRY_CRC}"
        ),
        "index entry: .* what the item says",
    ),
    "an entry of an item that is gone": (
        f"DELETE FROM items WHERE id = (SELECT max(item_id) FROM index_items WHERE {of_index('keys')})",
        "index entry without an item",
    ),
    "an entry of another table's item": (
        (
            "UPDATE index_items SET item_id = (SELECT max(id) FROM items WHERE table_id ="
            f" (SELECT id FROM tables WHERE name = 'both')) WHERE {an_entry('keys')}; UPDATE index_items SET {ENTRY_CRC}"
        ),
        "index entry without an item",
    ),
    "an entry of another size": (
        f"UPDATE index_items SET size = size + 1 WHERE {an_entry('keys')}",
        "index entry: .* what the item says",
    ),
    "an entry that includes what the item has not": (
        (
            f'UPDATE index_items SET included = CAST(\'{{"x":{{"S":"y"}}}}\' AS BLOB) WHERE {an_entry("some")};'
            f" UPDATE index_items SET {ENTRY_CRC}"
        ),
        "index entry: .* what the item says",
    ),
    "an entry of an item without the key": (
        (
            "UPDATE items SET item = CAST(json_remove(item, '$.value') AS BLOB) WHERE table_id ="
            f" (SELECT id FROM tables WHERE name = 'new'); UPDATE items SET {ITEM_CRC}"
        ),
        "index entry: .* none, as the item has no key in the index",
    ),
    "entries of no index": ("DELETE FROM indexes WHERE name = 'keys'", "index entries without an index"),
    "entries of a dropped index that is not to be swept": (
        "DELETE FROM dropped_indexes",
        "index entries without an index",
    ),
    "an index of no table": (
        "INSERT INTO indexes SELECT 99, 99, name, definition, 0, 0, NULL FROM indexes WHERE name = 'keys'",
        "index without a table",
    ),
    "an index's definition that is no JSON": ("UPDATE indexes SET definition = x'7b' WHERE name = 'all'", "catalogue"),
    "a wrong number of entries": (
        "UPDATE indexes SET item_count = item_count + 1 WHERE name = 'all'",
        "index counters",
    ),
    "a wrong number of bytes in an index": (
        "UPDATE indexes SET size_bytes = size_bytes - 1 WHERE name = 'all'",
        "index counters",
    ),
    "a checkpoint beyond its shard": ("UPDATE checkpoints SET sequence = 1000000", "checkpoint"),
    "a checkpoint before its start": ("UPDATE checkpoints SET start_sequence = sequence + 1", "checkpoint"),
    "an outcome without a checkpoint": ("DELETE FROM checkpoints", "outcome without a checkpoint"),
    "an outcome that goes back": (
        "UPDATE outcomes SET after_sequence = through_sequence + 1 WHERE id = 1",
        "outcome range",
    ),
    "a lane without a checkpoint": ("UPDATE checkpoints SET lane_count = 2", "lanes"),
    "a flipped byte in a dead letter": ("UPDATE dead_letters SET event = x'7b7d'", "dead letter CRC"),
    "a dead letter that lost a record": ("UPDATE dead_letters SET record_count = 2", "dead letter: .* 2 records"),
    "a gap between outcomes": ("DELETE FROM outcomes WHERE id = 2", "outcome chain"),
    "outcomes that end before the checkpoint": ("DELETE FROM outcomes WHERE id = 3", "outcome chain"),
}


@pytest.mark.parametrize(("script", "pattern"), DAMAGES.values(), ids=DAMAGES.keys())
def test_the_check_finds(script, pattern, copy):
    damage(copy, script)
    found = [violation.text for violation in violations(copy)]
    assert any(re.match(pattern, text) for text in found), found
    assert not any("\n" in text for text in found)


def test_the_oldest_outcomes_may_have_been_purged(copy):
    damage(copy, "DELETE FROM outcomes WHERE id = 1")
    assert violations(copy) == []


def test_all_outcomes_may_have_been_purged(copy):
    damage(copy, "DELETE FROM outcomes")
    assert violations(copy) == []


def test_a_trimmed_stream_is_not_replayed_from_empty(copy):
    damage(
        copy,
        "UPDATE shards SET trimmed_sequence = (SELECT max(sequence) FROM records_2) WHERE stream_id IN"
        " (SELECT id FROM streams WHERE table_name IN ('new', 'keys'));"
        "DELETE FROM segments WHERE id = 2; DROP TABLE main.records_2",
    )
    assert violations(copy) == []


def test_a_violation_is_one_line():
    violation = Violation(what="item size", where="item 00", expected="1\nbyte", found="2")
    assert violation.text == "item size: item 00: expected 1 byte, found 2"


def test_a_page_that_sqlite_cannot_read_is_a_violation(copy):
    connection = dbapi2.connect(str(copy))
    [[page]] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'items'").fetchall()
    connection.close()
    with copy.open("r+b") as file:
        file.seek((page - 1) * 8192)
        file.write(b"\xff" * 8192)
    found = {violation.what for violation in violations(copy)}
    assert {"SQLite integrity", "unreadable"} <= found


def test_a_check_beside_a_writer_sees_one_moment(copy, monkeypatch):
    def write_then_check(file):
        writer.call(partial(put, name="both", item=item_of("k1", value="changed meanwhile")))
        writer.call(partial(put, name="both", item=item_of("k99")))
        yield from check_items(file)

    monkeypatch.setattr(check_module, "check_items", write_then_check)
    with opened(copy, ManualClock(now_ms=2_000_000_000_000)) as (database, writer):
        assert list(check(database)) == []
        monkeypatch.undo()
        assert list(check(database)) == []


def test_a_stream_enabled_later_is_checked_from_its_first_record_on(tmp_path):
    clock = ManualClock()
    with opened(tmp_path / "late.db", clock) as (database, writer):
        writer.call(partial(create_table, view_type=None))
        writer.call(partial(put, name="t", item=item_of("before")))
        clock.advance(1)
        writer.call(
            lambda transaction: enable_stream(transaction, Options(), transaction.catalog.tables["t"], "NEW_IMAGE")
        )
        for pk in ("before", "after"):
            writer.call(partial(put, name="t", item=item_of(pk, value=1)))
        assert list(check(database)) == []
    damage(tmp_path / "late.db", "DELETE FROM items WHERE id = 1")
    assert "replay" in {violation.what for violation in violations(tmp_path / "late.db")}
