"""Lists of runs with every filter of the API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Float, Text, and_, cast, extract, func, or_, select

from tradewind.model.run import Run
from tradewind.model.state import RunState, RunType
from tradewind.store import rows, tables
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.read.paging import Slice

_run, _dag, _version = tables.dag_run, tables.dag, tables.dag_version


class RunTimes(msgspec.Struct, kw_only=True):
    """Bounds of a run's times."""

    run_after_gte: datetime | None = None
    run_after_gt: datetime | None = None
    run_after_lte: datetime | None = None
    run_after_lt: datetime | None = None
    logical_date_gte: datetime | None = None
    logical_date_gt: datetime | None = None
    logical_date_lte: datetime | None = None
    logical_date_lt: datetime | None = None
    start_date_gte: datetime | None = None
    start_date_gt: datetime | None = None
    start_date_lte: datetime | None = None
    start_date_lt: datetime | None = None
    end_date_gte: datetime | None = None
    end_date_gt: datetime | None = None
    end_date_lte: datetime | None = None
    end_date_lt: datetime | None = None
    duration_gte: float | None = None
    duration_gt: float | None = None
    duration_lte: float | None = None
    duration_lt: float | None = None


class RunFilter(RunTimes, kw_only=True):
    """Which runs are wanted; names are the API's."""

    limit: Annotated[int, Meta(ge=0)] = 0
    offset: Annotated[int, Meta(ge=0)] = 0
    order_by: list[str] = msgspec.field(default_factory=list)
    updated_at_gte: datetime | None = None
    updated_at_gt: datetime | None = None
    updated_at_lte: datetime | None = None
    updated_at_lt: datetime | None = None
    run_type: list[RunType] = msgspec.field(default_factory=list)
    state: list[RunState] = msgspec.field(default_factory=list)
    dag_version: list[int] = msgspec.field(default_factory=list)
    bundle_version: str | None = None
    conf_contains: str | None = None
    run_id_pattern: str | None = None
    run_id_prefix_pattern: str | None = None
    triggering_user_name_pattern: str | None = None
    triggering_user_name_prefix_pattern: str | None = None
    dag_id_pattern: str | None = None
    dag_id_prefix_pattern: str | None = None


_EPOCH_S = 1_000_000


def duration(dialect: str) -> ColumnElement[Any]:
    """Return how many seconds a run took."""
    return span_s(dialect, _run.c.started_at, _run.c.ended_at)


