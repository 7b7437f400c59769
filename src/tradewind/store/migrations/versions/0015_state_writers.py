"""Who keeps a value of an asset."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradewind.store.column_types import JsonText

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the column."""
    op.add_column("asset_state", sa.Column("updated_by", JsonText()))
