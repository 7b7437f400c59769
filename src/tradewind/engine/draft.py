"""A decision in the making: moves that keep a live run's counts right.

`step` opens a draft, events and rules make moves through it, and `close` turns it into a
`Step`. Every move is checked against the table, recorded, and told to the gates that count the
node; gates and nodes that need a look wait in a heap in topological order, so that each is
looked at once, after everything above it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any

import msgspec
from msgspec.structs import replace

from tradewind.engine import rules
from tradewind.engine.live import LiveRun
from tradewind.engine.machine import check, check_run
from tradewind.engine.places import STRAY, Gate
from tradewind.engine.settle import MAX_INFRA_LOSSES
from tradewind.model.event import (
    RUN_EVENT,
    CallBack,
    Cancel,
    CancelTrigger,
    Effect,
    Past,
    RunChange,
    Step,
    TaskChange,
)
from tradewind.model.ids import TaskKey
from tradewind.model.run import TaskInstance
from tradewind.model.state import TERMINAL_STATES, RunState, TaskState


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment sets for all runs.

    max_infra_losses: losses before user code started that a try survives; one more fails it.
    restart_grace_s: how long a cleared attempt may take to end before the task starts anew.
    max_map_length: longest list that a task may be mapped over; None: no limit.
    """

    max_infra_losses: int = MAX_INFRA_LOSSES
    restart_grace_s: float = 30.0
    max_map_length: int | None = 1024


DEFAULT_POLICY = Policy()

_GATE = 0
_NODE = 1

DUE_STATES = frozenset(
    {
        TaskState.UP_FOR_RETRY,
        TaskState.UP_FOR_RESCHEDULE,
        TaskState.DEFERRED,
        TaskState.AWAITING_INPUT,
        TaskState.RESTARTING,
    }
)
"""States in which `due_at` means something."""


