"""Notes of task instances, favorite DAGs, and requests to parse a file again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradewind.store.column_types import Key, UtcTime

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "task_note",
        sa.Column("run_pk", Key, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("run_pk", "task_id", "map_index", name=op.f("pk_task_note")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "favorite_dag",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("username", "dag_id", name=op.f("pk_favorite_dag")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "parse_request",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_parse_request")),
        sqlite_with_rowid=False,
    )
