"""Values as the screens send them: short names, Unix seconds, nothing that is not shown."""

from __future__ import annotations

from typing import Any

from tradewind.model.run import Run, TaskInstance
from tradewind.model.state import RunState
from tradewind.web.screens.desk import unix


def run_shape(run: Run) -> dict[str, Any]:
    """Return a run as lists show it."""
    return {
        "id": run.run_id,
        "type": run.run_type.value,
        "state": run.state.value,
        "after": unix(run.run_after),
        "logical": unix(run.logical_date),
        "queued": unix(run.queued_at),
        "start": unix(run.started_at),
        "end": unix(run.ended_at if run.state not in {RunState.QUEUED, RunState.RUNNING} else None),
        "note": run.note,
    }


def ti_shape(ti: TaskInstance) -> dict[str, Any]:
    """Return a task instance as lists show it."""
    return {
        "task": ti.task_id,
        "map": ti.map_index,
        "state": ti.state.value,
        "try": ti.try_number,
        "tries": ti.max_tries + 1,
        "queued": unix(ti.queued_at),
        "start": unix(ti.started_at),
        "end": unix(ti.ended_at),
        "due": unix(ti.due_at),
        "reason": ti.reason,
    }
