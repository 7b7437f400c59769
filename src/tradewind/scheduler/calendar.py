"""Create the runs that schedules ask for.

The leader keeps a heap of the next due time of every unpaused DAG. When one comes due, the
run is created and the calendar row advanced in the same transaction, the row naming the due
time it expects, so that no crash and no second scheduler can lose or double a run.

The row also says when the next run is due, for people: it is written as soon as it is known, so
that a new DAG shows its first run before that comes.
"""

from __future__ import annotations

import heapq
from datetime import UTC, datetime

from tradewind.actions.deadlines import deadlines_for
from tradewind.model.run import Run
from tradewind.model.schedule import Continuous
from tradewind.model.state import RunState, RunType
from tradewind.schedule import Due, LastRun, Window, due, run_id
from tradewind.scheduler.work import Work
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.read.scheduling import Calendar
from tradewind.store.turn import NewRun, ScheduleAdvance

MAX_RUNS_PER_TURN = 20
"""Runs created in one turn: catching up a year must not hold up what runs now."""
MAX_SHOWN_PER_TURN = 100
"""Due times written for people in one turn."""
_AT_ONCE = datetime.min.replace(tzinfo=UTC)


class Calendars:
    """The due times of all DAGs."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._calendars: dict[str, Calendar] = {}
        self._heap: list[tuple[datetime, str]] = []
        self._due: dict[str, Due] = {}
        self._unshown: set[str] = set()

    def load(self, now: datetime) -> None:
        """Read all calendars: at a take-over."""
        self._calendars.clear()
        self._heap.clear()
        self._due.clear()
        self._unshown.clear()
        for calendar in scheduling.calendars(self._db):
            self._plan(calendar, now)

    def refresh(self, dag_id: str, now: datetime) -> None:
        """Read one DAG's calendar again: it was published, paused, or its run ended."""
        calendar = scheduling.calendar(self._db, dag_id)
        if calendar is None:
            self._calendars.pop(dag_id, None)
            self._due.pop(dag_id, None)
            self._unshown.discard(dag_id)
        else:
            self._plan(calendar, now)

    def get(self, dag_id: str) -> Calendar | None:
        """Return a DAG's calendar as last read."""
        return self._calendars.get(dag_id)

    def all(self) -> list[Calendar]:
        """Return every DAG's calendar as last read."""
        return list(self._calendars.values())

    def next_wake(self) -> datetime | None:
        """Return when there is something to do: a run is due, or a row does not say when."""
        if self._unshown:
            return _AT_ONCE
        return self._next_due()

    def create_due(self, work: Work, active: dict[str, set[int]]) -> list[str]:
        """Add the runs that are due to the turn, and when others will be.

        Args:
            work: the turn.
            active: the active runs of each DAG, for schedules that wait for the last to end.

        Returns:
            the DAGs whose calendar moves with this turn, to be refreshed after its commit.
        """
        moved: list[str] = []
        while len(moved) < MAX_RUNS_PER_TURN:
            at = self._next_due()
            if at is None or at > work.now:
                break
            _, dag_id = heapq.heappop(self._heap)
            calendar, found = self._calendars[dag_id], self._due.pop(dag_id)
            if isinstance(calendar.schedule, Continuous) and active.get(dag_id):
                continue
            moved.append(dag_id)
            self._create(work, calendar, found)
        return moved + self._show(work, moved)

    def _next_due(self) -> datetime | None:
        while self._heap:
            at, dag_id = self._heap[0]
            found = self._due.get(dag_id)
            if found is not None and found.run_after == at:
                return at
            heapq.heappop(self._heap)
        return None

    def _show(self, work: Work, moved: list[str]) -> list[str]:
        """Write when runs are due where the rows do not say so; return those DAGs."""
        chosen = sorted(self._unshown)[:MAX_SHOWN_PER_TURN]
        self._unshown.difference_update(chosen)
        shown = [dag_id for dag_id in chosen if dag_id not in moved]
        for dag_id in shown:
            calendar = self._calendars[dag_id]
            work.turn.advances.append(_advance(calendar, self._due.get(dag_id), None))
        return shown

    def _plan(self, calendar: Calendar, now: datetime) -> None:
        self._calendars[calendar.dag_id] = calendar
        self._due.pop(calendar.dag_id, None)
        self._unshown.discard(calendar.dag_id)
        if calendar.paused or not calendar.active:
            return
        found = due(calendar.schedule, window_of(calendar), last_of(calendar), now)
        if found is not None:
            self._due[calendar.dag_id] = found
            heapq.heappush(self._heap, (found.run_after, calendar.dag_id))
        at = found.run_after if found is not None else None
        if at != calendar.next_due and (at is None or at > now):
            self._unshown.add(calendar.dag_id)

    def _create(self, work: Work, calendar: Calendar, found: Due) -> None:
        version = scheduling.latest_version(self._db, calendar.dag_id)
        if version is None:
            return
        run = Run(
            run_pk=0,
            dag_id=calendar.dag_id,
            run_id=run_id(RunType.SCHEDULED, found.run_after),
            run_type=RunType.SCHEDULED,
            state=RunState.QUEUED,
            version_id=version.version_id,
            source_hash=version.source_hash,
            tree_hash=version.tree_hash,
            run_after=found.run_after,
            logical_date=found.logical_date,
            interval_start=found.interval_start,
            interval_end=found.interval_end,
            queued_at=work.now,
        )
        deadlines = deadlines_for(self._db, run, version.spec)
        work.turn.new_runs.append(NewRun(run=run, deadlines=deadlines))
        last = LastRun(
            logical_date=found.logical_date,
            interval_start=found.interval_start,
            interval_end=found.interval_end,
            run_after=found.run_after,
        )
        following = due(calendar.schedule, window_of(calendar), last, work.now)
        work.turn.advances.append(_advance(calendar, following, last))


def _advance(calendar: Calendar, following: Due | None, last: LastRun | None) -> ScheduleAdvance:
    """Return what a calendar's row says from now on. last: None is the run it says already."""
    return ScheduleAdvance(
        dag_id=calendar.dag_id,
        before_due=calendar.next_due,
        next_due=following.run_after if following else None,
        next_logical=following.logical_date if following else None,
        next_interval_start=following.interval_start if following else None,
        next_interval_end=following.interval_end if following else None,
        last_logical=last.logical_date if last else None,
        last_interval_start=last.interval_start if last else None,
        last_interval_end=last.interval_end if last else None,
        last_run_after=last.run_after if last else None,
    )


def window_of(calendar: Calendar) -> Window:
    """Return the DAG's dates as the schedule functions take them."""
    return Window(
        start_date=calendar.start_date, end_date=calendar.end_date, catchup=calendar.catchup
    )


def last_of(calendar: Calendar) -> LastRun | None:
    """Return the DAG's latest automated run, or None."""
    if calendar.last_run_after is None:
        return None
    return LastRun(
        logical_date=calendar.last_logical,
        interval_start=calendar.last_interval_start,
        interval_end=calendar.last_interval_end,
        run_after=calendar.last_run_after,
    )
