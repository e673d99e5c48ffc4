"""Mappings have all of Lambda's settings, checkpoints have lanes, and what is given up is kept as dead letters."""

from __future__ import annotations

import json
import uuid

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CHANGED = ("outcomes", "checkpoints", "mappings")  # those that refer to others first


def upgrade() -> None:
    connection = op.get_bind()
    for name in CHANGED:  # a table that others refer to can't be altered in place: its rows wait elsewhere meanwhile
        connection.execute(sa.text(f"CREATE TABLE old_{name} AS SELECT * FROM {name}"))  # noqa: S608
        op.drop_table(name)
    create_tables()
    copy_mappings()
    connection.execute(
        sa.text(
            "INSERT INTO checkpoints SELECT mapping_id, shard, 0, 1, 0, start_sequence, sequence, NULL,"
            " CAST('[]' AS BLOB), attempts, NULL, NULL, last_result, last_error, updated_ms FROM old_checkpoints"
        )
    )
    connection.execute(
        sa.text(
            "INSERT INTO outcomes SELECT id, mapping_id, shard, 0, 1, after_sequence, through_sequence, kind, records,"
            " 0, attempts, request_id, settled_ms FROM old_outcomes"
        )
    )
    for name in CHANGED:
        op.drop_table(f"old_{name}")


def copy_mappings() -> None:
    connection = op.get_bind()
    mappings = sa.table("mappings", *(sa.column(name) for name in MAPPING))
    for row in connection.execute(sa.text("SELECT * FROM old_mappings ORDER BY id")).mappings().all():
        settings = {
            "function_name": row["function_name"],
            "starting_position": row["starting_position"],
            "enabled": bool(row["enabled"]),
            "batch_size": row["batch_size"],
            "maximum_batching_window_in_seconds": row["window_seconds"],
        }
        new = {name: row[name] for name in KEPT} | {
            "uuid": str(uuid.uuid4()),
            "origin": "configuration",
            "settings": json.dumps(settings).encode(),
            "revision": 1,
            "modified_ms": row["created_ms"],
        }
        connection.execute(sa.insert(mappings).values(new))


KEPT = ("id", "name", "table_name", "paused", "removed", "created_ms", "start_sequence", "first_stream")
MAPPING = (*KEPT, "uuid", "origin", "settings", "revision", "modified_ms")


def create_tables() -> None:
    op.create_table(
        "mappings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False, comment="configuration or api: who owns it"),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column(
            "stream_id",
            sa.Integer(),
            nullable=True,
            comment="the one stream that it reads; null: it follows the table to the next",
        ),
        sa.Column("settings", sa.LargeBinary(), nullable=False, comment="JSON: what Lambda lets one set of a mapping"),
        sa.Column("paused", sa.Integer(), nullable=False, comment="by an operator; outlives a restart"),
        sa.Column("removed", sa.Integer(), nullable=False, comment="gone from the configuration; checkpoints are kept"),
        sa.Column(
            "revision", sa.Integer(), nullable=False, comment="grows with each change and each act of an operator"
        ),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("modified_ms", sa.BigInteger(), nullable=False),
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
        sa.UniqueConstraint("uuid"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "checkpoints",
        sa.Column("mapping_id", sa.Integer(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("lane_count", sa.Integer(), nullable=False, comment="lanes of the shard when this one was begun"),
        sa.Column(
            "token",
            sa.BigInteger(),
            nullable=False,
            comment="grows with each change: a write names the one that it saw",
        ),
        sa.Column(
            "start_sequence",
            sa.BigInteger(),
            nullable=False,
            comment="where the mapping began in this shard, exclusive",
        ),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="everything of this lane up to here is settled"),
        sa.Column(
            "retry_through",
            sa.BigInteger(),
            nullable=True,
            comment="last sequence of the batch that is tried again; null: a new one is next",
        ),
        sa.Column(
            "splits",
            sa.LargeBinary(),
            nullable=False,
            comment="JSON: last sequences of the batches that a bisected one left",
        ),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="failed attempts at the batch that follows"),
        sa.Column(
            "window_start_ms", sa.BigInteger(), nullable=True, comment="of the open tumbling window; null: none is open"
        ),
        sa.Column(
            "window_state", sa.LargeBinary(), nullable=True, comment="JSON that the function returned last in it"
        ),
        sa.Column("last_result", sa.Text(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["mapping_id"], ["mappings.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["shard"], ["shards.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("mapping_id", "shard", "lane"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outcomes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mapping_id", sa.Integer(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("lane_count", sa.Integer(), nullable=False),
        sa.Column("after_sequence", sa.BigInteger(), nullable=False, comment="the checkpoint before"),
        sa.Column("through_sequence", sa.BigInteger(), nullable=False, comment="the checkpoint after"),
        sa.Column("kind", sa.Text(), nullable=False, comment="delivered, filtered, dead, skipped, trimmed or reset"),
        sa.Column("records", sa.BigInteger(), nullable=False, comment="of that kind"),
        sa.Column(
            "filtered", sa.BigInteger(), nullable=False, comment="records among them that the filters passed over"
        ),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="invocations that it took"),
        sa.Column("request_id", sa.Text(), nullable=True, comment="of the last invocation"),
        sa.Column("settled_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["mapping_id"], ["mappings.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["shard"], ["shards.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("outcomes_lane", "outcomes", ["shard", "mapping_id", "lane", "id"], unique=False)
    op.create_index("outcomes_settled", "outcomes", ["settled_ms"], unique=False)
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mapping_id", sa.Integer(), nullable=False),
        sa.Column("mapping_name", sa.Text(), nullable=False, comment="kept, as the mapping may be gone"),
        sa.Column("function_name", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("stream_id", sa.Integer(), nullable=False),
        sa.Column("shard_id", sa.Text(), nullable=False, comment="as on the wire"),
        sa.Column("first_sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False, comment="RetryAttemptsExhausted or RecordAgeExceeded"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="invocations that failed, redrives included"),
        sa.Column("error_type", sa.Text(), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True, comment="of the last invocation; null if there was none"),
        sa.Column("first_created_ms", sa.BigInteger(), nullable=False, comment="creation time of the first record"),
        sa.Column("last_created_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False, comment="when the batch was given up"),
        sa.Column("state", sa.Text(), nullable=False, comment="dead, redriving or redriven"),
        sa.Column(
            "forced", sa.Integer(), nullable=False, comment="redrive even if newer records of a key were delivered"
        ),
        sa.Column("redriven_ms", sa.BigInteger(), nullable=True),
        sa.Column("redrive_error", sa.Text(), nullable=True, comment="why the last redrive was refused or failed"),
        sa.Column("crc", sa.BigInteger(), nullable=False, comment="CRC-32 of the event"),
        sa.Column("event", sa.LargeBinary(), nullable=False, comment="JSON: what the function got, or would have got"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("dead_letters_created", "dead_letters", ["created_ms"], unique=False)
    op.create_index("dead_letters_mapping", "dead_letters", ["mapping_id", "id"], unique=False)
    op.create_index("dead_letters_state", "dead_letters", ["state"], unique=False)
