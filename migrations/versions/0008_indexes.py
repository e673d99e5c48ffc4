"""Secondary indexes with their entries, and the tokens that make transactions idempotent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "indexes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("table_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition", sa.LargeBinary(), nullable=False),
        sa.Column("item_count", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("backfilled_key", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("table_id", "name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "index_items",
        sa.Column("index_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("crc", sa.BigInteger(), nullable=False),
        sa.Column("included", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("index_id", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dropped_indexes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "request_tokens",
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("completed_ms", sa.BigInteger(), nullable=False),
        sa.Column("sizes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("operation", "token"),
        sqlite_with_rowid=False,
    )
    op.create_index("request_tokens_completed", "request_tokens", ["completed_ms"])
