"""Lists of task instances with every filter of the API.

What a DAG file says of a task (pool, queue, operator, group) is in the spec of the version that
its run is pinned to, not in a column: the caller turns such a filter into task ids by version.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    FromClause,
    RowMapping,
    Select,
    Table,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.sql.elements import True_

from tradewind.model.ids import UNMAPPED, TiKey
from tradewind.model.run import Run, TaskInstance
from tradewind.model.state import TERMINAL_STATES, TaskState
from tradewind.store import rows, tables
from tradewind.store.account_tables import task_note
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.read.paging import Slice
from tradewind.store.read.run_list import RunTimes, span_s

_ti, _run, _attempt = tables.task_instance, tables.dag_run, tables.attempt
_rendered, _version, _note = tables.rendered, tables.dag_version, task_note
MAX_VERSIONS = 1_000
"""Versions that a filter on what DAG files say looks through."""


class TaskFilter(RunTimes, kw_only=True):
    """Which task instances are wanted; names are the API's."""

    limit: Annotated[int, Meta(ge=0)] = 0
    offset: Annotated[int, Meta(ge=0)] = 0
    order_by: list[str] = msgspec.field(default_factory=list)
    task_id: str | None = None
    updated_at_gte: datetime | None = None
    updated_at_gt: datetime | None = None
    updated_at_lte: datetime | None = None
    updated_at_lt: datetime | None = None
    dag_id_pattern: str | None = None
    dag_id_prefix_pattern: str | None = None
    run_id_pattern: str | None = None
    run_id_prefix_pattern: str | None = None
    state: list[str] = msgspec.field(default_factory=list)
    executor: list[str] = msgspec.field(default_factory=list)
    version_number: list[int] = msgspec.field(default_factory=list)
    try_number: list[int] = msgspec.field(default_factory=list)
    map_index: list[int] = msgspec.field(default_factory=list)
    rendered_map_index_pattern: str | None = None
    rendered_map_index_prefix_pattern: str | None = None


class TaskRow(msgspec.Struct, frozen=True, kw_only=True):
    """A task instance with its run and its latest attempt.

    worker: on which machine, as worker name; fields: the rendered template fields as JSON.
    """

    ti: TaskInstance
    run: Run
    worker: str | None
    executor: str | None
    queue: str | None
    map_index_label: str | None
    note: str | None


class Within(msgspec.Struct, frozen=True, kw_only=True):
    """Where to look: None means everywhere.

    by_version: by version the tasks that are wanted.
    """

    dag_ids: Collection[str] | None = None
    run_ids: Collection[str] | None = None
    task_ids: Collection[str] | None = None
    by_version: Mapping[int, Collection[str]] | None = None


_RUN_COLUMNS = [column.label(f"run__{column.name}") for column in _run.columns]
_ORDERS: dict[str, ColumnElement[Any]] = {
    "id": _ti.c.run_pk,
    "state": _ti.c.state,
    "start_date": _ti.c.started_at,
    "end_date": _ti.c.ended_at,
    "map_index": _ti.c.map_index,
    "try_number": _ti.c.try_number,
    "task_id": _ti.c.task_id,
    "task_display_name": _ti.c.task_id,
    "queued_when": _ti.c.queued_at,
    "updated_at": func.coalesce(_ti.c.ended_at, _ti.c.started_at, _ti.c.queued_at),
    "logical_date": _run.c.logical_date,
    "run_after": _run.c.run_after,
    "data_interval_start": _run.c.interval_start,
    "data_interval_end": _run.c.interval_end,
    "dag_id": _run.c.dag_id,
    "run_id": _run.c.run_id,
    "rendered_map_index": _rendered.c.map_index_label,
}
_RUN_ORDERS = frozenset(
    {
        *("logical_date", "run_after", "data_interval_start", "data_interval_end"),
        *("dag_id", "run_id"),
    }
)
"""Orders by what is in the table of runs."""
_UNFINISHED = frozenset(state.value for state in TaskState if state not in TERMINAL_STATES)
_INDEXED = ["failed", "upstream_failed", "skipped", "removed"]
"""As in `tables.UNSUCCESSFUL`, in the same order."""
_UNSUCCESSFUL = frozenset(_INDEXED)
_TIES = [_ti.c.run_pk, _ti.c.task_id, _ti.c.map_index]


