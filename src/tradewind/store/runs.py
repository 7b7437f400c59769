"""Insert a run: by the leader's turn, or by a trigger (the one exception to its monopoly)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from tradewind.model.run import Run
from tradewind.store import rows, tables


def insert_run(conn: Connection, run: Run, consumed_events: Sequence[int] = ()) -> Run | None:
    """Insert a run within the caller's transaction.

    Args:
        conn: a writing transaction.
        run: its run_pk is ignored.
        consumed_events: asset events that this run consumes for its DAG.

    Returns:
        the run with its key, or None when its run_id or logical date exists for this DAG.
    """
    table = tables.dag_run
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    run_pk = conn.execute(
        dialect.insert(table)
        .values(rows.run_row(run))
        .on_conflict_do_nothing()
        .returning(table.c.run_pk)
    ).scalar_one_or_none()
    if run_pk is None:
        return None
    if consumed_events:
        conn.execute(
            insert(tables.asset_consumed),
            [
                {"dag_id": run.dag_id, "event_id": event_id, "run_pk": run_pk}
                for event_id in consumed_events
            ],
        )
    return msgspec.structs.replace(run, run_pk=run_pk)


def find_run(conn: Connection, dag_id: str, run_id: str) -> Run | None:
    """Return a run by its names."""
    table = tables.dag_run
    row = (
        conn.execute(select(table).where(table.c.dag_id == dag_id, table.c.run_id == run_id))
        .mappings()
        .one_or_none()
    )
    return rows.to_run(row) if row else None
