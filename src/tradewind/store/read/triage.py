"""What wants attention: failed runs and their tasks, what is stuck, what is late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import func, or_, select, text

from tradewind.model.run import Run, TaskInstance
from tradewind.store import rows, tables
from tradewind.store.connect import Database

_dag, _run, _ti = tables.dag, tables.dag_run, tables.task_instance

MAX_FAILED = 200
MAX_STUCK = 100
MAX_LATE = 50
_SLICE = 500


class FailedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A failed run with the tasks that failed in it.

    recovered: a later run of the DAG has succeeded.
    """

    run: Run
    tasks: tuple[TaskInstance, ...]
    recovered: bool


class Stuck(msgspec.Struct, frozen=True, kw_only=True):
    """A task instance of a live run that has waited for long."""

    run: Run
    ti: TaskInstance
    since: datetime


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG and when its next run is due."""

    dag_id: str
    due: datetime


def failed_runs(db: Database, since: datetime, limit: int = MAX_FAILED) -> list[FailedRun]:
    """Return runs that failed since a time, newest first."""
    statement = (
        select(_run)
        .where(_run.c.state == "failed", _run.c.run_after >= since)
        .order_by(_run.c.run_after.desc())
        .limit(limit)
    )
    later = _run.alias("later")
    with db.read() as conn:
        runs = [rows.to_run(row) for row in conn.execute(statement).mappings()]
        tasks: dict[int, list[TaskInstance]] = {}
        for row in conn.execute(
            select(_ti)
            .where(_ti.c.run_pk.in_([r.run_pk for r in runs]), _ti.c.state == "failed")
            .order_by(_ti.c.run_pk, _ti.c.ended_at)
        ).mappings():
            tasks.setdefault(row["run_pk"], []).append(rows.to_ti(row))
        good = {
            row.dag_id: row.last
            for row in conn.execute(
                select(later.c.dag_id, func.max(later.c.run_after).label("last"))
                .where(
                    later.c.dag_id.in_({r.dag_id for r in runs}),
                    later.c.state == "success",
                    later.c.run_after >= since,
                )
                .group_by(later.c.dag_id)
            )
        }
    return [
        FailedRun(
            run=run,
            tasks=tuple(tasks.get(run.run_pk, ())),
            recovered=run.dag_id in good and good[run.dag_id] > run.run_after,
        )
        for run in runs
    ]


def stuck_tasks(db: Database, before: datetime, limit: int = MAX_STUCK) -> list[Stuck]:
    """Return task instances of live runs that have waited since before a time, longest first."""
    waiting = (
        *("scheduled", "queued", "up_for_retry", "up_for_reschedule"),
        *("deferred", "awaiting_input"),
    )
    found: list[Stuck] = []
    with db.read() as conn:
        live = {
            row["run_pk"]: rows.to_run(row)
            for row in conn.execute(select(_run).where(text(tables.LIVE))).mappings()
        }
        for part in _slices(list(live)):
            statement = (
                select(_ti)
                .where(
                    _ti.c.run_pk.in_(part),
                    _ti.c.state.in_(waiting),
                    or_(_ti.c.due_at.is_(None), _ti.c.due_at < before),
                )
                .limit(limit * 10)
            )
            for row in conn.execute(statement).mappings():
                ti, run = rows.to_ti(row), live[row["run_pk"]]
                since = ti.ended_at or ti.queued_at or run.started_at or run.queued_at
                if since is not None and since < before:
                    found.append(Stuck(run=run, ti=ti, since=since))
    return sorted(found, key=lambda stuck: stuck.since)[:limit]


def waiting_runs(db: Database, before: datetime, limit: int = MAX_STUCK) -> list[Run]:
    """Return runs that have been queued since before a time."""
    statement = (
        select(_run)
        .where(text(tables.LIVE), _run.c.state == "queued", _run.c.queued_at < before)
        .order_by(_run.c.queued_at)
        .limit(limit)
    )
    with db.read() as conn:
        return [rows.to_run(row) for row in conn.execute(statement).mappings()]


def due_dags(
    db: Database, *, before: datetime | None = None, after: datetime | None = None
) -> list[Due]:
    """Return DAGs that are not paused by when their next run is due, soonest first."""
    statement = select(_dag.c.dag_id, _dag.c.next_due).where(
        _dag.c.active.is_(True), _dag.c.paused.is_(False), _dag.c.next_due.is_not(None)
    )
    if before is not None:
        statement = statement.where(_dag.c.next_due < before)
    if after is not None:
        statement = statement.where(_dag.c.next_due >= after)
    with db.read() as conn:
        found = conn.execute(statement.order_by(_dag.c.next_due).limit(MAX_LATE)).all()
    return [Due(dag_id=row.dag_id, due=row.next_due) for row in found]


def run_counts(db: Database, since: datetime) -> dict[str, int]:
    """Return how many runs are queued and running, and how many ended how since a time."""
    with db.read() as conn:
        live = conn.execute(
            select(_run.c.state, func.count().label("number"))
            .where(text(tables.LIVE))
            .group_by(_run.c.state)
        ).all()
        ended = conn.execute(
            select(_run.c.state, func.count().label("number"))
            .where(_run.c.run_after >= since, _run.c.state.in_(("success", "failed")))
            .group_by(_run.c.state)
        ).all()
        counts = {"queued": 0, "running": 0, "success": 0, "failed": 0}
        return counts | {row.state: row.number for row in [*live, *ended]}


def _slices(run_pks: Sequence[int]) -> list[Sequence[int]]:
    return [run_pks[start : start + _SLICE] for start in range(0, len(run_pks), _SLICE)]
