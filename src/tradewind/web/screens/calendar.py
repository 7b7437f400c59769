"""Runs by time, for the calendar: what ran, and what is planned next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from tradewind.store import tables
from tradewind.store.read import dags as dag_rows
from tradewind.web.screens.desk import Asked, Desk, unix

_MOST_DAYS = 400
_MOST_RUNS = 20_000


def calendar(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return [time, state, run id] of a DAG's runs of the last days, oldest first.

    Days are the reader's, so they are made in the browser, where the zone is known.
    """
    dag_id = asked.dag_id()
    since = desk.clock.now() - timedelta(days=asked.number("days", 180, _MOST_DAYS, 1))
    run = tables.dag_run
    statement = (
        select(run.c.run_after, run.c.state, run.c.run_id)
        .where(run.c.dag_id == dag_id, run.c.run_after >= since)
        .order_by(run.c.run_after.desc())
        .limit(_MOST_RUNS)
    )
    with desk.db.read() as conn:
        found = conn.execute(statement).all()
    row = dag_rows.dag(desk.db, dag_id)
    return {
        "since": unix(since),
        "next": unix(row.next_due) if row and not row.paused else None,
        "runs": [[unix(r.run_after), r.state, r.run_id] for r in reversed(found)],
    }
