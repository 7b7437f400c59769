"""Answer the reading calls of user code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, case, select

from tradewind.errors import Bug
from tradewind.model.ids import TiKey
from tradewind.model.run import Run
from tradewind.store import rows, tables, xcoms
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.read.scheduling import to_event_info
from tradewind.wire.messages import (
    Call,
    GetAssetEvents,
    GetPreviousRun,
    GetRunStates,
    GetTaskStates,
    GetXComs,
)

_xcom = tables.xcom
_MAX_RUNS = 1_000
_MAX_EVENTS = 10_000


def answer(db: Database, run: Run, ti: TiKey, call: Call) -> dict[str, Any]:
    """Return the body of the reply to a reading call of a task of this run.

    Raises:
        Bug: the call is not a reading one.
    """
    if isinstance(call, GetXComs):
        return {"items": _xcoms(db, run, call)}
    if isinstance(call, GetTaskStates):
        return {"runs": _task_states(db, call)}
    if isinstance(call, GetRunStates):
        return _run_states(db, call)
    if isinstance(call, GetPreviousRun):
        return _previous_run(db, run, call)
    if isinstance(call, GetAssetEvents):
        return {"events": _asset_events(db, call)}
    raise Bug(f"{type(call).__name__} of {ti} is not a reading call")


def _xcoms(db: Database, run: Run, call: GetXComs) -> list[dict[str, Any]]:
    with db.read() as conn:
        run_pk = _run_pk(conn, run, call)
        found = _xcom_rows(conn, run_pk, call) if run_pk is not None else []
        if not found and call.include_prior_dates and call.offset == 0:
            earlier = _earlier_run_with(conn, run, call)
            found = _xcom_rows(conn, earlier, call) if earlier is not None else []
    values = xcoms.taken(db, [(r.value, r.kept_at) for r in found])
    return [
        {"task_id": r.task_id, "map_index": r.map_index, "value": value}
        for r, value in zip(found, values, strict=True)
    ]


def _run_pk(conn: Connection, run: Run, call: GetXComs) -> int | None:
    if call.dag_id is None and call.run_id is None:
        return run.run_pk
    runs = tables.dag_run
    found: int | None = conn.execute(
        select(runs.c.run_pk).where(
            runs.c.dag_id == (call.dag_id or run.dag_id),
            runs.c.run_id == (call.run_id or run.run_id),
        )
    ).scalar_one_or_none()
    return found


def _earlier_run_with(conn: Connection, run: Run, call: GetXComs) -> int | None:
    if run.logical_date is None:
        return None
    runs = tables.dag_run
    holds = select(_xcom.c.key).where(_xcom.c.run_pk == runs.c.run_pk, *_wanted(call)).exists()
    found: int | None = conn.execute(
        select(runs.c.run_pk)
        .where(
            runs.c.dag_id == (call.dag_id or run.dag_id),
            runs.c.logical_date < run.logical_date,
            holds,
        )
        .order_by(runs.c.logical_date.desc())
        .limit(1)
    ).scalar_one_or_none()
    return found


def _wanted(call: GetXComs) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if call.key:
        where.append(_xcom.c.key == rows.plain(call.key))
    if call.task_ids:
        where.append(_xcom.c.task_id.in_(call.task_ids))
    if call.map_indexes is not None:
        where.append(_xcom.c.map_index.in_(call.map_indexes))
    return where


def _xcom_rows(conn: Connection, run_pk: int, call: GetXComs) -> Sequence[Any]:
    statement = select(_xcom.c.task_id, _xcom.c.map_index, _xcom.c.value, _xcom.c.kept_at).where(
        _xcom.c.run_pk == run_pk, *_wanted(call)
    )
    if call.key and len(call.task_ids) > 1:
        order = {task_id: i for i, task_id in enumerate(call.task_ids)}
        statement = statement.order_by(case(order, value=_xcom.c.task_id))
    if not call.task_ids or not call.key:
        statement = statement.order_by(_xcom.c.at.desc(), _xcom.c.task_id)
    return conn.execute(
        statement.order_by(_xcom.c.map_index).offset(call.offset).limit(call.limit)
    ).all()


def _which_runs(dag_id: str, run_ids: tuple[str, ...], dates: tuple[datetime, ...]) -> Select[Any]:
    runs = tables.dag_run
    statement = select(runs.c.run_pk, runs.c.run_id, runs.c.state).where(runs.c.dag_id == dag_id)
    if run_ids:
        statement = statement.where(runs.c.run_id.in_(run_ids))
    if dates:
        statement = statement.where(runs.c.logical_date.in_(dates))
    return statement.limit(_MAX_RUNS)


def _task_states(db: Database, call: GetTaskStates) -> dict[str, dict[str, str]]:
    ti = tables.task_instance
    with db.read() as conn:
        runs = {
            r.run_pk: r.run_id
            for r in conn.execute(_which_runs(call.dag_id, call.run_ids, call.logical_dates))
        }
        statement = select(ti.c.run_pk, ti.c.task_id, ti.c.map_index, ti.c.state).where(
            ti.c.run_pk.in_(runs)
        )
        if call.task_ids:
            statement = statement.where(ti.c.task_id.in_(call.task_ids))
        elif call.group_id:
            statement = statement.where(ti.c.task_id.in_(_tasks_in_group(db, call)))
        states: dict[str, dict[str, str]] = {run_id: {} for run_id in runs.values()}
        for r in conn.execute(statement):
            name = r.task_id if r.map_index < 0 else f"{r.task_id}[{r.map_index}]"
            states[runs[r.run_pk]][name] = r.state
    return states


def _tasks_in_group(db: Database, call: GetTaskStates) -> list[str]:
    """Return the tasks of a group and of the groups in it."""
    version = scheduling.latest_version(db, call.dag_id)
    if version is None:
        return []
    parents = {group.group_id: group.parent for group in version.spec.groups}
    inside = []
    for task in version.spec.tasks:
        group = task.group_id
        while group is not None and group != call.group_id:
            group = parents.get(group)
        if group is not None:
            inside.append(task.task_id)
    return inside


def _run_states(db: Database, call: GetRunStates) -> dict[str, Any]:
    with db.read() as conn:
        exists = conn.execute(
            select(tables.dag.c.dag_id).where(tables.dag.c.dag_id == call.dag_id)
        ).first()
        found = conn.execute(_which_runs(call.dag_id, call.run_ids, call.logical_dates)).all()
    return {
        "exists": exists is not None,
        "runs": {r.run_id: r.state for r in found if not call.states or r.state in call.states},
    }


def _previous_run(db: Database, run: Run, call: GetPreviousRun) -> dict[str, Any]:
    runs = tables.dag_run
    statement = select(runs).where(runs.c.dag_id == run.dag_id, runs.c.run_pk != run.run_pk)
    if run.logical_date is not None:
        statement = statement.where(runs.c.logical_date < run.logical_date).order_by(
            runs.c.logical_date.desc()
        )
    else:
        statement = statement.where(runs.c.run_after < run.run_after).order_by(
            runs.c.run_after.desc()
        )
    if call.state is not None:
        statement = statement.where(runs.c.state == call.state)
    with db.read() as conn:
        row = conn.execute(statement.limit(1)).mappings().one_or_none()
    if row is None:
        return {}
    previous = rows.to_run(row)
    return {
        "dag_id": previous.dag_id,
        "run_id": previous.run_id,
        "run_type": previous.run_type.value,
        "run_after": previous.run_after,
        "state": previous.state.value,
        "logical_date": previous.logical_date,
        "interval_start": previous.interval_start,
        "interval_end": previous.interval_end,
        "started_at": previous.started_at,
        "ended_at": previous.ended_at,
        "conf": previous.conf,
    }


def _asset_events(db: Database, call: GetAssetEvents) -> list[dict[str, Any]]:
    event, asset = tables.asset_event, tables.asset
    statement = select(event, asset.c.name, asset.c.uri).join(
        asset, asset.c.asset_id == event.c.asset_id
    )
    if call.name is not None:
        statement = statement.where(asset.c.name == call.name)
    if call.uri is not None:
        statement = statement.where(asset.c.uri == call.uri)
    if call.alias is not None:
        statement = statement.where(event.c.alias == call.alias)
    if call.after is not None:
        statement = statement.where(event.c.at >= call.after)
    if call.before is not None:
        statement = statement.where(event.c.at <= call.before)
    order = event.c.event_id if call.ascending else event.c.event_id.desc()
    with db.read() as conn:
        found = conn.execute(statement.order_by(order).limit(min(call.limit, _MAX_EVENTS))).all()
    return [msgspec.to_builtins(to_event_info(row), builtin_types=(datetime,)) for row in found]