def find(
    db: Database, within: Within, wanted: TaskFilter, part: Slice, readable: Collection[str] | None
) -> tuple[list[TaskRow], int]:
    """Return a page of task instances, and how many there are altogether.

    Raises:
        BadOrder: task instances cannot be ordered so.
    """
    statement = _keys(db, within, wanted, readable)
    orders = {**_ORDERS, "duration": span_s(db.dialect, _ti.c.started_at, _ti.c.ended_at)}
    if any(name.removeprefix("-") in _RUN_ORDERS for name in part.order_by):
        statement = statement.join(_run, _run.c.run_pk == _ti.c.run_pk)
    with db.read() as conn:
        count = paging.total(conn, statement)
        keys = conn.execute(paging.page(statement, part, orders, _TIES)).all()
        return _of_keys(conn, [TiKey(*key) for key in keys]), count


def find_after(
    db: Database,
    within: Within,
    wanted: TaskFilter,
    cursor: str,
    limit: int,
    readable: Collection[str] | None,
) -> tuple[list[TaskRow], str | None]:
    """Return the task instances after a cursor ("": the first), and the next cursor.

    Raises:
        BadCursor: the cursor is not one of ours.
    """
    statement = _keys(db, within, wanted, readable)
    if cursor:
        statement = statement.where(tuple_(*_TIES) > tuple_(*_read_cursor(cursor)))
    with db.read() as conn:
        keys = conn.execute(statement.order_by(*_TIES).limit(limit + 1)).all()
        shown = _of_keys(conn, [TiKey(*key) for key in keys])
    if len(shown) <= limit:
        return shown, None
    key = shown[limit - 1].ti.key
    encoded = msgspec.json.encode((key.run_pk, key.task_id, key.map_index))
    return shown[:limit], base64.urlsafe_b64encode(encoded).decode().rstrip("=")


def one(db: Database, ti: TiKey) -> TaskRow | None:
    """Return one task instance."""
    with db.read() as conn:
        row = conn.execute(_select().where(*rows.ti_is(_ti, ti))).mappings().first()
    return _to_row(row) if row else None


def keyed(db: Database, run_pk: int, keys: Sequence[tuple[str, int]]) -> list[TaskRow]:
    """Return the task instances of a run with these (task id, map index)."""
    wanted = set(keys)
    statement = _select().where(_ti.c.run_pk == run_pk).order_by(*_TIES)
    with db.read() as conn:
        found = [_to_row(row) for row in conn.execute(statement).mappings()]
    return [row for row in found if (row.ti.task_id, row.ti.map_index) in wanted]


def instances_of(db: Database, run_pk: int, task_id: str) -> list[TiKey]:
    """Return the instances of one task of a run: one, or those of a mapped task."""
    statement = select(_ti.c.map_index).where(
        _ti.c.run_pk == run_pk, _ti.c.task_id == task_id, ~_is_placeholder()
    )
    with db.read() as conn:
        found = conn.execute(statement.order_by(_ti.c.map_index)).scalars()
        return [TiKey(run_pk, task_id, index) for index in found]


def by_keys(db: Database, keys: Collection[TiKey]) -> dict[TiKey, TaskRow]:
    """Return task instances of any runs."""
    wanted = list(keys)
    with db.read() as conn:
        return {row.ti.key: row for row in _of_keys(conn, wanted)}


def version_ids(db: Database, within: Within, readable: Collection[str] | None) -> list[int]:
    """Return the versions that the runs of a place are pinned to."""
    statement = select(_run.c.version_id).where(*_run_conditions(within, TaskFilter(), readable))
    with db.read() as conn:
        return list(conn.execute(statement.distinct().limit(MAX_VERSIONS)).scalars())


