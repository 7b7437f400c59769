"""Create the runs that asset events ask for.

After a turn that brought asset events, each DAG whose schedule looks at assets is asked, with
the events it has not consumed yet, whether its condition holds. The run and the consumption
of its events commit together, so that each event is consumed at most once per DAG.
"""

from __future__ import annotations

import hashlib

from tradewind.actions.deadlines import deadlines_for
from tradewind.engine.assets import consume
from tradewind.model.run import Run
from tradewind.model.schedule import AssetCondition, AssetOrTime, AssetTriggered
from tradewind.model.state import RunState, RunType
from tradewind.schedule import run_id
from tradewind.scheduler.calendar import Calendars
from tradewind.scheduler.work import Work
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.read.scheduling import Calendar
from tradewind.store.turn import NewRun


class AssetRuns:
    """The asset-scheduled DAGs."""

    def __init__(self, db: Database, calendars: Calendars) -> None:
        self._db = db
        self._calendars = calendars
        self._look = True

    def load(self) -> None:
        """Look at everything: at a take-over."""
        self._look = True

    def look_again(self) -> None:
        """Look at the next turn: there are new events, or a DAG changed."""
        self._look = True

    def pending(self) -> bool:
        """Tell whether the next turn has work here."""
        return self._look

    def create_due(self, work: Work) -> None:
        """Add the runs whose condition holds to the turn."""
        if not self._look:
            return
        self._look = False
        for calendar, condition in self._scheduled():
            events = scheduling.asset_queue(self._db, calendar.dag_id)
            if not events:
                continue
            consumed = consume(condition, events)
            if consumed is not None:
                self._create(work, calendar, tuple(consumed))

    def _scheduled(self) -> list[tuple[Calendar, AssetCondition]]:
        found: list[tuple[Calendar, AssetCondition]] = []
        for calendar in self._calendars.all():
            if calendar.paused or not calendar.active:
                continue
            if isinstance(calendar.schedule, AssetTriggered | AssetOrTime):
                found.append((calendar, calendar.schedule.condition))
        return found

    def _create(self, work: Work, calendar: Calendar, consumed: tuple[int, ...]) -> None:
        version = scheduling.latest_version(self._db, calendar.dag_id)
        if version is None:
            return
        date = work.now if version.spec.always_dated else None
        # The suffix is derived from the events, so that a repeated turn makes the same run.
        suffix = hashlib.sha256(repr((calendar.dag_id, consumed)).encode()).hexdigest()[:8]
        run = Run(
            run_pk=0,
            dag_id=calendar.dag_id,
            run_id=run_id(RunType.ASSET_TRIGGERED, work.now, suffix),
            run_type=RunType.ASSET_TRIGGERED,
            state=RunState.QUEUED,
            version_id=version.version_id,
            source_hash=version.source_hash,
            tree_hash=version.tree_hash,
            run_after=work.now,
            logical_date=date,
            interval_start=date,
            interval_end=date,
            queued_at=work.now,
            triggered_by="asset",
        )
        deadlines = deadlines_for(self._db, run, version.spec)
        work.turn.new_runs.append(NewRun(run=run, consumed_events=consumed, deadlines=deadlines))
