"""The request that made a run, or cleared it last: a repeated request does nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.add_column("dag_run", sa.Column("trigger_key", sa.Text(), nullable=True))
    present = sa.text("trigger_key IS NOT NULL")
    op.create_index(
        "uq_dag_run_trigger_key",
        "dag_run",
        ["trigger_key"],
        unique=True,
        sqlite_where=present,
        postgresql_where=present,
    )
