"""What remote workers need: the assignment of an attempt, and the claims of callbacks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("attempt", sa.Column("assignment", sa.LargeBinary(), nullable=True))
    for name, kind in (
        ("attempt_id", sa.Text()),
        ("claim_token", sa.Text()),
        ("nonce", sa.Text()),
        ("assignment", sa.LargeBinary()),
        ("hb_counter", sa.BigInteger()),
    ):
        op.add_column("callback", sa.Column(name, kind, nullable=True))
    op.create_index(
        "ix_callback_attempt_id",
        "callback",
        ["attempt_id"],
        unique=True,
        sqlite_where=sa.text("attempt_id IS NOT NULL"),
        postgresql_where=sa.text("attempt_id IS NOT NULL"),
    )
