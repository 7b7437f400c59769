"""An index of task instances that failed or did not run, in place of that of failed ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_WHERE = sa.text("state IN ('failed', 'upstream_failed', 'skipped', 'removed')")


def upgrade() -> None:
    """Replace the index."""
    op.drop_index("ix_task_instance_failed", "task_instance")
    op.create_index(
        "ix_task_instance_unsuccessful",
        "task_instance",
        ["state", "run_pk"],
        sqlite_where=_WHERE,
        postgresql_where=_WHERE,
    )
