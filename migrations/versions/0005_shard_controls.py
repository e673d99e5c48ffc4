"""What an operator wants of a mapping in single shards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shard_controls",
        sa.Column("mapping_id", sa.Integer(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("paused", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False, comment="how often an operator had it tried again at once"),
        sa.ForeignKeyConstraint(["mapping_id"], ["mappings.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["shard"], ["shards.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("mapping_id", "shard"),
        sqlite_with_rowid=False,
    )
