"""Trigger a run."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from tradewind.actions.clear import clear_run
from tradewind.actions.deadlines import deadlines_for
from tradewind.actions.params import check_params
from tradewind.clock import Clock
from tradewind.errors import AlreadyExists, NotFound, UserError
from tradewind.model.run import Run
from tradewind.model.schedule import Custom
from tradewind.model.state import RunState, RunType
from tradewind.schedule import manual_interval
from tradewind.schedule import run_id as name_run
from tradewind.store import inbox
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.read.scheduling import Version
from tradewind.store.runs import find_run, insert_run, set_trigger_key, triggered_by_key
from tradewind.store.signal import Signal

_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]+")
"""What Airflow allows: a run id is part of paths and URLs."""
_MAX_RUN_ID = 250
_SUFFIX_LENGTH = 8


def trigger(
    db: Database,
    signal: Signal,
    clock: Clock,
    dag_id: str,
    *,
    run_id: str | None = None,
    conf: Mapping[str, Any] | None = None,
    logical_date: datetime | None = None,
    run_after: datetime | None = None,
    interval: tuple[datetime, datetime] | None = None,
    note: str | None = None,
    reset: bool = False,
    fail_when_paused: bool = False,
    triggered_by: str = "cli",
    user: str | None = None,
    key: str | None = None,
) -> Run:
    """Create a run of the DAG's latest version; it is queued when this returns.

    Args:
        db: the database.
        signal: wakes the leader.
        clock: tells the time.
        dag_id: the DAG.
        run_id: None makes one from the time.
        conf: the run's configuration; its keys that are params of the DAG set them.
        logical_date: None leaves the run without one, unless the DAG's runs always have one.
        run_after: the time the run stands for; None is now.
        interval: the data interval; None takes the schedule's for the logical date.
        note: kept with the run for people.
        reset: clear the run when it exists already, instead of refusing.
        fail_when_paused: refuse when the DAG is paused; its runs would wait.
        triggered_by: "cli", "rest_api", "ui", "operator", …
        user: who asks.
        key: names this request among all; the same one again returns the run that it made or
            cleared, and does nothing else.

    Raises:
        NotFound: there is no such DAG.
        AlreadyExists: the DAG has a run of this id or logical date.
        UserError: the run cannot be created as asked (params, run id, paused, gone).
    """
    again = _done_before(db, key)
    if again is not None:
        return again
    version = _runnable(db, dag_id, fail_when_paused=fail_when_paused)
    run_type = RunType.OPERATOR_TRIGGERED if triggered_by == "operator" else RunType.MANUAL
    _must_allow(version, run_type)
    settings = dict(conf or {})
    check_params(version.spec, settings)
    now = clock.now()
    run_after = run_after or now
    if logical_date is None and version.spec.always_dated:
        logical_date = run_after
    if interval is None and logical_date is not None:
        interval = _interval(version, logical_date)
    run = Run(
        run_pk=0,
        dag_id=dag_id,
        run_id=_name(run_id, run_type, run_after, logical_date),
        run_type=run_type,
        state=RunState.QUEUED,
        version_id=version.version_id,
        source_hash=version.source_hash,
        tree_hash=version.tree_hash,
        run_after=run_after,
        logical_date=logical_date,
        interval_start=interval[0] if interval else None,
        interval_end=interval[1] if interval else None,
        queued_at=now,
        conf=settings,
        triggered_by=triggered_by,
        triggering_user=user,
        note=note,
    )
    created = _insert(db, run, version, key)
    if created is None:
        return _existing(db, signal, clock, run, key, reset=reset)
    signal.ring()
    return created


def _insert(db: Database, run: Run, version: Version, key: str | None) -> Run | None:
    deadlines = deadlines_for(db, run, version.spec)
    with db.write() as conn:
        created = insert_run(conn, run, deadlines=deadlines, trigger_key=key)
        if created is not None:
            inbox.append(conn, "run_created", created.run_pk, {}, run.queued_at or run.run_after)
    return created


def _done_before(db: Database, key: str | None) -> Run | None:
    if key is None:
        return None
    with db.read() as conn:
        return triggered_by_key(conn, key)


def _runnable(db: Database, dag_id: str, *, fail_when_paused: bool) -> Version:
    calendar = scheduling.calendar(db, dag_id)
    version = scheduling.latest_version(db, dag_id)
    if calendar is None or version is None:
        raise NotFound(f"there is no DAG {dag_id!r}")
    if not calendar.active:
        raise UserError(
            f"DAG {dag_id!r} cannot run: its file {version.dag_file} no longer defines it"
        )
    if calendar.paused and fail_when_paused:
        raise UserError(f"DAG {dag_id!r} is paused; unpause it first")
    return version


def _must_allow(version: Version, run_type: RunType) -> None:
    allowed = version.spec.allowed_run_types
    if allowed and run_type.value not in allowed:
        raise UserError(
            f"DAG {version.dag_id!r} allows only runs of type {', '.join(allowed)}, "
            f"not {run_type.value}"
        )


def _interval(version: Version, logical_date: datetime) -> tuple[datetime, datetime]:
    if isinstance(version.spec.schedule, Custom):
        # Only the timetable's own code knows better, and servers do not run it.
        return logical_date, logical_date
    return manual_interval(version.spec.schedule, logical_date)


def _name(
    given: str | None, run_type: RunType, run_after: datetime, logical_date: datetime | None
) -> str:
    if given is None:
        suffix = uuid.uuid4().hex[:_SUFFIX_LENGTH] if logical_date is None else ""
        return name_run(run_type, logical_date or run_after, suffix)
    if not _RUN_ID.fullmatch(given) or len(given) > _MAX_RUN_ID or given in {".", ".."}:
        raise UserError(
            f"run id {given!r} is not allowed: at most {_MAX_RUN_ID} letters, digits and _.~:+-"
        )
    return given


def _existing(
    db: Database, signal: Signal, clock: Clock, run: Run, key: str | None, *, reset: bool
) -> Run:
    again = _done_before(db, key)
    if again is not None:
        return again
    with db.read() as conn:
        found = find_run(conn, run.dag_id, run.run_id)
    if found is None:
        raise AlreadyExists(
            f"DAG {run.dag_id!r} has a run with logical date {run.logical_date} already"
        )
    if not reset:
        raise AlreadyExists(f"DAG {run.dag_id!r} has a run {run.run_id!r} already")

    def note(conn: Connection) -> None:
        if key is not None:
            set_trigger_key(conn, found.run_pk, key)

    clear_run(db, signal, clock, found, actor=run.triggering_user or "", wait_s=0, also=note)
    return found
