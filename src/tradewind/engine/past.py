"""What the previous run lets this one do: depends_on_past and wait_for_downstream."""

from __future__ import annotations

from datetime import datetime

from tradewind.engine import rules
from tradewind.engine.live import LiveRun
from tradewind.engine.places import STRAY
from tradewind.model.event import Blocked, Past
from tradewind.model.spec import TaskSpec
from tradewind.model.state import SUCCESS_STATES, TaskState


def past_allows(task: TaskSpec, past: Past) -> bool:
    """Tell whether the previous run lets this task run."""
    if not (task.depends_on_past or task.wait_for_downstream) or not past.exists:
        return True
    found = past.tasks.get(task.task_id)
    if found is None or found.state is None:
        return task.ignore_first_depends_on_past
    if found.state not in SUCCESS_STATES:
        return False
    return found.downstream_done or not task.wait_for_downstream


def past_blocks(task: TaskSpec, past: Past) -> Blocked | None:
    """Return why the previous run does not let this task run, with the way out."""
    if past_allows(task, past):
        return None
    found = past.tasks.get(task.task_id)
    name = repr(task.task_id)
    if found is None or found.state is None:
        return Blocked(
            code="depends_on_past",
            text=f"{name} depends on the past, the previous run has no such task instance, and "
            "ignore_first_depends_on_past is off; mark this task, or switch that on",
        )
    if found.state not in SUCCESS_STATES:
        return Blocked(
            code="depends_on_past",
            text=f"{name} depends on the past and is {found.state} in the previous run; "
            f"it goes on when {name} succeeds or is skipped there: clear it, or mark it success",
        )
    return Blocked(
        code="wait_for_downstream",
        text=f"{name} waits for the downstreams of {name} in the previous run; "
        "they must succeed or be skipped: clear them, or mark them success",
    )


def only_past_helps(live: LiveRun, past: Past, now: datetime) -> bool:
    """Tell whether a run cannot move, however long it waits, before an earlier run does.

    Nothing of it is on its way or comes due by itself, and something waits for the past.
    """
    waits = False
    for node, ti in enumerate(live.tis):
        if live.cats[node] != rules.PENDING or live.task_of[node] == STRAY:
            continue
        if ti.state not in _STANDING or (ti.due_at is not None and ti.due_at > now):
            return False
        waits = waits or not past_allows(live.graph.tasks[live.task_of[node]], past)
    return waits


_STANDING = frozenset({TaskState.NONE, TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE})
