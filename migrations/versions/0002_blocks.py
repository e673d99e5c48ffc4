"""Records are stored in blocks: a row of a records table holds what one commit wrote to one shard."""

from __future__ import annotations

import struct
from zlib import crc32

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

READ_ROWS = 256


def upgrade() -> None:
    segments = op.get_bind().execute(sa.text("SELECT id FROM segments ORDER BY id")).scalars().all()
    for segment in segments:
        convert(f"records_{segment}")


def convert(name: str) -> None:
    """Make each record of a segment a block of its own."""
    old = f"{name}_before_blocks"
    op.drop_index(f"{name}_shard", table_name=name)
    op.rename_table(name, old)
    new = op.create_table(
        name,
        sa.Column("last_sequence", sa.Integer(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("base_sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("crc", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("last_sequence"),
    )
    op.create_index(f"{name}_shard", name, ["shard"])
    connection = op.get_bind()
    text = f"SELECT sequence, shard, created_ms, kind, size_bytes, change FROM {old} ORDER BY sequence"  # noqa: S608
    found = connection.execute(sa.text(text))
    for rows in found.partitions(READ_ROWS):
        connection.execute(sa.insert(new), [block_of(*row) for row in rows])
    op.drop_table(old)


def block_of(
    sequence: int, shard: int, created_ms: int, kind: int, size_bytes: int, change: bytes
) -> dict[str, object]:
    body = struct.pack(">IBII", 0, kind, size_bytes, len(change)) + change
    return {
        "last_sequence": sequence,
        "shard": shard,
        "base_sequence": sequence,
        "created_ms": created_ms,
        "record_count": 1,
        "crc": crc32(body, crc32(struct.pack(">QIQQI", sequence, shard, sequence, created_ms, 1))),
        "body": body,
    }
