"""What the DAG processor asks when it starts: what was published before."""

from __future__ import annotations

from sqlalchemy import select

from tradewind.store import tables
from tradewind.store.connect import Database


def published_files(db: Database) -> list[str]:
    """Return the names of all DAG files that were published and are not gone."""
    with db.read() as conn:
        return list(conn.execute(select(tables.dag_file.c.path)).scalars())


def owners(db: Database) -> dict[str, str]:
    """Return the DAG file of every active DAG, by DAG id."""
    table = tables.dag
    with db.read() as conn:
        rows = conn.execute(
            select(table.c.dag_id, table.c.dag_file).where(table.c.active.is_(True))
        )
        return {row.dag_id: row.dag_file for row in rows}
