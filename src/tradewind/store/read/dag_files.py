"""DAG files and what was published of them."""

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


def dags_of_file(db: Database, path: str) -> list[str]:
    """Return the DAGs that were published from a file, active or not."""
    table = tables.dag
    named = select(table.c.dag_id).where(table.c.dag_file == path).order_by(table.c.dag_id)
    with db.read() as conn:
        return list(conn.execute(named).scalars())
