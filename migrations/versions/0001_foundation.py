"""Tables, items, streams, shards, segments, mappings, checkpoints and outcomes."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dropped_tables",
        sa.Column("id", sa.Integer(), nullable=False, comment="a deleted table whose items housekeeping still removes"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("table_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False, comment="hash, partition key, sort key: see cdc.model.keys"),
        sa.Column("size", sa.Integer(), nullable=False, comment="bytes, DynamoDB's arithmetic"),
        sa.Column("crc", sa.BigInteger(), nullable=False, comment="CRC-32 of key and item"),
        sa.Column("item", sa.LargeBinary(), nullable=False, comment="canonical DynamoDB JSON"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("items_key", "items", ["table_id", "key"], unique=True)
    op.create_table(
        "mappings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("function_name", sa.Text(), nullable=False),
        sa.Column("starting_position", sa.Text(), nullable=False),
        sa.Column("batch_size", sa.Integer(), nullable=False),
        sa.Column("window_seconds", sa.Integer(), nullable=False, comment="MaximumBatchingWindowInSeconds"),
        sa.Column("enabled", sa.Integer(), nullable=False, comment="as the configuration says"),
        sa.Column("paused", sa.Integer(), nullable=False, comment="by an operator; outlives a restart"),
        sa.Column("removed", sa.Integer(), nullable=False, comment="gone from the configuration; checkpoints are kept"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "start_sequence", sa.BigInteger(), nullable=False, comment="deliver what is newer; 0 from the trim horizon"
        ),
        sa.Column(
            "first_stream",
            sa.Integer(),
            nullable=False,
            comment="id of the stream to begin with; 0 when there was none",
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "segments",
        sa.Column("id", sa.Integer(), nullable=False, comment="the records are in the table records_<id>"),
        sa.Column("retention_seconds", sa.Integer(), nullable=False, comment="streams with this retention write here"),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True, comment="null while records are added"),
        sa.Column("first_sequence", sa.BigInteger(), nullable=False, comment="no record in it is older"),
        sa.Column("last_sequence", sa.BigInteger(), nullable=True, comment="no record in it is newer; null while open"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "file_id", sa.Text(), nullable=False, comment="32 hex digits, made with the file; part of every event id"
        ),
        sa.Column("secret", sa.LargeBinary(), nullable=False, comment="key of the MAC in shard iterators"),
        sa.Column(
            "catalog_epoch",
            sa.Integer(),
            nullable=False,
            comment="grows with each change of tables, streams or segments",
        ),
        sa.Column(
            "next_sequence", sa.BigInteger(), nullable=False, comment="the sequence number that the next record gets"
        ),
        sa.Column(
            "last_created_ms",
            sa.BigInteger(),
            nullable=False,
            comment="creation time of the newest record; never falls",
        ),
        sa.CheckConstraint("id = 1", name="state_is_one_row"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "streams",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("table_id", sa.Integer(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("view_type", sa.Text(), nullable=False),
        sa.Column("key_schema", sa.LargeBinary(), nullable=False, comment="JSON, as DescribeStream shows it"),
        sa.Column("retention_seconds", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("disabled_ms", sa.BigInteger(), nullable=True, comment="null while enabled"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("table_name", "label"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tables",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "definition", sa.LargeBinary(), nullable=False, comment="JSON: what CreateTable and UpdateTable said"
        ),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("item_count", sa.BigInteger(), nullable=False),
        sa.Column(
            "size_bytes", sa.BigInteger(), nullable=False, comment="sum of the items' sizes, DynamoDB's arithmetic"
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "shards",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stream_id", sa.Integer(), nullable=False),
        sa.Column("shard_id", sa.Text(), nullable=False),
        sa.Column("parent_shard_id", sa.Text(), nullable=True),
        sa.Column("hash_low", sa.BigInteger(), nullable=False, comment="first partition-key hash of the shard"),
        sa.Column("hash_high", sa.BigInteger(), nullable=False, comment="last partition-key hash of the shard"),
        sa.Column("start_sequence", sa.BigInteger(), nullable=False),
        sa.Column("end_sequence", sa.BigInteger(), nullable=True, comment="null while open"),
        sa.Column(
            "trimmed_sequence", sa.BigInteger(), nullable=False, comment="newest record that a purge removed, 0 if none"
        ),
        sa.ForeignKeyConstraint(
            ["stream_id"],
            ["streams.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("stream_id", "shard_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "checkpoints",
        sa.Column("mapping_id", sa.Integer(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column(
            "start_sequence",
            sa.BigInteger(),
            nullable=False,
            comment="where the mapping began in this shard, exclusive",
        ),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="everything up to here is settled"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="failed attempts at the batch that follows"),
        sa.Column("last_result", sa.Text(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["mapping_id"], ["mappings.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["shard"], ["shards.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("mapping_id", "shard"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outcomes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mapping_id", sa.Integer(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("after_sequence", sa.BigInteger(), nullable=False, comment="the checkpoint before"),
        sa.Column("through_sequence", sa.BigInteger(), nullable=False, comment="the checkpoint after"),
        sa.Column("kind", sa.Text(), nullable=False, comment="delivered or trimmed"),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="invocations that it took"),
        sa.Column("request_id", sa.Text(), nullable=True, comment="of the invocation that succeeded"),
        sa.Column("settled_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["mapping_id"], ["mappings.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["shard"], ["shards.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("outcomes_shard_mapping", "outcomes", ["shard", "mapping_id", "through_sequence"], unique=False)
    op.create_index("outcomes_settled", "outcomes", ["settled_ms"], unique=False)
    state = sa.table("state", *(sa.column(name) for name in _STATE))
    row = {"id": 1, "file_id": secrets.token_hex(16), "secret": secrets.token_bytes(32)}
    op.bulk_insert(state, [row | {"catalog_epoch": 1, "next_sequence": 1, "last_created_ms": 0}])


_STATE = ("id", "file_id", "secret", "catalog_epoch", "next_sequence", "last_created_ms")