def span_s(dialect: str, start: ColumnElement[Any], end: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the seconds between two times."""
    if dialect == "sqlite":
        # There a time is a number of microseconds.
        return (cast(end, Float) - cast(start, Float)) / _EPOCH_S
    return extract("epoch", end) - extract("epoch", start)


def _orders(dialect: str) -> Mapping[str, ColumnElement[Any]]:
    return {
        "id": _run.c.run_pk,
        "run_after": _run.c.run_after,
        "state": _run.c.state,
        "dag_id": _run.c.dag_id,
        "run_id": _run.c.run_id,
        "dag_run_id": _run.c.run_id,
        "logical_date": _run.c.logical_date,
        "start_date": _run.c.started_at,
        "end_date": _run.c.ended_at,
        "updated_at": func.coalesce(_run.c.ended_at, _run.c.started_at, _run.c.queued_at),
        "run_type": _run.c.run_type,
        "conf": _run.c.conf,
        "duration": duration(dialect),
        "triggering_user_name": _run.c.triggering_user,
    }


def find(
    db: Database,
    dag_ids: Collection[str] | None,
    wanted: RunFilter,
    part: Slice,
    readable: Collection[str] | None,
) -> tuple[list[Run], int]:
    """Return a page of runs, and how many there are altogether.

    Args:
        db: the database.
        dag_ids: only these DAGs' runs; None: all DAGs'.
        wanted: the filter.
        part: the page.
        readable: only of these DAGs; None: of all.

    Raises:
        BadOrder: runs cannot be ordered so.
    """
    statement = select(_run).where(*_where(db, dag_ids, wanted, readable))
    with db.read() as conn:
        count = paging.total(conn, statement)
        ordered = paging.page(statement, part, _orders(db.dialect), [_run.c.run_pk])
        return [rows.to_run(row) for row in conn.execute(ordered).mappings()], count


def find_after(
    db: Database,
    dag_ids: Collection[str] | None,
    wanted: RunFilter,
    cursor: str,
    limit: int,
    readable: Collection[str] | None,
) -> tuple[list[Run], str | None]:
    """Return the runs after a cursor ("": the first), latest first, and the next cursor.

    Raises:
        BadCursor: the cursor is not one of ours.
    """
    statement = select(_run).where(*_where(db, dag_ids, wanted, readable))
    ordered = paging.after(statement, cursor, _run.c.run_after, _run.c.run_pk)
    with db.read() as conn:
        found = [rows.to_run(r) for r in conn.execute(ordered.limit(limit + 1)).mappings()]
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], paging.cursor_of(last.run_after, last.run_pk)


def display_names(db: Database, dag_ids: Collection[str]) -> dict[str, str]:
    """Return what these DAGs are called."""
    statement = select(_dag.c.dag_id, _dag.c.display_name).where(
        _dag.c.dag_id.in_(sorted(set(dag_ids)))
    )
    with db.read() as conn:
        return {row.dag_id: row.display_name or row.dag_id for row in conn.execute(statement)}


def _where(
    db: Database,
    dag_ids: Collection[str] | None,
    wanted: RunFilter,
    readable: Collection[str] | None,
) -> list[ColumnElement[bool]]:
    found = [
        paging.visible(_run.c.dag_id, readable),
        *time_conditions(db, wanted),
        paging.one_of(_run.c.run_type, [t.value for t in wanted.run_type]),
        paging.one_of(_run.c.state, [s.value for s in wanted.state]),
        paging.like(_run.c.run_id, wanted.run_id_pattern),
        paging.begins(_run.c.run_id, wanted.run_id_prefix_pattern),
        paging.like(_run.c.triggering_user, wanted.triggering_user_name_pattern),
        paging.begins(_run.c.triggering_user, wanted.triggering_user_name_prefix_pattern),
        paging.like(_run.c.dag_id, wanted.dag_id_pattern),
        paging.begins(_run.c.dag_id, wanted.dag_id_prefix_pattern),
        _updated(wanted),
    ]
    if dag_ids is not None:
        found.append(_run.c.dag_id.in_(sorted(dag_ids)))
    if wanted.dag_version:
        numbered = select(_version.c.version_id).where(_version.c.number.in_(wanted.dag_version))
        found.append(_run.c.version_id.in_(numbered))
    if wanted.bundle_version is not None:
        found.append(_run.c.tree_hash == wanted.bundle_version)
    if wanted.conf_contains:
        found.append(cast(_run.c.conf, Text).icontains(wanted.conf_contains, autoescape=True))
    return found


def time_conditions(db: Database, wanted: RunTimes) -> list[ColumnElement[bool]]:
    """Return the conditions on a run's times."""
    return [
        paging.between(_run.c.run_after, paging.range_of(wanted, "run_after")),
        paging.between(_run.c.logical_date, paging.range_of(wanted, "logical_date")),
        paging.between(_run.c.started_at, paging.range_of(wanted, "start_date")),
        paging.between(_run.c.ended_at, paging.range_of(wanted, "end_date")),
        paging.between(duration(db.dialect), paging.range_of(wanted, "duration")),
    ]


def _updated(wanted: RunFilter) -> ColumnElement[bool]:
    """Match the latest of a run's times: every one that there is lies before the bound above."""
    bounds = paging.range_of(wanted, "updated_at")
    times = [_run.c.queued_at, _run.c.started_at, _run.c.ended_at]
    below = msgspec.structs.replace(bounds, lte=None, lt=None)
    above = msgspec.structs.replace(bounds, gte=None, gt=None)
    return and_(
        or_(*(paging.between(t, below) for t in times)),
        and_(*(or_(t.is_(None), paging.between(t, above)) for t in times)),
    )
