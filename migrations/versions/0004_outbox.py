"""An outbox for messages about discarded batches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False, comment="the same at each attempt"),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=True, comment="in a bucket"),
        sa.Column("mapping_name", sa.Text(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False, comment="in the batch that the message is about"),
        sa.Column("size_bytes", sa.Integer(), nullable=False, comment="of the payload"),
        sa.Column("state", sa.Text(), nullable=False, comment="pending, sent or failed"),
        sa.Column(
            "attempts",
            sa.Integer(),
            nullable=False,
            comment="since it was added, or an operator had it tried again",
        ),
        sa.Column("next_attempt_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True, comment="of the last attempt, unless it was sent"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "pending_since_ms",
            sa.BigInteger(),
            nullable=False,
            comment="retries end at an age that counts from here",
        ),
        sa.Column("settled_ms", sa.BigInteger(), nullable=True, comment="null while pending"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_next", "outbox", ["state", "destination", "next_attempt_ms"])
    op.create_index("outbox_settled", "outbox", ["settled_ms"])
    op.create_table(
        "outbox_payloads",
        sa.Column("outbox_id", sa.Integer(), nullable=False),
        sa.Column("crc", sa.BigInteger(), nullable=False, comment="CRC-32 of the payload and what identifies it"),
        sa.Column("payload", sa.LargeBinary(), nullable=False, comment="a JSON object; gone when it was sent"),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("outbox_id"),
    )
