"""Backfill: create the runs that a schedule has between two dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from tradewind.actions.clear import clear_run
from tradewind.actions.deadlines import deadlines_for
from tradewind.actions.params import check_params
from tradewind.clock import Clock
from tradewind.errors import NotFound, UserError
from tradewind.model.run import Run
from tradewind.model.schedule import (
    AssetOrTime,
    AssetTriggered,
    Continuous,
    Custom,
    NoSchedule,
    TimeSchedule,
)
from tradewind.model.state import TERMINAL_RUN_STATES, RunState, RunType
from tradewind.schedule import Due, LastRun, Window, describe, due, run_id
from tradewind.store import inbox
from tradewind.store.backfills import insert_backfill, runs_at
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.read.scheduling import Version
from tradewind.store.runs import insert_run
from tradewind.store.signal import Signal

Reprocess = Literal["none", "failed", "completed"]

MAX_RUNS = 10_000
"""One backfill makes at most so many runs: more is a mistake in a date, or wants several."""

_SLICE = 50
"""Runs inserted in one transaction; others may write in between."""


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """What a backfill does.

    create: the times of runs to create. again: existing runs to clear. kept: existing runs that
    are left alone. backfill_id: None in a dry run.
    """

    dag_id: str
    create: tuple[Due, ...]
    again: tuple[Run, ...] = ()
    kept: tuple[Run, ...] = ()
    backfill_id: int | None = None


def plan_backfill(
    db: Database,
    clock: Clock,
    dag_id: str,
    from_date: datetime,
    to_date: datetime,
    *,
    reprocess: Reprocess = "none",
) -> Backfill:
    """Return which runs a backfill would create and clear: the dry run.

    Args:
        db: the database.
        clock: tells the time.
        dag_id: the DAG.
        from_date: the first logical date that counts.
        to_date: the last logical date that counts.
        reprocess: which existing runs run again: "none", those that "failed", or all that are
            "completed".

    Raises:
        NotFound: there is no such DAG.
        UserError: its schedule has no dates, or the dates are not right.
    """
    version = _version(db, dag_id)
    if from_date > to_date:
        raise UserError(f"the backfill would end ({to_date}) before it starts ({from_date})")
    if to_date > clock.now():
        raise UserError(f"a backfill is about the past; {to_date} lies in the future")
    times = _times(version, from_date, to_date, clock.now())
    existing = runs_at(db, dag_id, [t.logical_date for t in times if t.logical_date])
    wanted = {"none": frozenset[RunState](), "failed": frozenset({RunState.FAILED})}.get(
        reprocess, TERMINAL_RUN_STATES
    )
    return Backfill(
        dag_id=dag_id,
        create=tuple(t for t in times if t.logical_date not in existing),
        again=tuple(run for run in existing.values() if run.state in wanted),
        kept=tuple(run for run in existing.values() if run.state not in wanted),
    )


def backfill(
    db: Database,
    signal: Signal,
    clock: Clock,
    planned: Backfill,
    *,
    conf: Mapping[str, Any] | None = None,
    max_active_runs: int = 10,
    reprocess: Reprocess = "none",
    actor: str = "",
) -> Backfill:
    """Create and clear the planned runs; they are queued when this returns.

    Args:
        db: the database.
        signal: wakes the leader.
        clock: tells the time.
        planned: from `plan_backfill`.
        conf: the configuration of every new run.
        max_active_runs: most runs of this backfill at the same time.
        reprocess: as planned, for the record.
        actor: who asks.

    Raises:
        UserError: the conf does not fit the DAG's params, or there is nothing to do.
    """
    if not planned.create and not planned.again:
        raise UserError(f"nothing to do: DAG {planned.dag_id!r} has all runs of these dates")
    version = _version(db, planned.dag_id)
    settings = dict(conf or {})
    check_params(version.spec, settings)
    dates = [t.run_after for t in planned.create] + [r.run_after for r in planned.again]
    with db.write() as conn:
        backfill_id = insert_backfill(
            conn,
            planned.dag_id,
            (min(dates), max(dates)),
            conf=settings,
            max_active_runs=max_active_runs,
            reprocess=reprocess,
            actor=actor,
            now=clock.now(),
        )
    for start in range(0, len(planned.create), _SLICE):
        part = planned.create[start : start + _SLICE]
        _create(db, clock, version, part, backfill_id, settings, actor)
        signal.ring()
    for run in planned.again:
        clear_run(db, signal, clock, run, actor=actor, wait_s=0)
    return msgspec.structs.replace(planned, backfill_id=backfill_id)


def _create(
    db: Database,
    clock: Clock,
    version: Version,
    times: Sequence[Due],
    backfill_id: int,
    conf: dict[str, Any],
    actor: str,
) -> None:
    now = clock.now()
    runs = [
        Run(
            run_pk=0,
            dag_id=version.dag_id,
            run_id=run_id(RunType.BACKFILL, time.logical_date or time.run_after),
            run_type=RunType.BACKFILL,
            state=RunState.QUEUED,
            version_id=version.version_id,
            source_hash=version.source_hash,
            tree_hash=version.tree_hash,
            run_after=time.run_after,
            logical_date=time.logical_date,
            interval_start=time.interval_start,
            interval_end=time.interval_end,
            queued_at=now,
            conf=conf,
            triggered_by="backfill",
            triggering_user=actor or None,
            backfill_id=backfill_id,
        )
        for time in times
    ]
    deadlines = [deadlines_for(db, run, version.spec) for run in runs]
    with db.write() as conn:
        for run, its in zip(runs, deadlines, strict=True):
            created = insert_run(conn, run, deadlines=its)
            if created is not None:
                inbox.append(conn, "run_created", created.run_pk, {}, now)


def _version(db: Database, dag_id: str) -> Version:
    version = scheduling.latest_version(db, dag_id)
    if version is None:
        raise NotFound(f"there is no DAG {dag_id!r}")
    return version


def _times(version: Version, from_date: datetime, to_date: datetime, now: datetime) -> list[Due]:
    schedule = _time_schedule(version)
    spec = version.spec
    window = Window(
        start_date=max(from_date, spec.start_date) if spec.start_date else from_date,
        end_date=min(to_date, spec.end_date) if spec.end_date else to_date,
        catchup=True,
    )
    found: list[Due] = []
    last: LastRun | None = None
    while (time := due(schedule, window, last, now)) is not None and time.run_after <= now:
        found.append(time)
        if len(found) > MAX_RUNS:
            raise UserError(
                f"DAG {version.dag_id!r} has more than {MAX_RUNS} runs between these dates; "
                "backfill a shorter span at a time"
            )
        last = LastRun(
            logical_date=time.logical_date,
            interval_start=time.interval_start,
            interval_end=time.interval_end,
            run_after=time.run_after,
        )
    return found


def _time_schedule(version: Version) -> TimeSchedule:
    schedule = version.spec.schedule
    if isinstance(schedule, AssetOrTime):
        schedule = schedule.time
    if isinstance(schedule, NoSchedule | AssetTriggered | Continuous | Custom):
        raise UserError(
            f"DAG {version.dag_id!r} cannot be backfilled: its schedule "
            f"({describe(schedule)}) has no dates to go through"
        )
    return schedule