def _select() -> Select[Any]:
    return select(
        _ti,
        *_RUN_COLUMNS,
        _attempt.c.worker.label("a__worker"),
        _attempt.c.executor.label("a__executor"),
        _attempt.c.queue.label("a__queue"),
        _rendered.c.map_index_label.label("r__label"),
        _note.c.note.label("n__note"),
    ).select_from(
        _ti.join(_run, _run.c.run_pk == _ti.c.run_pk)
        .outerjoin(_attempt, _attempt.c.attempt_id == _ti.c.attempt_id)
        .outerjoin(_rendered, _is_same(_rendered))
        .outerjoin(_note, _is_same(_note))
    )


def _of_keys(conn: Connection, keys: Sequence[TiKey]) -> list[TaskRow]:
    """Return task instances in the order of their keys; what went meanwhile is left out."""
    if not keys:
        return []
    # SQLite looks rows up by one column or by several lists, not by a list of pairs.
    near = (
        _ti.c.run_pk.in_(sorted({key.run_pk for key in keys})),
        _ti.c.task_id.in_(sorted({key.task_id for key in keys})),
    )
    found = conn.execute(_select().where(*near, tuple_(*_TIES).in_(keys))).mappings()
    by_key = {row.ti.key: row for row in map(_to_row, found)}
    return [by_key[key] for key in keys if key in by_key]


# ---- which ----------------------------------------------------------------------------------
#
# A page is found by keys first: what is sorted and counted has three columns, and only what is
# shown is looked up elsewhere. What is asked of runs is a set of run keys, by which the table of
# task instances is entered: its own order is that of runs.


def _keys(
    db: Database, within: Within, wanted: TaskFilter, readable: Collection[str] | None
) -> Select[Any]:
    statement = select(*_TIES).select_from(_joined(wanted))
    of_runs = _run_conditions(within, wanted, readable)
    # A task's name is the second column of the key: it is looked up run by run.
    if of_runs or wanted.task_id is not None or within.task_ids is not None:
        statement = statement.where(_ti.c.run_pk.in_(select(_run.c.run_pk).where(*of_runs)))
    return statement.where(*_task_conditions(db, within, wanted))


def _joined(wanted: TaskFilter) -> FromClause:
    """Return the table with what the filter and the order look at."""
    found: FromClause = _ti
    if wanted.executor:
        found = found.outerjoin(_attempt, _attempt.c.attempt_id == _ti.c.attempt_id)
    label = wanted.rendered_map_index_pattern, wanted.rendered_map_index_prefix_pattern
    if any(label) or any("rendered_map_index" in name for name in wanted.order_by):
        found = found.outerjoin(_rendered, _is_same(_rendered))
    return found


def _is_same(table: Table) -> ColumnElement[bool]:
    return and_(
        table.c.run_pk == _ti.c.run_pk,
        table.c.task_id == _ti.c.task_id,
        table.c.map_index == _ti.c.map_index,
    )


def _run_conditions(
    within: Within, wanted: TaskFilter, readable: Collection[str] | None
) -> list[ColumnElement[bool]]:
    found = [
        paging.visible(_run.c.dag_id, readable),
        paging.between(_run.c.run_after, paging.range_of(wanted, "run_after")),
        paging.between(_run.c.logical_date, paging.range_of(wanted, "logical_date")),
        paging.like(_run.c.dag_id, wanted.dag_id_pattern),
        paging.begins(_run.c.dag_id, wanted.dag_id_prefix_pattern),
        paging.like(_run.c.run_id, wanted.run_id_pattern),
        paging.begins(_run.c.run_id, wanted.run_id_prefix_pattern),
    ]
    if within.dag_ids is not None:
        found.append(_run.c.dag_id.in_(sorted(within.dag_ids)))
    if within.run_ids is not None:
        found.append(_run.c.run_id.in_(sorted(within.run_ids)))
    if within.by_version is not None:
        found.append(_run.c.version_id.in_(sorted(within.by_version)))
    if wanted.version_number:
        numbered = select(_version.c.version_id).where(_version.c.number.in_(wanted.version_number))
        found.append(_run.c.version_id.in_(numbered))
    if wanted.state and _states(wanted) <= _UNFINISHED:
        # An ended run has no unfinished tasks, and few runs are live.
        found.append(literal_column(f"({tables.LIVE})", Boolean))
    return [condition for condition in found if not isinstance(condition, True_)]


