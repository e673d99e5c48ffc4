"""A mapping can be paused in single shards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    paused = sa.Column("paused", sa.Integer(), nullable=False, server_default="0", comment="by an operator")
    op.add_column("checkpoints", paused)
