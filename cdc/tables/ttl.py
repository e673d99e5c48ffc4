"""Time to live: UpdateTimeToLive and DescribeTimeToLive, and the steps that find expired items and delete them."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from cdc.model.arns import table_name_of
from cdc.model.errors import InternalServerError, ValidationException
from cdc.model.expiry import IGNORED_AFTER_MS, expires_ms, has_expired
from cdc.model.keys import key_of
from cdc.model.values import load_item
from cdc.store import catalog as store
from cdc.store import expiry, items
from cdc.store.reading import Read, Write
from cdc.tables import table_shapes as shapes
from cdc.tables.lifecycle import changeable_table, existing_table
from cdc.tables.write import change_item

if TYPE_CHECKING:
    from cdc.model.catalog import Catalog, Table
    from cdc.model.options import Options
    from cdc.store.reading import Reader, View
    from cdc.store.transaction import Transaction
    from cdc.store.writer import Writer

log = logging.getLogger(__name__)

SWEEP_ROWS = 100
"""Expired items that one write deletes, in some 3 ms."""
SWEEP_WRITES = 50
"""Writes of one step at most, so that other work has its turn."""


def update_time_to_live(request: dict[str, Any], _options: Options) -> Write:
    """Check an UpdateTimeToLive. DynamoDB: UpdateTimeToLive."""
    shapes.UPDATE_TIME_TO_LIVE.check(request)
    name, wanted = table_name_of(request["TableName"]), request["TimeToLiveSpecification"]
    enabled, attribute = wanted["Enabled"], wanted["AttributeName"]

    def run(transaction: Transaction) -> bytes:
        table = changeable_table(transaction, name)
        current = table.definition.ttl_attribute
        if current is None and not enabled:
            raise ValidationException("TimeToLive is already disabled")
        if current is not None and current != attribute:
            raise ValidationException(
                f"TimeToLive is active on a different AttributeName: current AttributeName is {current}"
            )
        if current is not None and enabled:
            raise ValidationException("TimeToLive is already enabled")
        changed = replace(table.definition, ttl_attribute=attribute if enabled else None)
        store.replace_definition(transaction, table.id, changed)
        if enabled:
            expiry.begin_backfill(transaction, table.id)
            # The first step at once: it is the last one, too, of a table with few items.
            expiry.backfill(transaction, table.id, b"", partial(expires_ms, attribute=attribute))
        else:
            expiry.end_backfill(transaction, table.id)
        return orjson.dumps({"TimeToLiveSpecification": {"Enabled": enabled, "AttributeName": attribute}})

    return Write(run)


def describe_time_to_live(request: dict[str, Any], _options: Options) -> Read:
    """Check a DescribeTimeToLive. DynamoDB: DescribeTimeToLive."""
    shapes.DESCRIBE_TIME_TO_LIVE.check(request)
    name = table_name_of(request["TableName"])

    def run(view: View) -> bytes:
        table = existing_table(view.catalog, name, view.now_ms)
        attribute = table.definition.ttl_attribute
        if attribute is None:
            return orjson.dumps({"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}})
        unfinished = any(backfill.table_id == table.id for backfill in expiry.backfills(view.connection))
        status = "ENABLING" if unfinished else "ENABLED"
        return orjson.dumps({"TimeToLiveDescription": {"TimeToLiveStatus": status, "AttributeName": attribute}})

    return Read(run, quick=True)


def backfill_step(writer: Writer, reader: Reader) -> bool:
    """Give some items, of tables that had them before they had TTL, their time; tell whether there is more to do."""
    backfills = expiry.backfills(reader.view().connection)
    for each in backfills:
        writer.call(partial(_backfill, table_id=each.table_id))
    return bool(backfills)


def _backfill(transaction: Transaction, table_id: int) -> None:
    """Go on where the last write ended, which may have been before a restart."""
    table = _table_of(transaction.catalog, table_id)
    after = next((each.after_key for each in expiry.backfills(transaction.cursor) if each.table_id == table_id), None)
    if table is None or table.definition.ttl_attribute is None or after is None:
        expiry.end_backfill(transaction, table_id)
        return
    expiry.backfill(transaction, table_id, after, partial(expires_ms, attribute=table.definition.ttl_attribute))


def sweep_step(writer: Writer, reader: Reader, now_ms: int) -> bool:
    """Delete items that have expired at `now_ms`, some at a time; tell whether there is more to do.

    Each is a REMOVE in its table's stream, made by the service. (DynamoDB: Time to Live.)
    """
    more = False
    for table in reader.view().catalog.tables.values():
        if table.definition.ttl_attribute is not None:
            more |= _sweep_table(writer, reader, table.id, now_ms)
    return more


def _sweep_table(writer: Writer, reader: Reader, table_id: int, now_ms: int) -> bool:
    low_ms = now_ms - IGNORED_AFTER_MS
    for _ in range(SWEEP_WRITES):
        keys = expiry.find_expired(reader.view().connection, table_id, low_ms, now_ms, SWEEP_ROWS)
        if not keys or not writer.call(partial(_delete_expired, table_id=table_id, keys=keys, now_ms=now_ms)):
            return False
    return True


def _delete_expired(transaction: Transaction, table_id: int, keys: list[bytes], now_ms: int) -> int:
    """Delete those items that, as they are now, have expired; count them. One that was updated meanwhile stays."""
    table = _table_of(transaction.catalog, table_id)
    if table is None or table.definition.ttl_attribute is None:
        return 0
    deleted = 0
    for key in keys:
        try:
            old = items.fetch(transaction.cursor, table_id, key)
        except InternalServerError as error:
            log.warning("an expired item is left alone: %s", error)
            continue
        if old is None:
            continue
        item = load_item(old.item)
        if has_expired(expires_ms(item, table.definition.ttl_attribute), now_ms):
            change_item(transaction, table, key, key_of(table.schema, item), old, None, expired=True)
            deleted += 1
    return deleted


def _table_of(catalog: Catalog, table_id: int) -> Table | None:
    return next((table for table in catalog.tables.values() if table.id == table_id), None)
