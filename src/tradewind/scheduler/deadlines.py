"""Watch the deadlines of runs: one timer for the earliest, and a look at it when it is due.

A run's deadlines are rows that were written with the run. When one passes before the run has
succeeded, the turn marks it as missed and owes its callback, in one transaction: whoever leads next
finds either both or neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tradewind.engine.deadlines import is_met, queued_again
from tradewind.model.deadline import DeadlineSpec
from tradewind.model.event import RunChange
from tradewind.model.run import Run
from tradewind.model.state import TERMINAL_RUN_STATES, RunState
from tradewind.scheduler.work import Work
from tradewind.store import deadlines as deadline_rows
from tradewind.store.connect import Database
from tradewind.store.turn import CallbackWrite


class Deadlines:
    """When the next deadline is, and what is to be done when it passes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._next: datetime | None = None

    def look_again(self) -> None:
        """Read when the next deadline is: at a take-over, and when there may be new ones."""
        self._next = deadline_rows.next_due(self._db)

    def next_wake(self) -> datetime | None:
        """Return when the next deadline is."""
        return self._next

    def note(self, work: Work) -> None:
        """Add what has come of deadlines to the turn, after everything else was decided."""
        if self._next is None or self._next > work.now:
            return
        moved = {c.after.run_pk: _succeeded_at(c.after) for c in work.turn.run_changes}
        for deadline in deadline_rows.due(self._db, work.now):
            succeeded_at = moved.get(deadline.run_pk, deadline.succeeded_at)
            if is_met(succeeded_at, deadline.due_at):
                work.turn.deadlines_met.append((deadline.run_pk, deadline.due_at))
                continue
            work.turn.deadlines_missed.append(deadline.deadline_id)
            work.turn.callbacks.append(
                CallbackWrite(
                    dedup=f"{deadline.run_pk}:deadline:{deadline.deadline_id}",
                    run_pk=deadline.run_pk,
                    kind="deadline",
                    reason=f"the run has not succeeded by {deadline.due_at:%Y-%m-%d %H:%M:%S} UTC",
                    deadline_id=deadline.deadline_id,
                )
            )

    def committed(self, work: Work) -> None:
        """Follow what a committed turn did to deadlines, or to runs that may have some."""
        turn = work.turn
        if (
            turn.deadlines_missed
            or turn.deadlines_met
            or turn.deadlines_moved
            or any(new.deadlines for new in turn.new_runs)
            or any(event.kind == "run_created" for event in work.inbox)
        ):
            self.look_again()


def follow_run(work: Work, deadlines: Sequence[DeadlineSpec], change: RunChange) -> None:
    """Add what a run's change means for its deadlines: it succeeded, or is queued again."""
    if not deadlines:
        return
    succeeded_at = _succeeded_at(change.after)
    if succeeded_at is not None:
        work.turn.deadlines_met.append((change.after.run_pk, succeeded_at))
    elif change.before.state in TERMINAL_RUN_STATES and change.after.state is RunState.QUEUED:
        work.turn.deadlines_moved.extend(queued_again(change.after, deadlines))


def _succeeded_at(run: Run) -> datetime | None:
    return run.ended_at if run.state is RunState.SUCCESS else None