class Draft:
    """Moves, creations and effects of one step."""

    def __init__(self, live: LiveRun, now: datetime, past: Past, policy: Policy) -> None:
        self.live = live
        self.now = now
        self.past = past
        self.policy = policy
        self.changes: list[TaskChange] = []
        self.created: list[TaskInstance] = []
        self.effects: list[Effect] = []
        self._run_change: RunChange | None = None
        self._heap: list[tuple[int, int, int]] = []

    # ---- moves --------------------------------------------------------------------------

    def move(self, node: int, state: TaskState, reason: str | None = None, **fields: Any) -> None:
        """Move a task instance to a state, with these of its fields.

        Raises:
            Bug: the table has no such move.
        """
        live = self.live
        before = live.tis[node]
        check(before.state, state)
        if state in TERMINAL_STATES:
            fields.setdefault("ended_at", self.now)
            fields.setdefault("due_at", None)
            fields["attempt_id"] = None
        after = replace(before, state=state, reason=reason, **fields)
        live.tis[node] = after
        self.changes.append(TaskChange(before, after, reason))
        live.unfinished += (before.state in TERMINAL_STATES) - (state in TERMINAL_STATES)
        if after.due_at is not None and after.due_at != before.due_at:
            heappush(live.wakes, (after.due_at, node))
        category = rules.CATEGORY[state]
        if category != live.cats[node]:
            self._recount(node, category)

    def run_move(self, state: RunState, reason: str | None = None, **fields: Any) -> None:
        """Move the run to a state, with these of its fields."""
        run = self.live.run
        if state is not run.state:
            check_run(run.state, state)
        after = replace(run, state=state, **fields)
        before = self._run_change.before if self._run_change else run
        self.live.run = after
        self._run_change = RunChange(before, after, reason)
        if state is not run.state and state.value in self.live.graph.spec.run_listeners:
            self.effects.append(CallBack(kind=f"{RUN_EVENT}{state.value}", reason=reason))

    def _recount(self, node: int, category: int) -> None:
        live = self.live
        old = live.cats[node]
        live.cats[node] = category
        heap = self._heap
        for gate in live.watch[node]:
            counts = gate.counts
            counts[old] -= 1
            counts[category] += 1
            if not gate.queued:
                gate.queued = True
                heappush(heap, (gate.spec.first, _GATE, gate.number))
        task = live.task_of[node]
        if task in live.graph.measured_by and category != rules.PENDING:
            self._touch_measured(task)

    def _touch_measured(self, task: int) -> None:
        """Look at the stubs whose length follows from this task."""
        live = self.live
        for number in live.graph.measured_by[task]:
            for member in live.graph.scopes[number].members:
                partial = live.partial.get(member)
                if partial is not None:
                    for stub in partial.frontier:
                        self.touch(stub)
                elif (member, ()) in live.stubs:
                    self.touch(live.stubs[member, ()])

    # ---- what needs a look ----------------------------------------------------------------

    def touch(self, node: int) -> None:
        """Look at a node once everything above it is settled."""
        if self.live.task_of[node] != STRAY:
            heappush(self._heap, (self.live.task_of[node], _NODE, node))

    def touch_gate(self, gate: Gate) -> None:
        """Judge a gate once everything above it is settled."""
        if not gate.queued:
            gate.queued = True
            heappush(self._heap, (gate.spec.first, _GATE, gate.number))

    def touched(self) -> tuple[Gate | None, int] | None:
        """Return the next gate or node to look at, in topological order; None when done."""
        if not self._heap:
            return None
        _, kind, number = heappop(self._heap)
        if kind == _NODE:
            return None, number
        gate = self.live.gates[number]
        gate.queued = False
        return gate, 0

    def reindex(self) -> None:
        """Build the live run's counts anew; what may move is looked at."""
        self._heap.clear()
        self.live.index()
        self.touch_dirty()

    def touch_dirty(self) -> None:
        """Look at what the live run noted since it was loaded."""
        dirty, self.live.dirty = self.live.dirty, []
        for node in dirty:
            self.touch(node)

    # ---- effects --------------------------------------------------------------------------

    def release(self, node: int, why: str) -> None:
        """Stop a node's live attempt or trigger, because the node moves on without it."""
        ti = self.live.tis[node]
        if ti.state in {TaskState.DEFERRED, TaskState.AWAITING_INPUT}:
            self.effects.append(CancelTrigger(key=ti.in_run, fence=ti.fence))
        elif ti.attempt_id is not None and ti.state is not TaskState.RESTARTING:
            # A restarting attempt was told to stop when the task was cleared.
            self.effects.append(Cancel(attempt_id=ti.attempt_id, reason=why))
            if ti.state is TaskState.RUNNING:
                until = self.now + timedelta(seconds=self.policy.restart_grace_s)
                self.live.stopping[ti.in_run] = (ti.attempt_id, until)

    def call_back(self, kind: str, node: int, reason: str | None) -> None:
        """Owe a task's callback, if its author set one of this kind."""
        ti = self.live.tis[node]
        task = self.live.task_of[node]
        if task != STRAY and kind in self.live.graph.tasks[task].callbacks:
            key = TaskKey(ti.task_id, ti.map_index)
            self.effects.append(
                CallBack(kind=kind, key=key, try_number=ti.try_number, reason=reason)
            )

    # ---- the end --------------------------------------------------------------------------

    def deadline(self) -> datetime | None:
        """Return when the running run times out."""
        run, timeout_s = self.live.run, self.live.graph.spec.dagrun_timeout_s
        if timeout_s is None or run.state is not RunState.RUNNING or run.started_at is None:
            return None
        return run.started_at + timedelta(seconds=timeout_s)

    def close(self) -> Step:
        """Return the decision."""
        return Step(
            changes=tuple(self.changes),
            created=tuple(self.created),
            run_change=self._run_change,
            effects=tuple(self.effects),
            wake_at=self._wake_at(),
        )

    def _wake_at(self) -> datetime | None:
        live = self.live
        if live.run.state is not RunState.RUNNING and not live.wakes:
            return None
        while live.wakes:
            due, node = live.wakes[0]
            ti = live.tis[node]
            if ti.due_at == due and ti.state in DUE_STATES:
                break
            heappop(live.wakes)
        times = [until for _, until in live.stopping.values()]
        if live.wakes:
            times.append(live.wakes[0][0])
        deadline = self.deadline()
        if deadline is not None:
            times.append(deadline)
        return min(times, default=None)
