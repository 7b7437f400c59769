"""Backfills as the API shows them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, func, select

from tradewind.store import tables
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.read.paging import Slice

_backfill, _run = tables.backfill, tables.dag_run


class BackfillRow(msgspec.Struct, frozen=True, kw_only=True):
    """A backfill. live_runs: how many of its runs are queued or running."""

    backfill_id: int
    dag_id: str
    from_date: datetime
    to_date: datetime
    conf: dict[str, Any]
    max_active_runs: int
    reprocess: str
    paused: bool
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    live_runs: int
    ended_at: datetime | None


_LIVE_RUNS = (
    select(func.count())
    .where(_run.c.backfill_id == _backfill.c.backfill_id, _run.c.state.in_(("queued", "running")))
    .scalar_subquery()
    .label("live_runs")
)
_ENDED_AT = (
    select(func.max(_run.c.ended_at))
    .where(_run.c.backfill_id == _backfill.c.backfill_id)
    .scalar_subquery()
    .label("ended_at")
)
_NAMES = [n for n in BackfillRow.__struct_fields__ if n not in {"live_runs", "ended_at"}]
_SELECT = select(*(_backfill.c[name] for name in _NAMES), _LIVE_RUNS, _ENDED_AT)
_ORDERS: dict[str, ColumnElement[Any]] = {
    "id": _backfill.c.backfill_id,
    "dag_id": _backfill.c.dag_id,
    "from_date": _backfill.c.from_date,
    "to_date": _backfill.c.to_date,
    "created_at": _backfill.c.created_at,
}


def find(
    db: Database, dag_id: str | None, part: Slice, readable: Collection[str] | None
) -> tuple[list[BackfillRow], int]:
    """Return a page of backfills of a DAG (None: of all), and how many there are."""
    statement = _SELECT.where(paging.visible(_backfill.c.dag_id, readable))
    if dag_id is not None:
        statement = statement.where(_backfill.c.dag_id == dag_id)
    with db.read() as conn:
        count = paging.total(conn, statement)
        found = conn.execute(paging.page(statement, part, _ORDERS, [_backfill.c.backfill_id]))
        return [BackfillRow(**row) for row in found.mappings()], count


def one(db: Database, backfill_id: int) -> BackfillRow | None:
    """Return a backfill."""
    with db.read() as conn:
        row = conn.execute(_SELECT.where(_backfill.c.backfill_id == backfill_id)).mappings().first()
    return BackfillRow(**row) if row else None
