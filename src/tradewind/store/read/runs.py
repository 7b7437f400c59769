"""Runs as lists and pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, text

from tradewind.model.run import Run
from tradewind.model.state import RunState, RunType
from tradewind.store import rows, tables
from tradewind.store.connect import Database
from tradewind.store.read import paging

MAX_RUNS = 10_000
"""A list without a limit of its own ends here."""

_run = tables.dag_run


def runs(
    db: Database,
    dag_id: str | None = None,
    *,
    states: Sequence[RunState] = (),
    run_types: Sequence[RunType] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = MAX_RUNS,
    offset: int = 0,
) -> list[Run]:
    """Return runs, the latest first.

    Args:
        db: the database.
        dag_id: only this DAG's.
        states: only those in one of these states.
        run_types: only those of one of these types.
        since: only those with a run_after from here on.
        until: only those with a run_after up to here.
        limit: at most so many.
        offset: skip so many.
    """
    statement = (
        _wanted(select(_run), dag_id, states, run_types, since, until)
        .order_by(_run.c.run_after.desc(), _run.c.run_pk.desc())
        .limit(limit)
        .offset(offset)
    )
    with db.read() as conn:
        return [rows.to_run(row) for row in conn.execute(statement).mappings()]


def count_runs(
    db: Database,
    dag_id: str | None = None,
    *,
    states: Sequence[RunState] = (),
    run_types: Sequence[RunType] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Return how many runs `runs` would list without a limit: exactly, up to `paging.MAX_TOTAL`."""
    with db.read() as conn:
        statement = _wanted(select(_run.c.run_pk), dag_id, states, run_types, since, until)
        return paging.total(conn, statement)


def live_count(db: Database, dag_id: str) -> int:
    """Return how many runs of a DAG are queued or running."""
    statement = select(func.count()).where(_run.c.dag_id == dag_id, text(tables.LIVE))
    with db.read() as conn:
        return int(conn.execute(statement).scalar_one())


def run(db: Database, dag_id: str, run_id: str) -> Run | None:
    """Return a run by its id."""
    statement = select(_run).where(_run.c.dag_id == dag_id, _run.c.run_id == run_id)
    with db.read() as conn:
        row = conn.execute(statement).mappings().first()
    return rows.to_run(row) if row else None


def run_at(db: Database, dag_id: str, logical_date: datetime) -> Run | None:
    """Return a run by its logical date."""
    statement = select(_run).where(_run.c.dag_id == dag_id, _run.c.logical_date == logical_date)
    with db.read() as conn:
        row = conn.execute(statement).mappings().first()
    return rows.to_run(row) if row else None


def latest_runs(db: Database, dag_ids: Sequence[str], count: int) -> dict[str, list[Run]]:
    """Return each DAG's latest runs, the oldest of them first."""
    found: dict[str, list[Run]] = {}
    with db.read() as conn:
        for dag_id in dag_ids:
            # One look-up in the index for each DAG: a window over all runs would read them all.
            statement = (
                select(_run)
                .where(_run.c.dag_id == dag_id)
                .order_by(_run.c.run_after.desc(), _run.c.run_pk.desc())
                .limit(count)
            )
            latest = [rows.to_run(row) for row in conn.execute(statement).mappings()]
            found[dag_id] = latest[::-1]
    return found


def _wanted(
    statement: Select[Any],
    dag_id: str | None,
    states: Sequence[RunState],
    run_types: Sequence[RunType],
    since: datetime | None,
    until: datetime | None,
) -> Select[Any]:
    if dag_id is not None:
        statement = statement.where(_run.c.dag_id == dag_id)
    if states:
        statement = statement.where(_run.c.state.in_([s.value for s in states]))
    if run_types:
        statement = statement.where(_run.c.run_type.in_([t.value for t in run_types]))
    if since is not None:
        statement = statement.where(_run.c.run_after >= since)
    if until is not None:
        statement = statement.where(_run.c.run_after <= until)
    return statement
