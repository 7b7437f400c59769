"""The rows that a sequence of steps would have written, and what may never happen to them.

A ledger is the simulator's database: it takes each `Step` as the store does, row by row, each
change naming the row it expects. It raises `Broken` when an invariant does not hold, with the
invariant's number in the guarantees (1 one live attempt, 2 fences, 5 current outcomes, 8
terminal states, 9 legal moves, 12 tries, 20 and 21 how runs end, 22 callbacks, 23 maps).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tradewind.engine.machine import RUN_MOVES, TASK_MOVES
from tradewind.model.event import (
    CallBack,
    Cancel,
    CancelTrigger,
    Cleared,
    Event,
    Marked,
    Reported,
    RunMarked,
    Started,
    Step,
    TaskChange,
    TriggerReported,
)
from tradewind.model.ids import AttemptId, TaskKey
from tradewind.model.run import Run, TaskInstance
from tradewind.model.spec import DagSpec
from tradewind.model.state import (
    LIVE_STATES,
    TERMINAL_RUN_STATES,
    TERMINAL_STATES,
    RunState,
    TaskState,
)


class Broken(AssertionError):
    """An invariant does not hold."""


def require(holds: object, what: str) -> None:
    """Raise unless something holds."""
    if not holds:
        raise Broken(what)


class Ledger:
    """A run's rows as committed, and its history."""

    def __init__(self, run: Run, spec: DagSpec, max_infra_losses: int) -> None:
        self.run = run
        self.spec = spec
        self.rows: dict[TaskKey, TaskInstance] = {}
        self.attempts: set[AttemptId] = set()
        self.live: set[AttemptId] = set()
        self.cleared = False
        self._max_infra_losses = max_infra_losses

    def apply(self, step: Step, events: Sequence[Event]) -> None:
        """Write a step's rows.

        Raises:
            Broken: the step does something that may never happen.
        """
        for ti in step.created:
            require(ti.in_run not in self.rows, f"{ti.in_run} was created twice")
            self.rows[ti.in_run] = ti
        self.cleared = self.cleared or any(isinstance(e, Cleared) for e in events)
        by_user = any(isinstance(e, Cleared | Marked | RunMarked | Started) for e in events)
        for change in step.changes:
            self._change(change, by_user=by_user)
        if step.run_change is not None:
            require(step.run_change.before == self.run, "the run's row is not what was expected")
            self.run = step.run_change.after
        self._leave_attempts(step, events)
        self._call_backs(step, events)
        for key in {c.after.in_run for c in step.changes} | {t.in_run for t in step.created}:
            self._row(self.rows[key])
        self._maps({c.after.task_id for c in step.changes} | {t.task_id for t in step.created})
        self._run(step)

    def _change(self, change: TaskChange, *, by_user: bool) -> None:
        before, after = change.before, change.after
        key = after.in_run
        require(self.rows.get(key) == before, f"{key}: the row is not what was expected")
        require(
            (before.state, after.state) in TASK_MOVES,
            f"9: {key} went from {before.state} to {after.state}",
        )
        if before.state in TERMINAL_STATES and before.state is not TaskState.REMOVED:
            require(by_user, f"8: {key} left {before.state} without a user's order")
        if after.state is TaskState.QUEUED:
            require(after.fence == before.fence + 1, f"2: {key} was queued under an old fence")
            require(after.attempt_id not in self.attempts, f"2: {key} reuses an attempt id")
            assert after.attempt_id is not None
            self.attempts.add(after.attempt_id)
            self.live.add(after.attempt_id)
        else:
            require(after.fence == before.fence, f"2: {key} changed its fence while not queued")
        self.rows[key] = after

    def _row(self, ti: TaskInstance) -> None:
        key = ti.in_run
        require(
            (ti.attempt_id is not None) == (ti.state in LIVE_STATES),
            f"1: {key} is {ti.state} with attempt {ti.attempt_id}",
        )
        require(ti.try_number <= ti.max_tries + 1, f"12: {key} is at try {ti.try_number}")
        require(ti.infra_losses <= self._max_infra_losses, f"12: {key} lost {ti.infra_losses}")
        if ti.state in TERMINAL_STATES:
            require(ti.due_at is None, f"{key} has ended and is due")

    def _leave_attempts(self, step: Step, events: Sequence[Event]) -> None:
        """Every attempt that is not current any more was reported or cancelled."""
        current = {ti.attempt_id for ti in self.rows.values() if ti.attempt_id is not None}
        told = {e.attempt_id for e in events if isinstance(e, Reported)}
        told |= {e.attempt_id for e in step.effects if isinstance(e, Cancel)}
        restarted = {
            c.before.attempt_id for c in step.changes if c.before.state is TaskState.RESTARTING
        }
        for attempt in self.live - current:
            require(attempt in told | restarted, f"attempt {attempt} was left running")
        self.live &= current
        triggers = {(e.key, e.fence) for e in step.effects if isinstance(e, CancelTrigger)}
        triggers |= {(e.key, e.fence) for e in events if isinstance(e, TriggerReported)}
        for change in step.changes:
            if change.before.state is TaskState.DEFERRED:
                trigger = (change.before.in_run, change.before.fence)
                require(trigger in triggers, f"24: the trigger of {trigger[0]} was left running")

    def _call_backs(self, step: Step, events: Sequence[Event]) -> None:
        calls = [e for e in step.effects if isinstance(e, CallBack) and e.key is not None]
        reported = {e.attempt_id for e in events if isinstance(e, Reported)}
        for change in step.changes:
            if change.before.state not in {TaskState.RUNNING, TaskState.QUEUED}:
                continue
            stopped = (change.reason or "").startswith("fail_fast")
            if stopped or change.before.attempt_id not in reported:
                continue
            kind = _KINDS.get(change.after.state)
            found = [c for c in calls if c.key == change.after.in_run and c.kind == kind]
            task = next(t for t in self.spec.tasks if t.task_id == change.after.task_id)
            wanted = int(kind is not None and kind in task.callbacks)
            require(len(found) == wanted, f"22: {change.after.in_run} {kind}: {len(found)} calls")

    def _maps(self, task_ids: Iterable[str]) -> None:
        for task_id in task_ids:
            instances = sorted(
                (
                    ti
                    for ti in self.rows.values()
                    if ti.task_id == task_id
                    and ti.map_index >= 0
                    and ti.state is not TaskState.REMOVED
                ),
                key=lambda ti: ti.map_index,
            )
            indexes = [ti.map_index for ti in instances]
            require(indexes == list(range(len(indexes))), f"23: {task_id} has indexes {indexes}")
            paths = [ti.map_path for ti in instances]
            require(len(paths) == len(set(paths)), f"23: {task_id} has paths {paths}")
            # Clearing one inner index alone may number its instances behind all others.
            require(self.cleared or paths == sorted(paths), f"23: {task_id} has paths {paths}")

    def _run(self, step: Step) -> None:
        if step.run_change is not None:
            move = (step.run_change.before.state, step.run_change.after.state)
            chained = (RunState.QUEUED, RunState.RUNNING) in RUN_MOVES
            require(move[0] is move[1] or move in RUN_MOVES or chained, f"9: run {move}")
        unfinished = [ti for ti in self.rows.values() if ti.state not in TERMINAL_STATES]
        if step.run_change is not None and self.run.state in TERMINAL_RUN_STATES:
            require(not unfinished, f"20: the run ended with {[u.in_run for u in unfinished]}")
        if self.run.state is RunState.RUNNING:
            require(unfinished, "21: the run goes on with nothing unfinished")


_KINDS = {
    TaskState.SUCCESS: "success",
    TaskState.FAILED: "failure",
    TaskState.UP_FOR_RETRY: "retry",
    TaskState.SKIPPED: "skipped",
}
