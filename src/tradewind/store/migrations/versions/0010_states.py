"""What programs keep between runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradewind.store.column_types import JsonText, Key, UtcTime

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "task_state",
        sa.Column("run_pk", Key, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", JsonText()),
        sa.Column("expires_at", UtcTime()),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            "run_pk", "task_id", "map_index", "key", name=op.f("pk_task_state")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "asset_state",
        sa.Column("asset_id", Key, autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", JsonText()),
        sa.Column("expires_at", UtcTime()),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("asset_id", "key", name=op.f("pk_asset_state")),
        sqlite_with_rowid=False,
    )