def _task_conditions(db: Database, within: Within, wanted: TaskFilter) -> list[ColumnElement[bool]]:
    took = span_s(db.dialect, _ti.c.started_at, _ti.c.ended_at)
    changed = func.coalesce(_ti.c.ended_at, _ti.c.started_at, _ti.c.queued_at)
    found = [
        ~_is_placeholder(),
        paging.between(_ti.c.started_at, paging.range_of(wanted, "start_date")),
        paging.between(_ti.c.ended_at, paging.range_of(wanted, "end_date")),
        paging.between(changed, paging.range_of(wanted, "updated_at")),
        paging.between(took, paging.range_of(wanted, "duration")),
        paging.like(_rendered.c.map_index_label, wanted.rendered_map_index_pattern),
        paging.begins(_rendered.c.map_index_label, wanted.rendered_map_index_prefix_pattern),
        paging.one_of(_attempt.c.executor, wanted.executor),
        paging.one_of(_ti.c.try_number, wanted.try_number),
        paging.one_of(_ti.c.map_index, wanted.map_index),
    ]
    if wanted.task_id is not None:
        found.append(_ti.c.task_id == wanted.task_id)
    if within.task_ids is not None:
        found.append(_ti.c.task_id.in_(sorted(within.task_ids)))
    if within.by_version is not None:
        found.append(_of_versions(within.by_version))
    if wanted.state:
        states = _states(wanted)
        found.append(_ti.c.state.in_(sorted(states)))
        if states <= _UNSUCCESSFUL:
            # In the words of the index of these: SQLite takes it for nothing else.
            found.append(
                _ti.c.state.in_(bindparam(None, _INDEXED, expanding=True, literal_execute=True))
            )
    return found


def _states(wanted: TaskFilter) -> frozenset[str]:
    # Airflow's null is a state of ours.
    return frozenset("none" if state == "null" else state for state in wanted.state)


def _of_versions(by_version: Mapping[int, Collection[str]]) -> ColumnElement[bool]:
    """Match by version the tasks that are wanted."""
    parts = [
        and_(
            _ti.c.run_pk.in_(select(_run.c.run_pk).where(_run.c.version_id == version_id)),
            _ti.c.task_id.in_(sorted(task_ids)),
        )
        for version_id, task_ids in by_version.items()
        if task_ids
    ]
    return or_(*parts) if parts else false()


def _is_placeholder() -> ColumnElement[bool]:
    """Match what stood for a mapped task before it had instances."""
    instance = _ti.alias()
    return and_(
        _ti.c.state == TaskState.REMOVED.value,
        _ti.c.map_index == UNMAPPED,
        exists().where(
            instance.c.run_pk == _ti.c.run_pk,
            instance.c.task_id == _ti.c.task_id,
            instance.c.map_index > UNMAPPED,
        ),
    )


def _read_cursor(cursor: str) -> tuple[int, str, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=tuple[int, str, int])
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise paging.BadCursor from error


def _to_row(row: RowMapping) -> TaskRow:
    run = {column.name: row[f"run__{column.name}"] for column in _run.columns}
    return TaskRow(
        ti=rows.to_ti(row),
        run=rows.to_run(run),
        worker=row["a__worker"],
        executor=row["a__executor"],
        queue=row["a__queue"],
        map_index_label=row["r__label"],
        note=row["n__note"],
    )
