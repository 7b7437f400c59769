"""Whose logs may still grow: live attempts, triggers of deferred tasks, callbacks that are owed."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Select, Subquery, select, text

from tradewind.store import tables
from tradewind.store.connect import Database

_attempt, _deferral, _callback, _run = (
    tables.attempt,
    tables.deferral,
    tables.callback,
    tables.dag_run,
)


class LiveLog(msgspec.Struct, frozen=True, kw_only=True):
    """A log that may still grow: an attempt's (fence) or a callback's (callback_id).

    task_id: empty for a callback of a DAG.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    fence: int | None = None
    callback_id: int | None = None


def live_logs(db: Database) -> list[LiveLog]:
    """Return the logs that somebody may write to now."""
    live = select(_attempt).where(text(tables.LIVE)).subquery()
    waiting = (
        select(_attempt)
        .join(
            _deferral,
            (_attempt.c.run_pk == _deferral.c.run_pk)
            & (_attempt.c.task_id == _deferral.c.task_id)
            & (_attempt.c.map_index == _deferral.c.map_index)
            & (_attempt.c.fence == _deferral.c.fence),
        )
        .subquery()
    )
    owed = select(_callback).where(_callback.c.done_at.is_(None)).subquery()
    with db.read() as conn:
        return [
            LiveLog(**{**row, "task_id": row["task_id"] or ""})
            for source, number in ((live, "fence"), (waiting, "fence"), (owed, "callback_id"))
            for row in conn.execute(_logs_of(source, number)).mappings()
        ]


def _logs_of(source: Subquery, number: str) -> Select[Any]:
    column = source.c
    return select(
        _run.c.dag_id,
        _run.c.run_id,
        column.task_id,
        column.map_index,
        column.try_number,
        column[number],
    ).join(source, column.run_pk == _run.c.run_pk)
