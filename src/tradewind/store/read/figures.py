"""Figures for monitoring: what there is now, and what has ended since somebody looked.

What is live is found through the partial indexes on live runs and attempts; what has happened
is read from the events after a watermark, never by counting history.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import and_, func, or_, select, text

from tradewind.model.state import TaskState
from tradewind.store import tables
from tradewind.store.connect import Database

_run, _ti, _event = tables.dag_run, tables.task_instance, tables.ti_event
_attempt, _dag, _file = tables.attempt, tables.dag, tables.dag_file

MAX_FILES = 2_000
"""DAG files that have figures of their own."""
MAX_STEPS = 20_000
"""Events that are read at once; the rest is read when somebody looks again."""

_ENDS = (
    TaskState.SUCCESS.value,
    TaskState.FAILED.value,
    TaskState.SKIPPED.value,
    TaskState.UPSTREAM_FAILED.value,
    TaskState.UP_FOR_RETRY.value,
)
_TASK_STEPS = (*_ENDS, TaskState.RUNNING.value)
_RUN_STEPS = ("running", "success", "failed")


class FileFigure(msgspec.Struct, frozen=True):
    """When a DAG file was parsed last, and how long it took."""

    path: str
    parsed_at: datetime
    duration_s: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What there is now.

    runs: live runs by (DAG, state); tasks: task instances of live runs by (DAG, state);
    attempts: live attempts by (executor, state).
    """

    runs: dict[tuple[str, str], int]
    tasks: dict[tuple[str, str], int]
    attempts: dict[tuple[str, str], int]
    dags: int
    paused_dags: int
    broken_files: int
    files: tuple[FileFigure, ...]
    waiting_events: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A run or a task instance that started or ended.

    state: what it came to; waited_s: from when it was due, or queued, to its start; took_s:
    from its start to its end. A task that was started anew since has the times of the new start.
    """

    seq: int
    is_task: bool
    state: str
    dag_id: str
    task_id: str
    version_id: int
    waited_s: float | None
    took_s: float | None


def figures(db: Database) -> Figures:
    """Return what there is now."""
    inbox = tables.inbox
    with db.read() as conn:
        runs = conn.execute(
            select(_run.c.dag_id, _run.c.state, func.count().label("number"))
            .where(text(tables.LIVE))
            .group_by(_run.c.dag_id, _run.c.state)
        ).all()
        live = select(_run.c.run_pk, _run.c.dag_id).where(text(tables.LIVE)).subquery()
        tasks = conn.execute(
            select(live.c.dag_id, _ti.c.state, func.count().label("number"))
            .select_from(live.join(_ti, _ti.c.run_pk == live.c.run_pk))
            .group_by(live.c.dag_id, _ti.c.state)
        ).all()
        attempts = conn.execute(
            select(_attempt.c.executor, _attempt.c.state, func.count().label("number"))
            .where(text(tables.LIVE))
            .group_by(_attempt.c.executor, _attempt.c.state)
        ).all()
        dags = conn.execute(
            select(_dag.c.paused, func.count().label("number"))
            .where(_dag.c.active.is_(True))
            .group_by(_dag.c.paused)
        ).all()
        broken = conn.execute(
            select(func.count()).select_from(_file).where(text("import_error IS NOT NULL"))
        ).scalar_one()
        files = conn.execute(
            select(_file.c.path, _file.c.parsed_at, _file.c.parse_duration_s)
            .order_by(_file.c.path)
            .limit(MAX_FILES)
        ).all()
        waiting = conn.execute(
            select(func.count()).select_from(inbox).where(text("done_at IS NULL"))
        ).scalar_one()
    return Figures(
        runs={(row.dag_id, row.state): row.number for row in runs},
        tasks={(row.dag_id, row.state): row.number for row in tasks},
        attempts={(row.executor, row.state): row.number for row in attempts},
        dags=sum(row.number for row in dags),
        paused_dags=sum(row.number for row in dags if row.paused),
        broken_files=broken,
        files=tuple(FileFigure(r.path, r.parsed_at, r.parse_duration_s) for r in files),
        waiting_events=waiting,
    )


def newest_step(db: Database) -> int:
    """Return the number of the newest event of all: what comes after it is news."""
    with db.read() as conn:
        return int(conn.execute(select(func.max(_event.c.seq))).scalar() or 0)


def steps_after(db: Database, seq: int, limit: int = MAX_STEPS) -> tuple[list[Step], int]:
    """Return what started or ended after an event, and the event to go on after.

    Args:
        db: the database.
        seq: the number of the last event that was heeded.
        limit: most steps of one answer.
    """
    with db.read() as conn:
        # Noted before reading: what is committed meanwhile is for the next look.
        newest = int(conn.execute(select(func.max(_event.c.seq))).scalar() or 0)
        found = conn.execute(
            select(
                _event.c.seq,
                _event.c.subject,
                _event.c.to_state,
                _event.c.task_id,
                _run.c.dag_id,
                _run.c.version_id,
                _run.c.run_after,
                _run.c.started_at.label("run_started_at"),
                _run.c.ended_at.label("run_ended_at"),
                _ti.c.queued_at,
                _ti.c.started_at,
                _ti.c.ended_at,
            )
            .select_from(
                _event.join(_run, _run.c.run_pk == _event.c.run_pk).outerjoin(
                    _ti,
                    and_(
                        _ti.c.run_pk == _event.c.run_pk,
                        _ti.c.task_id == _event.c.task_id,
                        _ti.c.map_index == _event.c.map_index,
                    ),
                )
            )
            .where(
                _event.c.seq > seq,
                _event.c.seq <= newest,
                or_(
                    and_(_event.c.subject == "task", _event.c.to_state.in_(_TASK_STEPS)),
                    and_(_event.c.subject == "run", _event.c.to_state.in_(_RUN_STEPS)),
                ),
            )
            .order_by(_event.c.seq)
            .limit(limit)
        ).all()
    steps = []
    for row in found:
        is_task = row.subject == "task"
        due = row.queued_at if is_task else row.run_after
        start = row.started_at if is_task else row.run_started_at
        end = row.ended_at if is_task else row.run_ended_at
        steps.append(
            Step(
                seq=row.seq,
                is_task=is_task,
                state=row.to_state,
                dag_id=row.dag_id,
                task_id=row.task_id or "",
                version_id=row.version_id,
                waited_s=_span_s(due, start),
                took_s=_span_s(start, end),
            )
        )
    return steps, steps[-1].seq if len(steps) == limit else newest


def _span_s(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None or end < start:
        return None
    return (end - start).total_seconds()
