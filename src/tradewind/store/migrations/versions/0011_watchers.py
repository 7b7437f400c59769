"""What names the event of a watcher, so that one which is told twice is kept once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column and its index."""
    op.add_column("asset_event", sa.Column("event_key", sa.Text()))
    op.create_index(
        "uq_asset_event_event_key",
        "asset_event",
        ["event_key"],
        unique=True,
        sqlite_where=sa.text("event_key IS NOT NULL"),
        postgresql_where=sa.text("event_key IS NOT NULL"),
    )
