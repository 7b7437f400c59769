"""Tests of connections that people wait for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradewind.store.column_types import UtcTime

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "connection_test",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("conn_id", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("works", sa.Boolean()),
        sa.Column("message", sa.Text()),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_connection_test")),
    )
