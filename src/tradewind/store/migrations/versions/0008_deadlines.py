"""By when runs must have ended, and the callbacks of deadlines that were missed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradewind.store.column_types import Key, UtcTime

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the table, and the column that names a callback's deadline."""
    op.create_table(
        "deadline",
        sa.Column("deadline_id", Key, nullable=False),
        sa.Column("run_pk", Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("missed_at", UtcTime()),
        sa.PrimaryKeyConstraint("deadline_id", name=op.f("pk_deadline")),
        sa.UniqueConstraint("run_pk", "position", name=op.f("uq_deadline_run_pk_position")),
    )
    op.create_index(
        "ix_deadline_open",
        "deadline",
        ["due_at"],
        sqlite_where=sa.text("missed_at IS NULL"),
        postgresql_where=sa.text("missed_at IS NULL"),
    )
    op.add_column("callback", sa.Column("deadline_id", Key))
