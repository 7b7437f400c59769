"""What tasks ask people, and the answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradewind.store.column_types import JsonText, Key, UtcTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "hitl_detail",
        sa.Column("run_pk", Key, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text()),
        sa.Column("options", JsonText(), nullable=False),
        sa.Column("defaults", JsonText()),
        sa.Column("multiple", sa.Boolean(), nullable=False),
        sa.Column("params", JsonText(), nullable=False),
        sa.Column("assigned_users", JsonText(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("timeout_at", UtcTime()),
        sa.Column("responded_at", UtcTime()),
        sa.Column("responded_by", JsonText()),
        sa.Column("chosen_options", JsonText()),
        sa.Column("params_input", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("run_pk", "task_id", "map_index", name=op.f("pk_hitl_detail")),
        sqlite_with_rowid=False,
    )
