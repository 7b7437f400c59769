"""A scheduler's row says what keeps its executors from their work."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradewind.store.column_types import JsonText

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the column."""
    op.add_column("component", sa.Column("executors", JsonText()))
