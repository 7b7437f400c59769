"""Why a task is not running, as data."""

from __future__ import annotations

from tradewind.engine.admit import Admission
from tradewind.engine.live import LiveRun
from tradewind.engine.rules import COLUMN, Verdict, judge
from tradewind.engine.step import past_allows
from tradewind.model.event import Blocked, Past
from tradewind.model.ids import TaskKey
from tradewind.model.state import TERMINAL_STATES, RunState, TaskState

_SHOWN = 5
"""Upstreams named in a sentence."""


def explain(live: LiveRun, key: TaskKey, admission: Admission, past: Past) -> tuple[Blocked, ...]:
    """Return what holds a task instance back; empty when nothing does (it runs or has ended).

    Raises:
        NotFound: the run has no such task instance.
    """
    ti = live.get(key)
    if ti.state in TERMINAL_STATES or ti.state is TaskState.RUNNING:
        return ()
    if live.run.state is RunState.QUEUED:
        text = "the run waits to start: its DAG has as many running runs as max_active_runs allows"
        return (Blocked(code="run_queued", text=text),)
    if ti.state is TaskState.SCHEDULED:
        blocked = admission.why(live, key)
        return (blocked,) if blocked else ()
    if ti.state is TaskState.QUEUED:
        return (Blocked(code="unclaimed", text="it was handed over; no worker has taken it yet"),)
    if ti.state in {TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE}:
        what = "the next try" if ti.state is TaskState.UP_FOR_RETRY else "the next poke"
        text = f"{what} is due at {ti.due_at}"
        return (Blocked(code=ti.state.value, text=text, until=ti.due_at),)
    if ti.state is TaskState.DEFERRED:
        return (Blocked(code="deferred", text="it waits for its trigger", until=ti.due_at),)
    return _waiting(live, live.node_of[key], past)


def _waiting(live: LiveRun, node: int, past: Past) -> tuple[Blocked, ...]:
    task = live.graph.tasks[live.task_of[node]]
    found: list[Blocked] = []
    if judge(task.trigger_rule, live.counts[node], live.total[node]) is Verdict.WAIT:
        path = live.ti[node].map_path
        open_ = [
            str(live.ti[n].in_run)
            for u, shared in live.graph.up[live.task_of[node]]
            for n in live.matching(u, shared, path)
            if live.ti[n].state not in COLUMN
        ]
        names = ", ".join(open_[:_SHOWN]) + (" …" if len(open_) > _SHOWN else "")
        text = f"trigger rule {task.trigger_rule} waits for {len(open_)} upstream(s): {names}"
        found.append(Blocked(code="upstream", text=text))
    if not past_allows(live, node, past):
        before = past.tasks.get(task.task_id)
        state = before.state if before is not None and before.state is not None else "missing"
        text = (
            f"depends_on_past: {task.task_id!r} is {state} in the previous run; clear it there so "
            "that it succeeds, or mark it success"
        )
        found.append(Blocked(code="depends_on_past", text=text))
    return tuple(found)
