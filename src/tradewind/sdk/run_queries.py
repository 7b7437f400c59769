"""What a task may ask about runs and task instances of any DAG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tradewind.sdk import runtime
from tradewind.sdk.dag_run import TaskSummary
from tradewind.wire.messages import GetPreviousRun, GetRunStates, GetTaskStates, RunInfo


class RunQueries:
    """Questions that need no task instance of their own; `ti` has them too."""

    @staticmethod
    def get_ti_count(
        dag_id: str,
        map_index: int | None = None,
        task_ids: Sequence[str] | None = None,
        task_group_id: str | None = None,
        logical_dates: Sequence[datetime] | None = None,
        run_ids: Sequence[str] | None = None,
        states: Sequence[str] | None = None,
    ) -> int:
        """Return how many task instances there are of these names and states."""
        runs = _task_states(dag_id, task_ids, task_group_id, logical_dates, run_ids)
        found = [TaskSummary(dag_id, r, n, s) for r, tis in runs.items() for n, s in tis.items()]
        return sum(
            (map_index is None or ti.map_index == map_index)
            and (states is None or ti.state in states)
            for ti in found
        )

    @staticmethod
    def get_task_states(
        dag_id: str,
        map_index: int | None = None,
        task_ids: Sequence[str] | None = None,
        task_group_id: str | None = None,
        logical_dates: Sequence[datetime] | None = None,
        run_ids: Sequence[str] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Return, by run, the states of task instances by "task" or "task_3"."""
        runs = _task_states(dag_id, task_ids, task_group_id, logical_dates, run_ids)
        states: dict[str, dict[str, Any]] = {}
        for run_id, tis in runs.items():
            found = [TaskSummary(dag_id, run_id, name, state) for name, state in tis.items()]
            states[run_id] = {
                ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}": ti.state
                for ti in found
                if map_index is None or ti.map_index == map_index
            }
        return states

    @staticmethod
    def get_dr_count(
        dag_id: str,
        logical_dates: Sequence[datetime] | None = None,
        run_ids: Sequence[str] | None = None,
        states: Sequence[str] | None = None,
    ) -> int:
        """Return how many runs there are of these names and states."""
        reply = runtime.call(
            GetRunStates(
                dag_id=dag_id,
                logical_dates=tuple(logical_dates or ()),
                run_ids=tuple(run_ids or ()),
                states=tuple(states or ()),
            )
        )
        return len(reply["runs"])

    @staticmethod
    def get_dagrun_state(dag_id: str, run_id: str) -> str | None:
        """Return the state of a run; None when there is no such run."""
        reply = runtime.call(GetRunStates(dag_id=dag_id, run_ids=(run_id,)))
        state: str | None = reply["runs"].get(run_id)
        return state


def previous_run(state: str | None) -> RunInfo | None:
    """Return the run before that of the calling task, or None."""
    found = runtime.call(GetPreviousRun(state=state))
    if not found:
        return None
    times = {k: datetime.fromisoformat(v) for k, v in found.items() if _is_time(k, v)}
    return RunInfo(**{**found, **times})


_TIMES = ("run_after", "logical_date", "interval_start", "interval_end", "started_at", "ended_at")


def _is_time(key: str, value: Any) -> bool:
    return key in _TIMES and isinstance(value, str)


def _task_states(
    dag_id: str,
    task_ids: Sequence[str] | None,
    group_id: str | None,
    logical_dates: Sequence[datetime] | None,
    run_ids: Sequence[str] | None,
) -> dict[str, dict[str, str]]:
    reply = runtime.call(
        GetTaskStates(
            dag_id=dag_id,
            task_ids=tuple(task_ids or ()),
            group_id=group_id,
            logical_dates=tuple(logical_dates or ()),
            run_ids=tuple(run_ids or ()),
        )
    )
    runs: dict[str, dict[str, str]] = reply["runs"]
    return runs
