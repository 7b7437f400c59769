"""Lists of running parts, as the API's jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from tradewind.store import tables
from tradewind.store.components import Component
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.read.paging import Page, Slice

_part = tables.component
JOB_TYPES = {
    "SchedulerJob": "scheduler",
    "DagProcessorJob": "dag_processor",
    "TriggererJob": "triggerer",
}
"""Airflow's names of the parts."""


class JobFilter(Page, kw_only=True):
    """Which parts are wanted; names are the API's."""

    is_alive: bool | None = None
    job_state: str | None = None
    job_type: str | None = None
    hostname: str | None = None
    executor_class: str | None = None
    start_date_gte: datetime | None = None
    start_date_gt: datetime | None = None
    start_date_lte: datetime | None = None
    start_date_lt: datetime | None = None
    end_date_gte: datetime | None = None
    end_date_gt: datetime | None = None
    end_date_lte: datetime | None = None
    end_date_lt: datetime | None = None


_ORDERS: dict[str, ColumnElement[Any]] = {
    "id": _part.c.started_at,
    "start_date": _part.c.started_at,
    "end_date": _part.c.stopped_at,
    "latest_heartbeat": _part.c.beat_at,
    "hostname": _part.c.host,
    "job_type": _part.c.kind,
    "state": _part.c.stopped_at,
}


def find(
    db: Database, wanted: JobFilter, part: Slice, alive_since: datetime
) -> tuple[list[Component], int]:
    """Return a page of parts, and how many there are.

    Args:
        db: the database.
        wanted: the filter.
        part: the page.
        alive_since: a part that beat after this and has not stopped is alive.
    """
    alive = and_(_part.c.stopped_at.is_(None), _part.c.beat_at >= alive_since)
    where: list[ColumnElement[bool]] = [
        paging.between(_part.c.started_at, paging.range_of(wanted, "start_date")),
        paging.between(_part.c.stopped_at, paging.range_of(wanted, "end_date")),
    ]
    if wanted.is_alive is not None:
        where.append(alive if wanted.is_alive else ~alive)
    if wanted.job_state is not None:
        states = {
            "running": alive,
            "success": _part.c.stopped_at.is_not(None),
            "failed": and_(_part.c.stopped_at.is_(None), ~alive),
        }
        where.append(states.get(wanted.job_state, or_(_part.c.kind.is_(None))))
    if wanted.job_type is not None:
        where.append(_part.c.kind == JOB_TYPES.get(wanted.job_type, wanted.job_type))
    if wanted.hostname is not None:
        where.append(_part.c.host == wanted.hostname)
    if wanted.executor_class is not None:
        where.append(_part.c.kind.is_(None))
    statement = select(_part).where(*where)
    with db.read() as conn:
        count = paging.total(conn, statement)
        found = conn.execute(paging.page(statement, part, _ORDERS, [_part.c.component_id]))
        return [Component(**row) for row in found.mappings()], count
