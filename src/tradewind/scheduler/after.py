"""What memory takes over from a turn that has committed."""

from __future__ import annotations

from tradewind.clock import Clock
from tradewind.model.schedule import Continuous
from tradewind.scheduler.assets import AssetRuns
from tradewind.scheduler.board import Board
from tradewind.scheduler.calendar import Calendars
from tradewind.scheduler.callbacks import Callbacks
from tradewind.scheduler.deadlines import Deadlines
from tradewind.scheduler.decide import finished_runs
from tradewind.scheduler.deferral import Deferrals, trigger_id
from tradewind.scheduler.work import Work


class AfterCommit:
    """Bring the board, the deferrals, the callbacks and the calendars in step."""

    def __init__(
        self,
        board: Board,
        calendars: Calendars,
        deferrals: Deferrals,
        callbacks: Callbacks,
        assets: AssetRuns,
        deadlines: Deadlines,
        clock: Clock,
    ) -> None:
        self._board = board
        self._calendars = calendars
        self._deferrals = deferrals
        self._callbacks = callbacks
        self._assets = assets
        self._deadlines = deadlines
        self._clock = clock

    def attempts(self, work: Work) -> None:
        """Follow claims, ends and new attempts."""
        attempts = self._board.attempts
        now = self._clock.monotonic()
        for attempt_id, nonce, worker in work.claims:
            live = attempts.get(attempt_id)
            if live is not None:
                live.nonce, live.worker, live.beaten_at = nonce, worker, now
        for attempt_id in work.ended:
            attempts.pop(attempt_id, None)
        for live in work.new_attempts:
            attempts[live.attempt_id] = live
        stopping = self._board.stopping
        stopping.update((stopped.attempt_id, stopped) for stopped in work.stopping)
        for attempt_id in work.stopped:
            stopping.pop(attempt_id, None)
        for attempt_id in [a for a, stopped in stopping.items() if stopped.until <= work.now]:
            del stopping[attempt_id]

    def rest(self, work: Work) -> None:
        """Follow deferrals, callbacks, assets, deadlines, and runs that a calendar waits for."""
        turn = work.turn
        for ti, fence in turn.triggers_gone:
            if self._board.resuming.get(ti) == fence:
                del self._board.resuming[ti]
            self._deferrals.stop(trigger_id(ti, fence))
        for ti, fence in work.timed_out:
            self._deferrals.stop(trigger_id(ti, fence))
        for attempt_id in work.fired:
            self._deferrals.settled(attempt_id)
        if turn.triggers:
            self._deferrals.added([write.ti for write in turn.triggers])
        self._deferrals.launch()
        for attempt_id in work.called_back:
            self._callbacks.settled(attempt_id)
        if turn.callbacks or work.called_back:
            self._callbacks.look_again()
        self._callbacks.launch()
        if turn.asset_events:
            self._assets.look_again()
        self._deadlines.committed(work)
        for run_pk in finished_runs(work):
            self._run_finished(work, run_pk)

    def _run_finished(self, work: Work, run_pk: int) -> None:
        dag_id = next(c.after.dag_id for c in work.turn.run_changes if c.after.run_pk == run_pk)
        calendar = self._calendars.get(dag_id)
        if calendar is not None and isinstance(calendar.schedule, Continuous):
            self._calendars.refresh(dag_id, work.now)
