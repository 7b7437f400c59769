"""Answer the reading calls of user code."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, select

from tradewind.errors import Bug
from tradewind.model.ids import TiKey
from tradewind.model.run import Run
from tradewind.store import rows, tables
from tradewind.store.connect import Database
from tradewind.store.read.scheduling import to_event_info
from tradewind.wire.messages import (
    Call,
    GetAssetEvents,
    GetPreviousRun,
    GetRunStates,
    GetTaskStates,
    GetXComs,
)

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
        run_pk: int | None = run.run_pk
        runs = tables.dag_run
        if call.dag_id is not None or call.run_id is not None:
            run_pk = conn.execute(
                select(runs.c.run_pk).where(
                    runs.c.dag_id == (call.dag_id or run.dag_id),
                    runs.c.run_id == (call.run_id or run.run_id),
                )
            ).scalar_one_or_none()
        found = _xcom_rows(conn, run_pk, call) if run_pk is not None else []
        if not found and call.include_prior_dates and run.logical_date is not None:
            earlier = conn.execute(
                select(runs.c.run_pk)
                .join(tables.xcom, tables.xcom.c.run_pk == runs.c.run_pk)
                .where(
                    runs.c.dag_id == (call.dag_id or run.dag_id),
                    runs.c.logical_date < run.logical_date,
                    tables.xcom.c.key == call.key,
                    tables.xcom.c.task_id.in_(call.task_ids),
                )
                .order_by(runs.c.logical_date.desc())
                .limit(1)
            ).scalar_one_or_none()
            found = _xcom_rows(conn, earlier, call) if earlier is not None else []
    order = {task_id: i for i, task_id in enumerate(call.task_ids)}
    found.sort(key=lambda r: (order[r.task_id], r.map_index))
    return [
        {"task_id": r.task_id, "map_index": r.map_index, "value": bytes(r.value)} for r in found
    ]


def _xcom_rows(conn: Any, run_pk: int, call: GetXComs) -> list[Any]:
    table = tables.xcom
    statement: Select[Any] = select(table.c.task_id, table.c.map_index, table.c.value).where(
        table.c.run_pk == run_pk, table.c.key == call.key, table.c.task_id.in_(call.task_ids)
    )
    if call.map_indexes is not None:
        statement = statement.where(table.c.map_index.in_(call.map_indexes))
    return list(
        conn.execute(
            statement.order_by(table.c.task_id, table.c.map_index)
            .offset(call.offset)
            .limit(call.limit)
        )
    )


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
            statement = statement.where(
                ti.c.task_id.startswith(f"{call.group_id}.", autoescape=True)
            )
        states: dict[str, dict[str, str]] = {run_id: {} for run_id in runs.values()}
        for r in conn.execute(statement):
            name = r.task_id if r.map_index < 0 else f"{r.task_id}[{r.map_index}]"
            states[runs[r.run_pk]][name] = r.state
    return states


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
