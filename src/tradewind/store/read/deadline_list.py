"""The deadlines of runs, for people: those to come and those that were missed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, func, select

from tradewind.store import tables
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.read.paging import Page, Slice
from tradewind.store.tables import deadline as table

_run = tables.dag_run

MAX_OF_A_RUN = 100
"""Deadlines of one run that are shown with the run."""


class DeadlineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A deadline of a run. missed_at: when it was seen to have passed."""

    deadline_id: int
    dag_id: str
    run_id: str
    version_id: int
    position: int
    name: str | None
    due_at: datetime
    created_at: datetime
    missed_at: datetime | None


class DeadlineFilter(Page, kw_only=True):
    """Which deadlines are wanted; names are the API's."""

    missed: bool | None = None
    deadline_time_gte: datetime | None = None
    deadline_time_gt: datetime | None = None
    deadline_time_lte: datetime | None = None
    deadline_time_lt: datetime | None = None
    last_updated_at_gte: datetime | None = None
    last_updated_at_gt: datetime | None = None
    last_updated_at_lte: datetime | None = None
    last_updated_at_lt: datetime | None = None


_UPDATED: ColumnElement[Any] = func.coalesce(table.c.missed_at, table.c.created_at)
_ORDERS: dict[str, ColumnElement[Any]] = {
    "id": table.c.deadline_id,
    "deadline_time": table.c.due_at,
    "created_at": table.c.created_at,
    "last_updated_at": _UPDATED,
    "missed": table.c.missed_at.is_not(None),
    "dag_id": _run.c.dag_id,
    "dag_run_id": _run.c.run_id,
    "alert_name": table.c.name,
}
_SELECT = select(table, _run.c.dag_id, _run.c.run_id, _run.c.version_id).join(
    _run, _run.c.run_pk == table.c.run_pk
)


def of_run(db: Database, run_pk: int) -> list[DeadlineRow]:
    """Return a run's deadlines, the earliest first; those that it met are not kept."""
    statement = _SELECT.where(table.c.run_pk == run_pk).order_by(table.c.due_at)
    with db.read() as conn:
        return [_to_row(row) for row in conn.execute(statement.limit(MAX_OF_A_RUN)).mappings()]


def find(
    db: Database,
    wanted: DeadlineFilter,
    part: Slice,
    readable: Collection[str] | None,
    *,
    dag_id: str | None = None,
    run_id: str | None = None,
) -> tuple[list[DeadlineRow], int]:
    """Return a page of deadlines, and how many there are.

    Args:
        db: the database.
        wanted: the filter.
        part: the page.
        readable: the DAGs that whoever asks may see; None: all.
        dag_id: only of this DAG's runs.
        run_id: only of runs with this id.

    Raises:
        BadOrder: deadlines cannot be ordered so.
    """
    statement = _SELECT.where(
        paging.visible(_run.c.dag_id, readable),
        paging.between(table.c.due_at, paging.range_of(wanted, "deadline_time")),
        paging.between(_UPDATED, paging.range_of(wanted, "last_updated_at")),
    )
    if wanted.missed is not None:
        missed = table.c.missed_at.is_not(None)
        statement = statement.where(missed if wanted.missed else ~missed)
    if dag_id is not None:
        statement = statement.where(_run.c.dag_id == dag_id)
    if run_id is not None:
        statement = statement.where(_run.c.run_id == run_id)
    with db.read() as conn:
        count = paging.total(conn, statement)
        ordered = paging.page(statement, part, _ORDERS, [table.c.deadline_id])
        return [_to_row(row) for row in conn.execute(ordered).mappings()], count


def _to_row(row: Any) -> DeadlineRow:
    return DeadlineRow(**{name: row[name] for name in DeadlineRow.__struct_fields__})
