"""Backfills: who asked for which span of a DAG's schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from tradewind.model.run import Run
from tradewind.model.state import RunState
from tradewind.store import rows, tables
from tradewind.store.connect import Database

_backfill, _run = tables.backfill, tables.dag_run


def insert_backfill(
    conn: Connection,
    dag_id: str,
    span: tuple[datetime, datetime],
    *,
    conf: Mapping[str, Any],
    max_active_runs: int,
    reprocess: str,
    actor: str,
    now: datetime,
) -> int:
    """Insert a backfill within the caller's transaction and return its id."""
    return int(
        conn.execute(
            insert(_backfill)
            .values(
                dag_id=dag_id,
                from_date=span[0],
                to_date=span[1],
                conf=dict(conf),
                max_active_runs=max_active_runs,
                backwards=False,
                reprocess=reprocess,
                paused=False,
                actor=actor,
                created_at=now,
                updated_at=now,
            )
            .returning(_backfill.c.backfill_id)
        ).scalar_one()
    )


def set_paused(conn: Connection, backfill_id: int, now: datetime, *, paused: bool) -> bool:
    """Pause a backfill or let it go on; False when it is cancelled or gone."""
    open_one = (_backfill.c.backfill_id == backfill_id) & _backfill.c.completed_at.is_(None)
    changed = update(_backfill).where(open_one).values(paused=paused, updated_at=now)
    return conn.execute(changed).rowcount > 0


def complete(conn: Connection, backfill_id: int, now: datetime) -> bool:
    """End a backfill: nothing of it starts any more. False when it has ended before, or is gone."""
    open_one = (_backfill.c.backfill_id == backfill_id) & _backfill.c.completed_at.is_(None)
    ended = {"paused": True, "completed_at": now, "updated_at": now}
    return conn.execute(update(_backfill).where(open_one).values(**ended)).rowcount > 0


def waiting_runs(conn: Connection, backfill_id: int) -> list[int]:
    """Return the keys of a backfill's runs that have not started."""
    of_it = (_run.c.backfill_id == backfill_id) & (_run.c.state == RunState.QUEUED.value)
    return list(conn.execute(select(_run.c.run_pk).where(of_it).order_by(_run.c.run_pk)).scalars())


class BackfillLimits(msgspec.Struct, frozen=True):
    """How many of a backfill's runs may be active, and whether it is paused."""

    max_active_runs: int
    paused: bool


def backfill_limits(db: Database, backfill_id: int) -> BackfillLimits | None:
    """Return a backfill's limits; None when its row is gone."""
    with db.read() as conn:
        row = conn.execute(
            select(_backfill.c.max_active_runs, _backfill.c.paused).where(
                _backfill.c.backfill_id == backfill_id
            )
        ).one_or_none()
    return BackfillLimits(row.max_active_runs, row.paused) if row else None


def runs_at(db: Database, dag_id: str, dates: Sequence[datetime]) -> dict[datetime, Run]:
    """Return the DAG's runs with these logical dates."""
    found: dict[datetime, Run] = {}
    with db.read() as conn:
        for start in range(0, len(dates), _SLICE):
            part = dates[start : start + _SLICE]
            statement = select(_run).where(_run.c.dag_id == dag_id, _run.c.logical_date.in_(part))
            for row in conn.execute(statement).mappings():
                run = rows.to_run(row)
                if run.logical_date is not None:
                    found[run.logical_date] = run
    return found


_SLICE = 500
"""Dates in one query: databases limit the number of parameters."""
