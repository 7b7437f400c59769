"""One step in the making: moves are made here, so that every one is checked and recorded."""

from __future__ import annotations

import heapq
from datetime import datetime

import msgspec

from tradewind.engine.live import LiveRun
from tradewind.engine.machine import check, check_run
from tradewind.model.event import (
    CallBack,
    Cancel,
    CancelTrigger,
    Effect,
    Past,
    RunChange,
    TaskChange,
)
from tradewind.model.run import Run, TaskInstance
from tradewind.model.state import LIVE_STATES, TERMINAL_STATES, RunState, TaskState

_CALLBACK = {
    TaskState.SUCCESS: "success",
    TaskState.FAILED: "failure",
    TaskState.UP_FOR_RETRY: "retry",
    TaskState.SKIPPED: "skipped",
}


class Stepper:
    """Moves, effects and what still has to be looked at in this step."""

    def __init__(self, live: LiveRun, now: datetime, past: Past) -> None:
        self.live = live
        self.now = now
        self.past = past
        self.changes: list[TaskChange] = []
        self.created: list[TaskInstance] = []
        self.effects: list[Effect] = []
        self.run_before = live.run
        self.run_reason: str | None = None
        self._touched: list[tuple[int, int]] = []
        self._listed: set[int] = set()

    def touch(self, node: int) -> None:
        """Look at a node later in this step, upstreams before downstreams."""
        if node not in self._listed:
            self._listed.add(node)
            heapq.heappush(self._touched, (self.live.task_of[node], node))

    def next_touched(self) -> int | None:
        """Return the next node to look at."""
        if not self._touched:
            return None
        _, node = heapq.heappop(self._touched)
        self._listed.discard(node)
        return node

    def add(self, instances: list[TaskInstance]) -> list[int]:
        """Create instances and look at them."""
        self.created.extend(instances)
        nodes = self.live.add(instances)
        for node in nodes:
            self.touch(node)
        return nodes

    def move(
        self,
        node: int,
        state: TaskState,
        reason: str | None = None,
        *,
        by_user: bool = False,
        **fields: object,
    ) -> TaskInstance:
        """Move an instance, with everything that follows from the move itself."""
        live = self.live
        before = live.ti[node]
        check(before.state, state, by_user=by_user)
        ended = state in TERMINAL_STATES
        changed: dict[str, object] = {"state": state, "reason": reason, "due_at": None}
        if ended:
            changed["ended_at"] = self.now
        changed.update(fields)
        after = msgspec.structs.replace(before, **changed)
        live.put(node, after)
        if after.due_at is not None:
            live.wake(node, after.due_at)
        self.changes.append(TaskChange(before, after, reason))
        self._leave(before, state)
        self._call_back(node, before, after, reason)
        if ended or before.state in TERMINAL_STATES:
            for other in live.below(node):
                if live.may_move(other):
                    self.touch(other)
            for task in live.graph.guards.get(live.task_of[node], ()):
                for other in live.nodes[task]:
                    self.touch(other)
        return after

    def move_run(self, state: RunState, reason: str | None = None, **fields: object) -> None:
        """Move the run."""
        check_run(self.live.run.state, state)
        self.live.run = msgspec.structs.replace(self.live.run, state=state, **fields)
        self.run_reason = reason

    @property
    def run_change(self) -> RunChange | None:
        """Return how the run moved in this step, or None."""
        run: Run = self.live.run
        if run is self.run_before or run == self.run_before:
            return None
        return RunChange(self.run_before, run, self.run_reason)

    def _leave(self, before: TaskInstance, state: TaskState) -> None:
        """Stop what a live attempt or a trigger was doing when its instance is taken away."""
        if before.state is TaskState.DEFERRED and state is not TaskState.SCHEDULED:
            self.effects.append(CancelTrigger(key=before.in_run, fence=before.fence))

    def cancel_attempt(self, ti: TaskInstance, reason: str) -> None:
        """Stop the live attempt of an instance, if it has one."""
        if ti.state in LIVE_STATES and ti.attempt_id is not None:
            self.effects.append(Cancel(attempt_id=ti.attempt_id, reason=reason))

    def _call_back(
        self, node: int, before: TaskInstance, after: TaskInstance, reason: str | None
    ) -> None:
        kind = _CALLBACK.get(after.state)
        task = self.live.graph.tasks[self.live.task_of[node]]
        if kind is None or kind not in task.callbacks or before.state not in LIVE_STATES:
            return
        self.effects.append(
            CallBack(kind=kind, key=after.in_run, try_number=after.try_number, reason=reason)
        )
