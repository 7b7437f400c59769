"""Celery's own tables, where the metadata database is its result backend.

Celery makes and writes them; the scheduler reads them as evidence and deletes old rows. They are
not part of the schema that `migrate` keeps: workers of Celery's choosing own their shape. Only
columns that Celery has had since its first versions are named here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    inspect,
    select,
)
from sqlalchemy.engine import make_url

_metadata = MetaData()
_results = Table(
    "celery_taskmeta",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("task_id", String(155)),
    Column("status", String(50)),
    Column("result", LargeBinary),
    Column("date_done", DateTime),
)
_MAX_IDS = 500
_MAX_PRUNED = 5_000
"""Rows that one call deletes: no statement takes for ever."""


def open_results(url: str) -> Engine:
    """Return a way to the database of a URL of Celery's ("db+…") without a connection yet."""
    return create_engine(
        make_url(url.removeprefix("db+")), pool_size=1, max_overflow=0, pool_pre_ping=True
    )


def rows_of(
    engine: Engine, task_ids: Sequence[str], statuses: Sequence[str]
) -> list[tuple[str, str, bytes | None]]:
    """Return (task id, status, result) of those of these tasks that are in one of the statuses.

    No table: nothing was ever written.
    """
    found: list[tuple[str, str, bytes | None]] = []
    with engine.connect() as conn:
        if not inspect(conn).has_table(_results.name):
            return []
        for start in range(0, len(task_ids), _MAX_IDS):
            statement = select(_results.c.task_id, _results.c.status, _results.c.result).where(
                _results.c.task_id.in_(task_ids[start : start + _MAX_IDS]),
                _results.c.status.in_(statuses),
            )
            found += [(row.task_id, row.status, row.result) for row in conn.execute(statement)]
    return found


def prune(engine: Engine, before: datetime) -> int:
    """Delete results from before a time, a limited number of them; return how many.

    Args:
        engine: of `open_results`.
        before: aware; Celery notes UTC without a zone.
    """
    with engine.begin() as conn:
        if not inspect(conn).has_table(_results.name):
            return 0
        old = (
            select(_results.c.id)
            .where(_results.c.date_done < before.replace(tzinfo=None))
            .limit(_MAX_PRUNED)
        )
        return conn.execute(delete(_results).where(_results.c.id.in_(old))).rowcount
