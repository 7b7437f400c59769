"""What the scheduler reads: runs, versions, calendars, deferrals, callbacks owed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, select, text

from tradewind.errors import NotFound
from tradewind.model.event import Past, PastTask
from tradewind.model.ids import TiKey
from tradewind.model.run import Attempt, Run, TaskInstance
from tradewind.model.schedule import ScheduleSpec
from tradewind.model.spec import DagSpec, decode_spec
from tradewind.model.state import (
    FAILED_STATES,
    SUCCESS_STATES,
    AttemptState,
    RunType,
    TaskState,
)
from tradewind.store import rows, tables
from tradewind.store.connect import Database
from tradewind.wire.messages import AssetEventInfo, MissedDeadline, Resume

_schedule = msgspec.json.Decoder(ScheduleSpec)


class RunRows(msgspec.Struct, frozen=True):
    """A run with its task instances and live attempts."""

    run: Run
    instances: list[TaskInstance]
    attempts: list[Attempt]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a DAG. source_hash: of the code that it was first seen in."""

    version_id: int
    dag_id: str
    number: int
    spec: DagSpec
    dag_file: str
    source_hash: str
    tree_hash: str


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG's schedule and where it stands."""

    dag_id: str
    version_id: int
    paused: bool
    active: bool
    schedule: ScheduleSpec
    start_date: datetime | None
    end_date: datetime | None
    catchup: bool
    max_active_runs: int
    next_due: datetime | None
    last_logical: datetime | None
    last_interval_start: datetime | None
    last_interval_end: datetime | None
    last_run_after: datetime | None


class Deferral(msgspec.Struct, frozen=True, kw_only=True):
    """A deferred task's trigger, and its result once it has one."""

    ti: TiKey
    fence: int
    classpath: str
    kwargs: bytes
    next_method: str
    next_kwargs: bytes
    timeout_at: datetime | None
    has_result: bool
    payload: bytes | None
    error: str | None
    timed_out: bool


