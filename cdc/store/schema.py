"""The schema of a database file, as SQLAlchemy Core metadata; Alembic's migrations build the same."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

REVISION = "0009"
"""The Alembic revision that this code writes and reads."""

metadata = MetaData()

state = Table(
    "state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("file_id", Text, nullable=False, comment="32 hex digits, made with the file; part of every event id"),
    Column("secret", LargeBinary, nullable=False, comment="key of the MAC in shard iterators"),
    Column("catalog_epoch", Integer, nullable=False, comment="grows with each change of tables, streams or segments"),
    Column("next_sequence", BigInteger, nullable=False, comment="the sequence number that the next record gets"),
    Column("last_created_ms", BigInteger, nullable=False, comment="creation time of the newest record; never falls"),
    CheckConstraint("id = 1", name="state_is_one_row"),
)

tables = Table(
    "tables",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("definition", LargeBinary, nullable=False, comment="JSON: what CreateTable and UpdateTable said"),
    Column("created_ms", BigInteger, nullable=False),
    Column("item_count", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False, comment="sum of the items' sizes, DynamoDB's arithmetic"),
    sqlite_autoincrement=True,  # an id is never given twice: a stale cache can't reach another table's items
)

dropped_tables = Table(
    "dropped_tables",
    metadata,
    Column("id", Integer, primary_key=True, comment="a deleted table whose items housekeeping still removes"),
)

items = Table(
    "items",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("table_id", Integer, nullable=False),
    Column("key", LargeBinary, nullable=False, comment="hash, partition key, sort key: see cdc.model.keys"),
    Column("size", Integer, nullable=False, comment="bytes, DynamoDB's arithmetic"),
    Column("crc", BigInteger, nullable=False, comment="CRC-32 of key and item"),
    Column("item", LargeBinary, nullable=False, comment="canonical DynamoDB JSON"),
    Column("expires_ms", BigInteger, comment="when it expires, where its table has TTL; elsewhere null or out of date"),
    # A rowid table with a unique key index: rows of 1 KB in a WITHOUT ROWID table spill to overflow pages.
    Index("items_key", "table_id", "key", unique=True),
    # A partial index costs items that never expire nothing, but for 0.4 µs when they are deleted.
    Index("items_expiry", "table_id", "expires_ms", sqlite_where=text("expires_ms IS NOT NULL")),
)

expiry_backfills = Table(
    "expiry_backfills",
    metadata,
    Column("table_id", Integer, primary_key=True, comment="a table that was given TTL when it had items"),
    Column("after_key", LargeBinary, nullable=False, comment="items up to this key have their expires_ms"),
)

copies = Table(
    "copies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("table_id", Integer, nullable=False, comment="the table that is copied, as it was when this row was made"),
    Column("after_key", LargeBinary, comment="items up to this key are copied; null when all are"),
    Column("item_count", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False, comment="sum of the items' sizes, DynamoDB's arithmetic"),
    sqlite_autoincrement=True,
)

copy_items = Table(
    "copy_items",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("copy_id", Integer, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("crc", BigInteger, nullable=False, comment="CRC-32 of key and item"),
    Column(
        "item", LargeBinary, comment="canonical DynamoDB JSON; null while copying: no such item at the moment copied"
    ),
    Index("copy_items_key", "copy_id", "key", unique=True),
)

dropped_copies = Table(
    "dropped_copies",
    metadata,
    Column("id", Integer, primary_key=True, comment="a deleted copy whose items housekeeping still removes"),
)

backups = Table(
    "backups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("backup_id", Text, nullable=False, unique=True, comment="the last part of its ARN"),
    Column("name", Text, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("copy_id", Integer, nullable=False),
    Column("definition", LargeBinary, nullable=False, comment="JSON: the table's, at the moment of the backup"),
    Column("indexes", LargeBinary, nullable=False, comment="JSON: the definitions of its indexes at that moment"),
    Column("view_type", Text, comment="of the table's stream at that moment"),
    Column("table_created_ms", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

restores = Table(
    "restores",
    metadata,
    Column("table_id", Integer, primary_key=True, comment="a table that is filled from a copy"),
    Column("copy_id", Integer, nullable=False),
    Column("after_key", LargeBinary, nullable=False, comment="items up to this key are in the table"),
)

transfers = Table(
    "transfers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False, comment="export or import"),
    Column("transfer_id", Text, nullable=False, unique=True, comment="the last part of its ARN"),
    Column("table_name", Text, nullable=False),
    Column("table_id", Integer, nullable=False),
    Column("token", Text, nullable=False, comment="ClientToken"),
    Column("status", Text, nullable=False, comment="IN_PROGRESS, COMPLETED or FAILED"),
    Column("request", LargeBinary, nullable=False, comment="JSON, as it came"),
    Column("progress", LargeBinary, nullable=False, comment="JSON"),
    Column("copy_id", Integer, comment="of an export"),
    Column("created_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    sqlite_autoincrement=True,
)

indexes = Table(
    "indexes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("table_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("definition", LargeBinary, nullable=False, comment="JSON: what CreateTable and UpdateTable said"),
    Column("item_count", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False, comment="sum of the entries' sizes, DynamoDB's arithmetic"),
    Column("backfilled_key", LargeBinary, comment="items up to this key have their entries; null when all have"),
    UniqueConstraint("table_id", "name"),
    sqlite_autoincrement=True,
)

index_items = Table(
    "index_items",
    metadata,
    Column("index_id", Integer, nullable=False),
    Column("key", LargeBinary, nullable=False, comment="index key, then the item's key: see cdc.model.indexes"),
    Column("item_id", Integer, nullable=False, comment="the item's row"),
    Column(
        "size", Integer, nullable=False, comment="bytes, DynamoDB's arithmetic; 0 where the entry is the whole item"
    ),
    Column("crc", BigInteger, nullable=False, comment="CRC-32 of item_id, key and what is included"),
    Column("included", LargeBinary, comment="canonical DynamoDB JSON of what INCLUDE adds to the keys"),
    PrimaryKeyConstraint("index_id", "key"),
    sqlite_with_rowid=False,  # rows are short: one tree to write in place of two, and a page of them lies together
)

dropped_indexes = Table(
    "dropped_indexes",
    metadata,
    Column("id", Integer, primary_key=True, comment="a deleted index whose entries housekeeping still removes"),
)

request_tokens = Table(
    "request_tokens",
    metadata,
    Column("operation", Text, nullable=False),
    Column("token", Text, nullable=False, comment="ClientRequestToken"),
    Column("digest", LargeBinary, nullable=False, comment="of the request's other parameters"),
    Column("completed_ms", BigInteger, nullable=False),
    Column("sizes", LargeBinary, nullable=False, comment="JSON: the larger image of each item, by table"),
    PrimaryKeyConstraint("operation", "token"),
    Index("request_tokens_completed", "completed_ms"),
    sqlite_with_rowid=False,
)

streams = Table(
    "streams",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("table_id", Integer, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("view_type", Text, nullable=False),
    Column("key_schema", LargeBinary, nullable=False, comment="JSON, as DescribeStream shows it"),
    Column("retention_seconds", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("disabled_ms", BigInteger, comment="null while enabled"),
    UniqueConstraint("table_name", "label"),
    sqlite_autoincrement=True,
)

shards = Table(
    "shards",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("stream_id", Integer, nullable=False),
    Column("shard_id", Text, nullable=False),
    Column("parent_shard_id", Text),
    Column("hash_low", BigInteger, nullable=False, comment="first partition-key hash of the shard"),
    Column("hash_high", BigInteger, nullable=False, comment="last partition-key hash of the shard"),
    Column("start_sequence", BigInteger, nullable=False),
    Column("end_sequence", BigInteger, comment="null while open"),
    Column("trimmed_sequence", BigInteger, nullable=False, comment="newest record that a purge removed, 0 if none"),
    ForeignKeyConstraint(["stream_id"], ["streams.id"]),
    UniqueConstraint("stream_id", "shard_id"),
    sqlite_autoincrement=True,
)

segments = Table(
    "segments",
    metadata,
    Column("id", Integer, primary_key=True, comment="the records are in the table records_<id>"),
    Column("retention_seconds", Integer, nullable=False, comment="streams with this retention write here"),
    Column("opened_ms", BigInteger, nullable=False),
    Column("closed_ms", BigInteger, comment="null while records are added"),
    Column("first_sequence", BigInteger, nullable=False, comment="no record in it is older"),
    Column("last_sequence", BigInteger, comment="no record in it is newer; null while open"),
    sqlite_autoincrement=True,
)

mappings = Table(
    "mappings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
    Column("origin", Text, nullable=False, comment="configuration or api: who owns it"),
    Column("table_name", Text, nullable=False),
    Column("stream_id", Integer, comment="the one stream that it reads; null: it follows the table to the next"),
    Column("settings", LargeBinary, nullable=False, comment="JSON: what Lambda lets one set of a mapping"),
    Column("paused", Integer, nullable=False, comment="by an operator; outlives a restart"),
    Column("removed", Integer, nullable=False, comment="gone from the configuration; checkpoints are kept"),
    Column("revision", Integer, nullable=False, comment="grows with each change and each act of an operator"),
    Column("created_ms", BigInteger, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
    Column("start_sequence", BigInteger, nullable=False, comment="deliver what is newer; 0 from the trim horizon"),
    Column("first_stream", Integer, nullable=False, comment="id of the stream to begin with; 0 when there was none"),
    sqlite_autoincrement=True,
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("mapping_id", Integer, ForeignKey("mappings.id", ondelete="CASCADE"), nullable=False),
    Column("shard", Integer, ForeignKey("shards.id", ondelete="CASCADE"), nullable=False),
    Column("lane", Integer, nullable=False),
    Column("lane_count", Integer, nullable=False, comment="lanes of the shard when this one was begun"),
    Column("token", BigInteger, nullable=False, comment="grows with each change: a write names the one that it saw"),
    Column("start_sequence", BigInteger, nullable=False, comment="where the mapping began in this shard, exclusive"),
    Column("sequence", BigInteger, nullable=False, comment="everything of this lane up to here is settled"),
    Column(
        "retry_through", BigInteger, comment="last sequence of the batch that is tried again; null: a new one is next"
    ),
    Column(
        "splits", LargeBinary, nullable=False, comment="JSON: last sequences of the batches that a bisected one left"
    ),
    Column("attempts", Integer, nullable=False, comment="failed attempts at the batch that follows"),
    Column("window_start_ms", BigInteger, comment="of the open tumbling window; null: none is open"),
    Column("window_state", LargeBinary, comment="JSON that the function returned last in it"),
    Column("last_result", Text, nullable=False),
    Column("last_error", Text),
    Column("updated_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("mapping_id", "shard", "lane"),
    sqlite_with_rowid=False,
)

shard_controls = Table(
    "shard_controls",
    metadata,
    Column("mapping_id", Integer, ForeignKey("mappings.id", ondelete="CASCADE"), nullable=False),
    Column("shard", Integer, ForeignKey("shards.id", ondelete="CASCADE"), nullable=False),
    Column("paused", Integer, nullable=False),
    Column("retries", Integer, nullable=False, comment="how often an operator had it tried again at once"),
    PrimaryKeyConstraint("mapping_id", "shard"),
    sqlite_with_rowid=False,
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("mapping_id", Integer, ForeignKey("mappings.id", ondelete="CASCADE"), nullable=False),
    Column("shard", Integer, ForeignKey("shards.id", ondelete="CASCADE"), nullable=False),
    Column("lane", Integer, nullable=False),
    Column("lane_count", Integer, nullable=False),
    Column("after_sequence", BigInteger, nullable=False, comment="the checkpoint before"),
    Column("through_sequence", BigInteger, nullable=False, comment="the checkpoint after"),
    Column("kind", Text, nullable=False, comment="delivered, filtered, dead, skipped, trimmed or reset"),
    Column("records", BigInteger, nullable=False, comment="of that kind"),
    Column("filtered", BigInteger, nullable=False, comment="records among them that the filters passed over"),
    Column("attempts", Integer, nullable=False, comment="invocations that it took"),
    Column("request_id", Text, comment="of the last invocation"),
    Column("settled_ms", BigInteger, nullable=False),
    Column("first_sequence", BigInteger, comment="first record of that kind; null: unknown, or there is none"),
    Column("last_sequence", BigInteger, comment="last record of that kind"),
    Column("started_ms", BigInteger, comment="when the last invocation began; null: unknown, or there was none"),
    Index("outcomes_lane", "shard", "mapping_id", "lane", "id"),
    Index("outcomes_settled", "settled_ms"),
)

failed_attempts = Table(
    "failed_attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("mapping_id", Integer, ForeignKey("mappings.id", ondelete="CASCADE"), nullable=False),
    Column("shard", Integer, ForeignKey("shards.id", ondelete="CASCADE"), nullable=False),
    Column("lane", Integer, nullable=False),
    Column("lane_count", Integer, nullable=False),
    Column("after_sequence", BigInteger, nullable=False, comment="the checkpoint, which did not move"),
    Column("through_sequence", BigInteger, nullable=False, comment="end of the batch"),
    Column("records", BigInteger, nullable=False, comment="in the batch"),
    Column("attempts", Integer, nullable=False, comment="failed ones that count so far, with this one"),
    Column("request_id", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("failed_ms", BigInteger, nullable=False),
    Index("failed_attempts_lane", "shard", "mapping_id", "lane", "id"),
    Index("failed_attempts_failed", "failed_ms"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("mapping_id", Integer, nullable=False),
    Column("mapping_name", Text, nullable=False, comment="kept, as the mapping may be gone"),
    Column("function_name", Text, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("stream_id", Integer, nullable=False),
    Column("shard_id", Text, nullable=False, comment="as on the wire"),
    Column("first_sequence", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("record_count", Integer, nullable=False),
    Column("condition", Text, nullable=False, comment="RetryAttemptsExhausted or RecordAgeExceeded"),
    Column("attempts", Integer, nullable=False, comment="invocations that failed, redrives included"),
    Column("error_type", Text, nullable=False),
    Column("error_message", Text, nullable=False),
    Column("request_id", Text, comment="of the last invocation; null if there was none"),
    Column("first_created_ms", BigInteger, nullable=False, comment="creation time of the first record"),
    Column("last_created_ms", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False, comment="when the batch was given up"),
    Column("state", Text, nullable=False, comment="dead, redriving or redriven"),
    Column("forced", Integer, nullable=False, comment="redrive even if newer records of a key were delivered"),
    Column("redriven_ms", BigInteger),
    Column("redrive_error", Text, comment="why the last redrive was refused or failed"),
    Column("crc", BigInteger, nullable=False, comment="CRC-32 of the event"),
    Column("event", LargeBinary, nullable=False, comment="JSON: what the function got, or would have got"),
    Index("dead_letters_mapping", "mapping_id", "id"),
    Index("dead_letters_state", "state"),
    Index("dead_letters_created", "created_ms"),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message_id", Text, nullable=False, unique=True, comment="the same at each attempt"),
    Column("destination", Text, nullable=False),
    Column("object_key", Text, comment="in a bucket"),
    Column("mapping_name", Text, nullable=False),
    Column("records", Integer, nullable=False, comment="in the batch that the message is about"),
    Column("size_bytes", Integer, nullable=False, comment="of the payload"),
    Column("state", Text, nullable=False, comment="pending, sent or failed"),
    Column("attempts", Integer, nullable=False, comment="since it was added, or an operator had it tried again"),
    Column("next_attempt_ms", BigInteger, nullable=False),
    Column("last_error", Text, comment="of the last attempt, unless it was sent"),
    Column("created_ms", BigInteger, nullable=False),
    Column("pending_since_ms", BigInteger, nullable=False, comment="retries end at an age that counts from here"),
    Column("settled_ms", BigInteger, comment="null while pending"),
    Index("outbox_next", "state", "destination", "next_attempt_ms"),
    Index("outbox_settled", "settled_ms"),
    sqlite_autoincrement=True,  # an outcome that comes late must not hit another message
)

# Apart, as each attempt changes a message's row, and a change writes the whole row: a payload may have 6 MB.
outbox_payloads = Table(
    "outbox_payloads",
    metadata,
    Column("outbox_id", Integer, ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True),
    Column("crc", BigInteger, nullable=False, comment="CRC-32 of the payload and what identifies it"),
    Column("payload", LargeBinary, nullable=False, comment="a JSON object; gone when it was sent"),
)


uploaded_functions = Table(
    "uploaded_functions",
    metadata,
    Column("name", Text, primary_key=True, nullable=False),
    Column("settings", LargeBinary, nullable=False, comment="JSON: what Lambda lets one set of a function"),
    Column("code", LargeBinary, nullable=False, comment="JSON: where its code is"),
    Column("revision_id", Text, nullable=False, comment="another one after each change"),
    Column("modified_ms", BigInteger, nullable=False),
)

waiting_invocations = Table(
    "waiting_invocations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("function_name", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False, comment="JSON: the event"),
    Column("client_context", LargeBinary, nullable=False, comment="JSON; empty when there is none"),
    Column("attempts", Integer, nullable=False, comment="that failed"),
    Column("next_attempt_ms", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("waiting_invocations_next", "function_name", "next_attempt_ms"),
    sqlite_autoincrement=True,
)

lambda_tags = Table(
    "lambda_tags",
    metadata,
    Column("resource", Text, nullable=False, comment="function:<name> or event-source-mapping:<uuid>"),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("resource", "key"),
    sqlite_with_rowid=False,
)


def records_table(segment_id: int) -> Table:
    """Describe the table that holds the records of one segment; it lives outside `metadata`, as segments come and go."""
    name = f"records_{segment_id}"
    return Table(
        name,
        MetaData(),
        Column("last_sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("shard", Integer, nullable=False),
        Column("base_sequence", BigInteger, nullable=False, comment="of the first record written with the block"),
        Column("created_ms", BigInteger, nullable=False),
        Column("record_count", Integer, nullable=False),
        Column("crc", BigInteger, nullable=False, comment="CRC-32 of the body and what identifies it"),
        Column("body", LargeBinary, nullable=False, comment="records of one shard: see cdc.store.blocks"),
        # The index holds (shard, rowid), and the rowid is the last sequence: a shard is read in order without the others.
        Index(f"{name}_shard", "shard"),
    )
