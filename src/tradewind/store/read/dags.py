"""DAGs as lists and pages show them, and the files they come from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, select

from tradewind.model.schedule import ScheduleSpec
from tradewind.store import tables
from tradewind.store.connect import Database

MAX_DAGS = 10_000
"""A list without a limit of its own ends here."""

_dag, _file, _tag = tables.dag, tables.dag_file, tables.dag_tag
_schedule = msgspec.json.Decoder(ScheduleSpec)


class DagRow(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG without its tasks. active: its file still defines it."""

    dag_id: str
    dag_file: str
    active: bool
    paused: bool
    version_id: int
    version_number: int
    schedule: ScheduleSpec
    timezone: str
    start_date: datetime | None
    end_date: datetime | None
    catchup: bool
    max_active_runs: int
    max_active_tasks: int
    display_name: str | None
    description: str | None
    owners: str
    next_due: datetime | None
    next_logical: datetime | None
    next_interval_start: datetime | None
    next_interval_end: datetime | None
    last_logical: datetime | None
    last_interval_start: datetime | None
    last_interval_end: datetime | None
    last_run_after: datetime | None
    last_parsed_at: datetime | None
    parse_duration_s: float | None
    tags: tuple[str, ...] = ()


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG file as it was parsed last."""

    path: str
    import_error: str | None
    failed_at: datetime | None
    warnings: tuple[str, ...]
    parsed_at: datetime
    parse_duration_s: float
    dag_ids: tuple[str, ...] = ()


_NAMES = [name for name in DagRow.__struct_fields__ if name != "tags"]
_COLUMNS = [_dag.c[name] for name in _NAMES]


def dags(
    db: Database,
    *,
    active: bool | None = True,
    paused: bool | None = None,
    pattern: str | None = None,
    limit: int = MAX_DAGS,
    offset: int = 0,
) -> list[DagRow]:
    """Return DAGs by id.

    Args:
        db: the database.
        active: only those that a file defines (True), or no longer defines (False).
        paused: only those that are paused, or are not.
        pattern: only ids that contain this text, in any case.
        limit: at most so many.
        offset: skip so many.
    """
    statement = (
        _wanted(select(*_COLUMNS), active, paused, pattern)
        .order_by(_dag.c.dag_id)
        .limit(limit)
        .offset(offset)
    )
    with db.read() as conn:
        return with_tags(conn, conn.execute(statement).mappings().all())


def with_tags(conn: Connection, found: Sequence[RowMapping]) -> list[DagRow]:
    """Return the DAGs of rows of the table, with their tags."""
    tags = conn.execute(
        select(_tag.c.dag_id, _tag.c.tag)
        .where(_tag.c.dag_id.in_([row["dag_id"] for row in found]))
        .order_by(_tag.c.tag)
    ).all()
    by_dag: dict[str, list[str]] = {}
    for row in tags:
        by_dag.setdefault(row.dag_id, []).append(row.tag)
    return [_to_dag(row, by_dag.get(row["dag_id"], [])) for row in found]


def count_dags(
    db: Database,
    *,
    active: bool | None = True,
    paused: bool | None = None,
    pattern: str | None = None,
) -> int:
    """Return how many DAGs `dags` would list without a limit."""
    statement = _wanted(select(func.count()).select_from(_dag), active, paused, pattern)
    with db.read() as conn:
        return int(conn.execute(statement).scalar_one())


def dag(db: Database, dag_id: str) -> DagRow | None:
    """Return one DAG, whether a file still defines it or not."""
    with db.read() as conn:
        row = conn.execute(select(*_COLUMNS).where(_dag.c.dag_id == dag_id)).mappings().first()
        if row is None:
            return None
        tags = conn.execute(
            select(_tag.c.tag).where(_tag.c.dag_id == dag_id).order_by(_tag.c.tag)
        ).scalars()
        return _to_dag(row, list(tags))


def dag_ids(db: Database) -> list[str]:
    """Return the ids of active DAGs."""
    statement = select(_dag.c.dag_id).where(_dag.c.active.is_(True)).order_by(_dag.c.dag_id)
    with db.read() as conn:
        return list(conn.execute(statement.limit(MAX_DAGS)).scalars())


def files(db: Database, *, broken: bool = False) -> list[FileRow]:
    """Return DAG files by path; only those that do not import when `broken`."""
    columns = [_file.c[name] for name in FileRow.__struct_fields__ if name != "dag_ids"]
    statement = select(*columns).order_by(_file.c.path).limit(MAX_DAGS)
    if broken:
        statement = statement.where(_file.c.import_error.is_not(None))
    with db.read() as conn:
        found = conn.execute(statement).mappings().all()
        owned = conn.execute(
            select(_dag.c.dag_file, _dag.c.dag_id)
            .where(_dag.c.active.is_(True))
            .order_by(_dag.c.dag_id)
            .limit(MAX_DAGS)
        ).all()
    by_file: dict[str, list[str]] = {}
    for row in owned:
        by_file.setdefault(row.dag_file, []).append(row.dag_id)
    return [
        FileRow(
            **{**row, "warnings": tuple(row["warnings"])},
            dag_ids=tuple(by_file.get(row["path"], ())),
        )
        for row in found
    ]


def _wanted(
    statement: Select[Any], active: bool | None, paused: bool | None, pattern: str | None
) -> Select[Any]:
    where: list[ColumnElement[bool]] = []
    if active is not None:
        where.append(_dag.c.active.is_(active))
    if paused is not None:
        where.append(_dag.c.paused.is_(paused))
    if pattern:
        where.append(_dag.c.dag_id.icontains(pattern, autoescape=True))
    return statement.where(*where)


def _to_dag(row: RowMapping, tags: list[str]) -> DagRow:
    fields = {name: row[name] for name in _NAMES}
    return DagRow(**{**fields, "schedule": _schedule.decode(row["schedule"])}, tags=tuple(tags))
