"""What users order: clear, mark, and stopping the rest of a run."""

from __future__ import annotations

from tradewind.engine.stepper import Stepper
from tradewind.model.event import Cleared, Marked, RunMarked
from tradewind.model.state import (
    LIVE_STATES,
    TERMINAL_RUN_STATES,
    TERMINAL_STATES,
    RunState,
    TaskState,
)


def clear(s: Stepper, event: Cleared) -> None:
    """Let instances run again: their tries go on counting, their retries are granted anew."""
    live = s.live
    for key in event.keys:
        node = live.node_of.get(key)
        if node is None:
            continue
        ti = live.ti[node]
        task = live.graph.tasks[live.task_of[node]]
        s.cancel_attempt(ti, "cleared")
        if ti.state is TaskState.NONE:
            continue
        s.move(
            node,
            TaskState.NONE,
            "cleared",
            by_user=True,
            max_tries=ti.try_number + task.retries,
            attempt_id=None,
            started_at=None,
            ended_at=None,
            first_started_at=None,
            mapped_length=None,
            returned=False,
            skips=(),
        )
        s.touch(node)
    if event.run_state is None or live.run.state is event.run_state:
        return
    if live.run.state in TERMINAL_RUN_STATES:
        s.move_run(
            RunState.QUEUED,
            "cleared",
            clear_number=live.run.clear_number + 1,
            queued_at=s.now,
            started_at=None,
            ended_at=None,
        )


def mark(s: Stepper, event: Marked) -> None:
    """Set instances to a state."""
    for key in event.keys:
        node = s.live.node_of.get(key)
        if node is None or s.live.ti[node].state is event.state:
            continue
        s.cancel_attempt(s.live.ti[node], f"marked {event.state}")
        s.move(node, event.state, f"marked by {event.actor or 'a user'}", by_user=True)


def mark_run(s: Stepper, event: RunMarked) -> None:
    """Set the run to a state: running tasks are stopped, waiting ones skipped."""
    live = s.live
    if live.run.state is event.state:
        return
    if event.state is RunState.QUEUED:
        if live.run.state in TERMINAL_RUN_STATES:
            s.move_run(RunState.QUEUED, "queued again", queued_at=s.now, ended_at=None)
        return
    if event.state not in TERMINAL_RUN_STATES:
        return
    reason = f"the run was marked {event.state} by {event.actor or 'a user'}"
    ended = TaskState.SUCCESS if event.state is RunState.SUCCESS else TaskState.FAILED
    _stop(s, reason, ended)
    s.move_run(event.state, reason, ended_at=s.now)


def stop_rest(s: Stepper, reason: str) -> None:
    """Stop what runs and skip what waits, but for teardowns."""
    _stop(s, reason, TaskState.FAILED)


def _stop(s: Stepper, reason: str, running_becomes: TaskState) -> None:
    live = s.live
    for node in range(len(live.ti)):
        ti = live.ti[node]
        task = live.graph.tasks[live.task_of[node]]
        if ti.state in TERMINAL_STATES or task.is_teardown:
            continue
        if ti.state in LIVE_STATES:
            s.cancel_attempt(ti, reason)
            s.move(node, running_becomes, reason, by_user=True)
        else:
            s.move(node, TaskState.SKIPPED, reason, by_user=True)
