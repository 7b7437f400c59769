"""Ask the engine: step the runs that have news, admit what is ready, step those again.

Pure decisions applied to a turn in the making; nothing here reads or writes the database.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tradewind.clock import Clock
from tradewind.engine.draft import Policy
from tradewind.engine.step import step
from tradewind.model.event import Admitted, CallBack, Cancel, CancelTrigger, Step, TaskChange
from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.run import Attempt, Stopping
from tradewind.model.state import TERMINAL_RUN_STATES, AttemptState, TaskState
from tradewind.scheduler.board import Board, LiveAttempt, RunEntry
from tradewind.scheduler.deadlines import follow_run
from tradewind.scheduler.work import Work
from tradewind.store.turn import AttemptEnd, CallbackWrite, TriggerResult

MAX_ADMITTED_PER_TURN = 256
"""Launches of one turn: a bound on the length of its transaction."""

MAX_ROUNDS = 8
"""Step-and-admit rounds of one turn; an admitted task cannot free a slot, so few are needed."""


class Decider:
    """Drive the engine for one turn."""

    def __init__(
        self,
        board: Board,
        clock: Clock,
        new_id: Callable[[], str],
        default_executor: str,
        resubmit_s: float,
        policy: Policy,
    ) -> None:
        self._board = board
        self._clock = clock
        self._new_id = new_id
        self._default_executor = default_executor
        self._resubmit_s = resubmit_s
        self._policy = policy

    def decide(self, work: Work, *, admit: bool) -> None:
        """Consume the turn's events and fill in what was decided.

        Args:
            work: the turn.
            admit: False while draining: nothing new starts.
        """
        self._step_all(work)
        for _ in range(MAX_ROUNDS if admit else 0):
            room = MAX_ADMITTED_PER_TURN - len(work.turn.attempts)
            chosen = self._board.admission.admit(room) if room > 0 else []
            if not chosen:
                break
            for ti in chosen:
                work.tell(ti.run_pk, Admitted(ti.in_run, AttemptId(self._new_id())))
            self._step_all(work)

    def _step_all(self, work: Work) -> None:
        events, work.events = work.events, {}
        for run_pk, told in events.items():
            entry = self._board.runs.get(run_pk)
            if entry is None:
                continue
            decided = step(entry.live, told, work.now, entry.past, self._policy)
            self._collect(work, entry, decided)
            self._board.set_wake(run_pk, decided.wake_at)

    def _collect(self, work: Work, entry: RunEntry, decided: Step) -> None:
        turn = work.turn
        turn.created.extend(decided.created)
        turn.changes.extend(decided.changes)
        if decided.run_change is not None:
            turn.run_changes.append(decided.run_change)
            follow_run(work, entry.version.spec.deadlines, decided.run_change)
        for change in decided.changes:
            if (
                change.after.state is TaskState.QUEUED
                and change.before.state is not TaskState.QUEUED
            ):
                self._attempt(work, entry, change)
        self._board.admission.observe(entry.live, decided.changes)
        run_pk = entry.live.run.run_pk
        for effect in decided.effects:
            if isinstance(effect, Cancel):
                self._cancel(work, effect)
            elif isinstance(effect, CancelTrigger):
                self._cancel_trigger(work, TiKey(run_pk, *effect.key), effect)
            elif isinstance(effect, CallBack):
                turn.callbacks.append(_callback(entry, effect))

    def _attempt(self, work: Work, entry: RunEntry, change: TaskChange) -> None:
        ti = change.after
        if ti.attempt_id is None:
            return
        task = entry.live.task(ti.task_id)
        executor = task.executor or self._default_executor
        claim_token = self._new_id()
        work.turn.attempts.append(
            Attempt(
                attempt_id=ti.attempt_id,
                ti=ti.key,
                fence=ti.fence,
                try_number=ti.try_number,
                state=AttemptState.QUEUED,
                executor=executor,
                queue=task.queue,
                claim_token=claim_token,
                queued_at=work.now,
            )
        )
        now = self._clock.monotonic()
        work.new_attempts.append(
            LiveAttempt(
                attempt_id=ti.attempt_id,
                ti=ti.key,
                fence=ti.fence,
                executor=executor,
                claim_token=claim_token,
                beaten_at=now,
                queued_at=now,
                next_submit_at=now + self._resubmit_s,
                submit_count=1,
            )
        )

    def _cancel_trigger(self, work: Work, ti: TiKey, effect: CancelTrigger) -> None:
        if not effect.timed_out:
            work.turn.triggers_gone.append((ti, effect.fence))
            return
        work.turn.trigger_results.append(TriggerResult(ti=ti, fence=effect.fence, timed_out=True))
        self._board.resuming[ti] = effect.fence
        work.timed_out.append((ti, effect.fence))

    def _cancel(self, work: Work, effect: Cancel) -> None:
        work.cancels.append((effect.attempt_id, effect.reason))
        live = self._board.attempts.get(effect.attempt_id)
        if live is None or effect.attempt_id in work.ended:
            return
        work.ended.add(effect.attempt_id)
        if live.ti in self._board.resuming:
            work.turn.triggers_gone.append((live.ti, self._board.resuming[live.ti]))
        claimed = work.nonce_of(live) is not None
        if claimed:
            until = work.now + timedelta(seconds=self._policy.restart_grace_s)
            work.stopping.append(
                Stopping(
                    attempt_id=live.attempt_id, ti=live.ti, executor=live.executor, until=until
                )
            )
        work.turn.ends.append(
            AttemptEnd(
                attempt_id=effect.attempt_id,
                before=AttemptState.RUNNING if claimed else AttemptState.QUEUED,
                after=AttemptState.SUPERSEDED,
                at=work.now,
                reason=effect.reason,
            )
        )


def finished_runs(work: Work) -> list[int]:
    """Return the runs that ended in this turn."""
    return [
        change.after.run_pk
        for change in work.turn.run_changes
        if change.after.state in TERMINAL_RUN_STATES
    ]


def _callback(entry: RunEntry, effect: CallBack) -> CallbackWrite:
    run = entry.live.run
    subject = f"{effect.key.task_id}[{effect.key.map_index}]" if effect.key else "dag"
    return CallbackWrite(
        dedup=f"{run.run_pk}:{subject}:{effect.kind}:{effect.try_number}:{run.clear_number}",
        run_pk=run.run_pk,
        kind=effect.kind,
        task_id=effect.key.task_id if effect.key else None,
        map_index=effect.key.map_index if effect.key else -1,
        try_number=effect.try_number,
        reason=effect.reason,
    )
