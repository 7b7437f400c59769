"""Which runs are in memory, and which queued ones may start.

A queued run is a row in a dict until `max_active_runs` lets it start; then its graph and its
task instances are loaded. A cleared run is loaded first (its instances change) and waits
for admission like any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from tradewind.clock import Clock
from tradewind.engine.live import LiveRun
from tradewind.engine.past import only_past_helps
from tradewind.engine.runs import Lane, Limits, admit_runs, place
from tradewind.model.event import PastChanged, PutBack, Started
from tradewind.model.run import Attempt, Run
from tradewind.model.state import TERMINAL_RUN_STATES, TERMINAL_STATES, RunState
from tradewind.scheduler.board import NO_PAST, Board, LiveAttempt, RunEntry
from tradewind.scheduler.calendar import Calendars
from tradewind.scheduler.stopping import Stoppings
from tradewind.scheduler.work import Work
from tradewind.store.backfills import backfill_limits
from tradewind.store.connect import Database
from tradewind.store.read import scheduling

DEFAULT_MAX_ACTIVE_RUNS = 16
"""Of a DAG whose row is gone."""


class Runs:
    """Load, start and connect runs."""

    def __init__(
        self,
        db: Database,
        board: Board,
        calendars: Calendars,
        clock: Clock,
        restart_grace_s: float,
    ) -> None:
        self._db = db
        self._board = board
        self._calendars = calendars
        self._clock = clock
        self._stoppings = Stoppings(db, board, clock, restart_grace_s)
        self._queued: dict[int, Run] = {}
        self._due_at: datetime | None = None
        self._look = True
        self._past_changed: set[int] = set()
        self._look_when_moved: set[int] = set()
        """Runs that may come to wait for an earlier one that is queued, and give it their place."""

    def load_all(self) -> None:
        """Load every active run: at a take-over."""
        self._queued.clear()
        self._due_at = None
        self._past_changed.clear()
        self._look = True
        self._stoppings.take_over()
        for run in scheduling.active_runs(self._db):
            if run.state is RunState.QUEUED:
                self.enqueue(run)
            else:
                self.load(run.run_pk)

    def load(self, run_pk: int, version_id: int | None = None) -> bool:
        """Load one run afresh, dropping what memory has of it.

        Args:
            run_pk: the run.
            version_id: take this version of the DAG instead of the one in the run's row.

        Returns:
            False when there is no such run.
        """
        self._board.drop(run_pk)
        rows = scheduling.run_rows(self._db, run_pk)
        if rows is None:
            return False
        version = scheduling.version(self._db, version_id or rows.run.version_id)
        stopping = self._stoppings.of(rows)
        live = LiveRun.load(self._board.graph(version), rows.run, rows.instances, stopping)
        needs = live.past_needs()
        past = scheduling.past(self._db, rows.run, needs, version.spec) if needs else NO_PAST
        self._board.add(RunEntry(live=live, version=version, past=past, past_needs=needs))
        for attempt in rows.attempts:
            self._board.attempts[attempt.attempt_id] = self._live_attempt(attempt)
        if rows.instances:
            self._board.resuming.update(scheduling.fired(self._db, run_pk))
        if rows.run.state is RunState.QUEUED:
            self.enqueue(rows.run)
        else:
            # What came due while the run was not in memory is found by the first step.
            self._board.set_wake(run_pk, self._clock.now())
        return True

    def ensure(self, run_pk: int, version_id: int | None = None) -> bool:
        """Load a run unless it is in memory on that version already."""
        entry = self._board.runs.get(run_pk)
        if entry is not None and version_id in {None, entry.version.version_id}:
            return True
        return self.load(run_pk, version_id)

    def enqueue(self, run: Run) -> None:
        """Take note of a run that waits to start."""
        if run.state is RunState.QUEUED:
            self._queued[run.run_pk] = run
            self._look = True

    def next_wake(self) -> datetime | None:
        """Return when a queued run that stands for a later time may start."""
        return self._due_at

    def created(self, run_pk: int) -> bool:
        """Take note of a run that somebody else inserted; False when there is none."""
        run = scheduling.run(self._db, run_pk)
        if run is None:
            return False
        if run_pk not in self._board.runs:
            self.enqueue(run)
        return True

    def start_queued(self, work: Work) -> None:
        """Start the queued runs that their DAG's limits have room for."""
        if self._due_at is not None and self._due_at <= work.now:
            self._look = True
        if not self._look or not self._queued:
            return
        self._look = False
        limits = {
            lane: self._limits(*lane)
            for lane in {(run.dag_id, run.backfill_id) for run in self._queued.values()}
        }
        active: Counter[Lane] = Counter()
        for dag_id in {dag_id for dag_id, _ in limits}:
            for run_pk in self._board.by_dag.get(dag_id, ()):
                run = self._board.runs[run_pk].live.run
                if run.state is RunState.RUNNING:
                    active[dag_id, run.backfill_id] += 1
        queued = list(self._queued.values())
        in_the_way = _in_the_way(self._board, queued, work.now)
        self._look_when_moved = {run.run_pk for run, _ in in_the_way}
        waiting = [run for run, waits in in_the_way if waits]
        places = admit_runs(queued, active, limits, work.now, waiting)
        for run_pk, earlier in places.put_back:
            work.tell(run_pk, PutBack(earlier))
        for run_pk in places.started:
            del self._queued[run_pk]
            if run_pk in self._board.runs or self.load(run_pk):
                self._queued.pop(run_pk, None)
                work.tell(run_pk, Started())
        # By this turn's time, as above: a run that was triggered while the turn began is later.
        later = (run.run_after for run in self._queued.values() if run.run_after > work.now)
        self._due_at = min(later, default=None)

    def committed(self, work: Work) -> None:
        """Follow what a committed turn did to runs."""
        for change in work.turn.run_changes:
            after = change.after
            if after.state is RunState.QUEUED:
                self.enqueue(after)
            else:
                self._queued.pop(after.run_pk, None)
            self._look = True
            if after.state in TERMINAL_RUN_STATES:
                self._board.drop(after.run_pk)
        if not self._look_when_moved.isdisjoint(work.touched):
            self._look = True
        self._note_past(work)

    def look_again(self) -> None:
        """Try queued runs at the next turn: a limit or a pause changed."""
        self._look = True

    def pending(self) -> bool:
        """Tell whether the next turn has work here."""
        return bool(self._past_changed) or (self._look and bool(self._queued))

    def tell_past(self, work: Work) -> None:
        """Tell runs that look at an earlier run what changed there."""
        changed, self._past_changed = self._past_changed, set()
        for run_pk in changed:
            entry = self._board.runs.get(run_pk)
            if entry is None:
                continue
            entry.past = scheduling.past(
                self._db, entry.live.run, entry.past_needs, entry.version.spec
            )
            work.tell(run_pk, PastChanged(task_ids=tuple(sorted(entry.past_needs))))

    def _limits(self, dag_id: str, backfill_id: int | None) -> Limits:
        calendar = self._calendars.get(dag_id)
        most = calendar.max_active_runs if calendar else DEFAULT_MAX_ACTIVE_RUNS
        paused = bool(calendar and calendar.paused)
        if backfill_id is not None:
            found = backfill_limits(self._db, backfill_id)
            if found is not None:
                most, paused = found.max_active_runs, paused or found.paused
        return Limits(max_active_runs=most, paused=paused)

    def _note_past(self, work: Work) -> None:
        moved: set[tuple[str, int]] = set()
        for change in work.turn.changes:
            if change.after.state in TERMINAL_STATES or change.before.state in TERMINAL_STATES:
                entry = self._board.runs.get(change.after.run_pk)
                if entry is not None:
                    moved.add((entry.live.run.dag_id, change.after.run_pk))
        for run_change in work.turn.run_changes:
            moved.add((run_change.after.dag_id, run_change.after.run_pk))
        for dag_id, source in moved:
            for run_pk in self._board.by_dag.get(dag_id, ()):
                if run_pk != source and self._board.runs[run_pk].past_needs:
                    self._past_changed.add(run_pk)

    def _live_attempt(self, attempt: Attempt) -> LiveAttempt:
        now = self._clock.monotonic()
        queued_at = attempt.queued_at or self._clock.now()
        waited_s = (self._clock.now() - queued_at).total_seconds()
        return LiveAttempt(
            attempt_id=attempt.attempt_id,
            ti=attempt.ti,
            fence=attempt.fence,
            executor=attempt.executor,
            claim_token=attempt.claim_token,
            nonce=attempt.nonce,
            worker=attempt.worker,
            beaten_at=now,
            queued_at=now - max(0.0, waited_s),
            next_submit_at=now,
            submit_count=attempt.submit_count,
            pending_reason=attempt.reason,
        )


def _in_the_way(board: Board, queued: Iterable[Run], now: datetime) -> list[tuple[Run, bool]]:
    """Return the running runs that may have to give their place to an earlier one.

    These look at the past, and an earlier run of their lane waits to start.

    Returns:
        each of them, and whether it has come so far that only an earlier run helps it.
    """
    first: dict[Lane, tuple[datetime, int]] = {}
    for run in queued:
        if run.run_after <= now:
            lane = (run.dag_id, run.backfill_id)
            first[lane] = min(first.get(lane, place(run)), place(run))
    found: list[tuple[Run, bool]] = []
    for (dag_id, backfill_id), earliest in first.items():
        for run_pk in board.by_dag.get(dag_id, ()):
            entry = board.runs[run_pk]
            run = entry.live.run
            if run.state is not RunState.RUNNING or run.backfill_id != backfill_id:
                continue
            if entry.past_needs and place(run) > earliest:
                found.append((run, only_past_helps(entry.live, entry.past, now)))
    return found
