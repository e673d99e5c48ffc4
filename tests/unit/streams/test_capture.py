"""Change capture: kind, images, size and shard of the record that a change makes."""

from __future__ import annotations

import orjson
import pytest

from cdc.clock import ManualClock
from cdc.model.catalog import INSERT, MAX_HASH, MODIFY, REMOVE
from cdc.model.keys import KeySchema, encode_key
from cdc.model.values import canonical_bytes, item_size
from cdc.store import records
from cdc.streams.capture import capture
from tests.unit.store.files import create_table, opened

SCHEMA = KeySchema("pk", "S")
KEYS = {"pk": {"S": "ä"}}
OLD = KEYS | {"v": {"S": "old"}}
NEW = KEYS | {"v": {"L": [{"S": '%s "new" \\'}]}}
VIEWS = ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]


def image(item):
    return None if item is None else (canonical_bytes(item), item_size(item))


@pytest.fixture
def captured(tmp_path):
    """Capture a change on a stream of a view type; return the record's row, its content and its shard."""

    def run(view_type, old, new, keys=KEYS, shards=1):
        path = tmp_path / f"{view_type}{shards}.db"
        with opened(path, ManualClock()) as (database, writer):
            writer.call(lambda transaction: create_table(transaction, view_type=view_type, shards=shards))

            def write(transaction):
                stream = transaction.catalog.tables["t"].stream
                capture(transaction, stream, encode_key(SCHEMA, keys), keys, image(old), image(new))

            writer.call(write)
            catalog = writer.call(lambda transaction: transaction.catalog)
            [(record, shard)] = [
                (record, shard)
                for _, shard in catalog.shards.values()
                for record in records.read(database.reader(), catalog, shard, shard.start_sequence - 1)
            ]
            return record, orjson.loads(record.change), shard

    return run


@pytest.mark.parametrize("view_type", VIEWS)
@pytest.mark.parametrize(("old", "new", "kind"), [(None, NEW, INSERT), (OLD, NEW, MODIFY), (OLD, None, REMOVE)])
def test_a_record_has_the_images_of_its_view_type_and_their_size(captured, view_type, old, new, kind):
    record, content, _ = captured(view_type, old, new)
    expected = {"Keys": KEYS}
    if new is not None and "NEW" in view_type:
        expected["NewImage"] = new
    if old is not None and "OLD" in view_type:
        expected["OldImage"] = old
    assert content == expected
    assert record.kind == kind
    assert record.size_bytes == sum(map(item_size, expected.values()))


def test_the_images_are_the_stored_bytes(captured):
    record, _, _ = captured("NEW_AND_OLD_IMAGES", OLD, NEW)
    assert canonical_bytes(OLD) in record.change
    assert canonical_bytes(NEW) in record.change


@pytest.mark.parametrize("pk", ["a", "b", "c", "d", "e", "x" * 2048])
def test_a_record_lies_in_the_shard_of_its_partition_keys_hash(captured, pk):
    keys = {"pk": {"S": pk}}
    _, _, shard = captured("KEYS_ONLY", None, keys, keys, shards=4)
    place = int.from_bytes(encode_key(SCHEMA, keys)[:4], "big")
    assert 0 <= shard.hash_low <= place <= shard.hash_high <= MAX_HASH