class OwedCallback(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that is owed."""

    callback_id: int
    dedup: str
    run_pk: int
    kind: str
    task_id: str | None
    map_index: int
    try_number: int
    reason: str | None
    attempt_id: str | None = None
    claim_token: str | None = None
    deadline: MissedDeadline | None = None


_LIVE = text(tables.LIVE)


def active_runs(db: Database) -> list[Run]:
    """Return the runs that are queued or running, oldest first."""
    table = tables.dag_run
    with db.read() as conn:
        found = conn.execute(
            select(table).where(_LIVE).order_by(table.c.run_after, table.c.run_pk)
        ).mappings()
        return [rows.to_run(row) for row in found]


def newest_event(db: Database) -> int:
    """Return the number of the newest event, 0 without one. Cleaning never removes it."""
    seq = tables.ti_event.c.seq
    with db.read() as conn:
        return conn.execute(select(seq).order_by(seq.desc()).limit(1)).scalar() or 0


def run(db: Database, run_pk: int) -> Run | None:
    """Return one run."""
    table = tables.dag_run
    with db.read() as conn:
        row = conn.execute(select(table).where(table.c.run_pk == run_pk)).mappings().one_or_none()
    return rows.to_run(row) if row else None


def run_rows(db: Database, run_pk: int) -> RunRows | None:
    """Return a run with its task instances and live attempts."""
    runs, ti, attempt = tables.dag_run, tables.task_instance, tables.attempt
    with db.read() as conn:
        row = conn.execute(select(runs).where(runs.c.run_pk == run_pk)).mappings().one_or_none()
        if row is None:
            return None
        instances = conn.execute(select(ti).where(ti.c.run_pk == run_pk)).mappings().all()
        attempts = conn.execute(select(attempt).where(attempt.c.run_pk == run_pk, _LIVE)).mappings()
        return RunRows(
            rows.to_run(row),
            [rows.to_ti(found) for found in instances],
            [rows.to_attempt(found) for found in attempts],
        )


def superseded(db: Database, run_pk: int, since: datetime) -> list[Attempt]:
    """Return a run's attempts that were told to stop since then, while they ran."""
    table = tables.attempt
    with db.read() as conn:
        found = conn.execute(
            select(table).where(
                table.c.run_pk == run_pk,
                table.c.state == AttemptState.SUPERSEDED.value,
                table.c.nonce.is_not(None),
                table.c.ended_at > since,
            )
        ).mappings()
        return [rows.to_attempt(row) for row in found]


# ---- versions ---------------------------------------------------------------------------


def version(db: Database, version_id: int, source_hash: str = "") -> Version:
    """Return a version.

    Args:
        db: the database.
        version_id: its key.
        source_hash: the code that a run is pinned to; "" is the one it was first seen in.

    Raises:
        NotFound: there is none with this key.
    """
    return db.memo(
        ("version", version_id, source_hash), lambda: _version(db, version_id, source_hash)
    )


def _version(db: Database, version_id: int, source_hash: str) -> Version:
    table, source = tables.dag_version, tables.dag_source
    with db.read() as conn:
        row = conn.execute(select(table).where(table.c.version_id == version_id)).one_or_none()
        pinned = conn.execute(
            select(source.c.dag_file, source.c.tree_hash).where(
                source.c.version_id == version_id, source.c.source_hash == source_hash
            )
        ).one_or_none()
    if row is None:
        raise NotFound(f"there is no DAG version {version_id}")
    return Version(
        version_id=row.version_id,
        dag_id=row.dag_id,
        number=row.number,
        spec=decode_spec(zlib.decompress(row.spec)),
        dag_file=pinned.dag_file if pinned else row.dag_file,
        source_hash=source_hash if pinned else row.source_hash,
        tree_hash=pinned.tree_hash if pinned else row.tree_hash,
    )


def latest_version(db: Database, dag_id: str) -> Version | None:
    """Return the version that a new run takes, with the code that is live now."""
    table = tables.dag
    with db.read() as conn:
        row = conn.execute(
            select(
                table.c.version_id, table.c.dag_file, table.c.source_hash, table.c.tree_hash
            ).where(table.c.dag_id == dag_id)
        ).one_or_none()
    if row is None:
        return None
    return msgspec.structs.replace(
        version(db, row.version_id),
        dag_file=row.dag_file,
        source_hash=row.source_hash,
        tree_hash=row.tree_hash,
    )


# ---- calendars --------------------------------------------------------------------------

_dag = tables.dag
_CALENDAR = select(
    _dag.c.dag_id,
    _dag.c.version_id,
    _dag.c.paused,
    _dag.c.active,
    _dag.c.schedule,
    _dag.c.start_date,
    _dag.c.end_date,
    _dag.c.catchup,
    _dag.c.max_active_runs,
    _dag.c.next_due,
    _dag.c.last_logical,
    _dag.c.last_interval_start,
    _dag.c.last_interval_end,
    _dag.c.last_run_after,
)


def calendars(db: Database) -> list[Calendar]:
    """Return every active DAG's calendar."""
    return _calendars(db, _dag.c.active.is_(True))


def calendar(db: Database, dag_id: str) -> Calendar | None:
    """Return one DAG's calendar."""
    found = _calendars(db, _dag.c.dag_id == dag_id)
    return found[0] if found else None


def _calendars(db: Database, where: ColumnElement[bool]) -> list[Calendar]:
    with db.read() as conn:
        found = conn.execute(_CALENDAR.where(where)).mappings().all()
    return [Calendar(**{**row, "schedule": _schedule.decode(row["schedule"])}) for row in found]


def live_sources(db: Database, dag_id: str | None = None) -> dict[str, str]:
    """Return the source hash that each DAG's file has now (or one DAG's)."""
    statement = select(_dag.c.dag_id, _dag.c.source_hash)
    if dag_id is not None:
        statement = statement.where(_dag.c.dag_id == dag_id)
    with db.read() as conn:
        return {row.dag_id: row.source_hash for row in conn.execute(statement)}


# ---- the run before ---------------------------------------------------------------------


def past(db: Database, current: Run, task_ids: Iterable[str], spec: DagSpec) -> Past:
    """Return how tasks ended in the run before this one.

    The run before is the one with the greatest earlier logical date; a run without a logical
    date looks at the one with the greatest earlier run_after. A DAG that catches up looks at
    its automated runs only, as in Airflow: a manual run in between is not its past.
    """
    ti = tables.task_instance
    wanted = set(task_ids)
    names = {t.task_id: i for i, t in enumerate(spec.tasks)}
    below = {
        t: [d.task_id for d in spec.tasks if names[t] in d.upstream] for t in wanted & names.keys()
    }
    asked = wanted.union(*below.values())
    with db.read() as conn:
        run_pk = conn.execute(_earlier(current, spec)).scalar_one_or_none()
        if run_pk is None:
            return Past()
        statement = select(ti.c.task_id, ti.c.state).where(
            ti.c.run_pk == run_pk, ti.c.state != TaskState.REMOVED.value
        )
        if len(asked) <= _FEW_TASKS:
            statement = statement.where(ti.c.task_id.in_(asked))
        found = conn.execute(statement).all()
    states: dict[str, list[TaskState]] = {}
    for row in found:
        states.setdefault(row.task_id, []).append(TaskState(row.state))
    return Past(
        exists=True,
        tasks={t: _past_task(states[t], below.get(t, []), states) for t in wanted if t in states},
    )


_FEW_TASKS = 100
"""Up to this many are asked for by name; more are found by reading the whole run."""


def _earlier(current: Run, spec: DagSpec) -> Select[tuple[int]]:
    table = tables.dag_run
    statement = select(table.c.run_pk).where(
        table.c.dag_id == current.dag_id, table.c.run_pk != current.run_pk
    )
    if spec.catchup:
        statement = statement.where(table.c.run_type != RunType.MANUAL.value)
    if current.logical_date is not None:
        statement = statement.where(table.c.logical_date < current.logical_date).order_by(
            table.c.logical_date.desc()
        )
    else:
        statement = statement.where(
            (table.c.run_after < current.run_after)
            | ((table.c.run_after == current.run_after) & (table.c.run_pk < current.run_pk))
        ).order_by(table.c.run_after.desc(), table.c.run_pk.desc())
    return statement.limit(1)


def _past_task(
    own: list[TaskState], below: list[str], states: dict[str, list[TaskState]]
) -> PastTask:
    bad = [s for s in own if s not in SUCCESS_STATES]
    good = TaskState.SUCCESS if TaskState.SUCCESS in own else own[0]
    return PastTask(
        state=next((s for s in bad if s in FAILED_STATES), bad[0]) if bad else good,
        downstream_done=all(s in SUCCESS_STATES for t in below for s in states.get(t, [])),
    )


def next_run_pks(db: Database, current: Run) -> list[int]:
    """Return the live runs of the DAG that come after this one and may look back at it.

    Args:
        db: the database.
        current: the run that changed.
    """
    table = tables.dag_run
    later = table.c.run_after >= current.run_after
    if current.logical_date is not None:
        later = later | (table.c.logical_date > current.logical_date)
    with db.read() as conn:
        return list(
            conn.execute(
                select(table.c.run_pk)
                .where(
                    table.c.dag_id == current.dag_id, table.c.run_pk != current.run_pk, _LIVE, later
                )
                .order_by(table.c.run_after, table.c.run_pk)
            ).scalars()
        )


# ---- deferrals and callbacks --------------------------------------------------------------

_deferral = tables.deferral


def deferrals(db: Database) -> list[Deferral]:
    """Return every deferral whose task waits for its trigger, or is about to go on after it."""
    with db.read() as conn:
        found = conn.execute(select(_deferral).order_by(_deferral.c.fence)).mappings().all()
    return [_to_deferral(row) for row in found]


def fired(db: Database, run_pk: int) -> dict[TiKey, int]:
    """Return the deferred tasks of a run whose trigger has a result, with the deferral's fence."""
    found: dict[TiKey, int] = {}
    with db.read() as conn:
        for row in conn.execute(
            select(_deferral.c.task_id, _deferral.c.map_index, _deferral.c.fence).where(
                _deferral.c.run_pk == run_pk, _deferral.c.has_result.is_(True)
            )
        ):
            found[TiKey(run_pk, row.task_id, row.map_index)] = row.fence
    return found


def deferral(db: Database, ti: TiKey) -> Deferral | None:
    """Return a task instance's latest deferral."""
    with db.read() as conn:
        row = (
            conn.execute(
                select(_deferral)
                .where(*rows.ti_is(_deferral, ti))
                .order_by(_deferral.c.fence.desc())
                .limit(1)
            )
            .mappings()
            .one_or_none()
        )
    return _to_deferral(row) if row else None


def resume(db: Database, ti: TiKey) -> Resume | None:
    """Return how a task instance goes on after its latest trigger; None: from the beginning."""
    found = deferral(db, ti)
    if found is None:
        return None
    return Resume(
        method=found.next_method,
        kwargs=found.next_kwargs,
        payload=found.payload,
        error=found.error,
        timed_out=found.timed_out,
    )


def _to_deferral(row: object) -> Deferral:
    values = dict(row)  # type: ignore[call-overload]
    ti = TiKey(values.pop("run_pk"), values.pop("task_id"), values.pop("map_index"))
    return Deferral(ti=ti, **values)


def owed_callbacks(db: Database, limit: int) -> list[OwedCallback]:
    """Return callbacks that have not run, oldest first."""
    table, deadline = tables.callback, tables.deadline
    statement = (
        select(
            table.c.callback_id,
            table.c.dedup,
            table.c.run_pk,
            table.c.kind,
            table.c.task_id,
            table.c.map_index,
            table.c.try_number,
            table.c.reason,
            table.c.attempt_id,
            table.c.claim_token,
            table.c.deadline_id,
            deadline.c.position,
            deadline.c.due_at,
        )
        .outerjoin(deadline, deadline.c.deadline_id == table.c.deadline_id)
        .where(table.c.done_at.is_(None))
        .order_by(table.c.callback_id)
        .limit(limit)
    )
    with db.read() as conn:
        return [_to_owed(dict(row)) for row in conn.execute(statement).mappings()]


def _to_owed(row: dict[str, Any]) -> OwedCallback:
    deadline_id, position, due_at = (
        row.pop(name) for name in ("deadline_id", "position", "due_at")
    )
    missed = None
    if deadline_id is not None and due_at is not None:
        missed = MissedDeadline(deadline_id=deadline_id, position=position, due_at=due_at)
    return OwedCallback(**row, deadline=missed)


class PendingAssetEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An asset event that a DAG has not consumed."""

    event_id: int
    name: str
    uri: str
    alias: str | None
    at: datetime


def asset_queue(
    db: Database, dag_id: str, since: datetime | None = None
) -> list[PendingAssetEvent]:
    """Return the events that wait for a DAG, oldest first.

    Args:
        db: the database.
        dag_id: the DAG.
        since: events before this do not count (the DAG did not look at assets then).
    """
    event, asset, queue = tables.asset_event, tables.asset, tables.asset_queue
    statement = (
        select(event.c.event_id, asset.c.name, asset.c.uri, event.c.alias, event.c.at)
        .join(queue, queue.c.event_id == event.c.event_id)
        .join(asset, asset.c.asset_id == event.c.asset_id)
        .where(queue.c.dag_id == dag_id)
        .order_by(event.c.event_id)
        .limit(_MAX_QUEUE)
    )
    if since is not None:
        statement = statement.where(event.c.at >= since)
    with db.read() as conn:
        return [PendingAssetEvent(**row) for row in conn.execute(statement).mappings()]


def dags_with_asset_events(db: Database) -> set[str]:
    """Return the DAGs for which events wait."""
    with db.read() as conn:
        return set(conn.execute(select(tables.asset_queue.c.dag_id).distinct()).scalars())


_MAX_QUEUE = 10_000
"""Waiting events of one DAG that are looked at."""


def consumed_events(db: Database, run_pk: int) -> list[AssetEventInfo]:
    """Return the events that triggered a run."""
    event, asset, consumed = tables.asset_event, tables.asset, tables.asset_consumed
    with db.read() as conn:
        found = conn.execute(
            select(event, asset.c.name, asset.c.uri)
            .join(asset, asset.c.asset_id == event.c.asset_id)
            .join(consumed, consumed.c.event_id == event.c.event_id)
            .where(consumed.c.run_pk == run_pk)
            .order_by(event.c.event_id)
        ).all()
    return [to_event_info(row) for row in found]


def to_event_info(row: object) -> AssetEventInfo:
    """Return the event of a row of asset_event joined with asset."""
    return AssetEventInfo(
        asset_name=row.name,  # type: ignore[attr-defined]
        asset_uri=row.uri,  # type: ignore[attr-defined]
        at=row.at,  # type: ignore[attr-defined]
        extra=row.extra,  # type: ignore[attr-defined]
        source_dag_id=row.source_dag_id,  # type: ignore[attr-defined]
        source_task_id=row.source_task_id,  # type: ignore[attr-defined]
        source_run_id=row.source_run_id,  # type: ignore[attr-defined]
        source_map_index=-1 if row.source_map_index is None else row.source_map_index,  # type: ignore[attr-defined]
    )
