"""Functions made over the Lambda API, invocations that wait for their turn, and tags of functions and mappings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "uploaded_functions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", sa.LargeBinary(), nullable=False, comment="JSON: what Lambda lets one set of a function"),
        sa.Column("code", sa.LargeBinary(), nullable=False, comment="JSON: where its code is"),
        sa.Column("revision_id", sa.Text(), nullable=False, comment="another one after each change"),
        sa.Column("modified_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "waiting_invocations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("function_name", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False, comment="JSON: the event"),
        sa.Column("client_context", sa.LargeBinary(), nullable=False, comment="JSON; empty when there is none"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="that failed"),
        sa.Column("next_attempt_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("waiting_invocations_next", "waiting_invocations", ["function_name", "next_attempt_ms"])
    op.create_table(
        "lambda_tags",
        sa.Column("resource", sa.Text(), nullable=False, comment="function:<name> or event-source-mapping:<uuid>"),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("resource", "key"),
        sqlite_with_rowid=False,
    )
