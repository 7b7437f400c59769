"""`ti` as user code sees it: the task instance that runs."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from tradewind.model.ids import UNMAPPED
from tradewind.model.state import TaskState
from tradewind.sdk import xcom
from tradewind.sdk.dag_run import DagRun, TaskSummary
from tradewind.sdk.moments import ds_nodash, moment
from tradewind.sdk.run_queries import RunQueries, previous_run
from tradewind.wire.messages import Assignment

if TYPE_CHECKING:
    from pendulum import DateTime

_UNSET: Any = object()


class TaskInstanceKey(NamedTuple):
    """What a task instance is called among all."""

    dag_id: str
    task_id: str
    run_id: str
    try_number: int = 1
    map_index: int = UNMAPPED


class RuntimeTaskInstance(RunQueries):
    """The running task instance.

    state: "running" while the task runs; in callbacks, what it came to.
    rendered_map_index: the rendered `map_index_template`, once it is known.
    """

    def __init__(self, assignment: Assignment, task: Any, dag: Any, started_at: datetime) -> None:
        self.assignment = assignment
        self.task = task
        self.dag = dag
        self.task_id = assignment.task_id
        self.dag_id = assignment.run.dag_id
        self.run_id = assignment.run.run_id
        self.map_index = assignment.map_index
        self.try_number = assignment.try_number
        self.max_tries = assignment.max_tries
        self.state: str | None = TaskState.RUNNING
        self.id = assignment.attempt_id
        self.rendered_map_index: str | None = None
        self._started_at = started_at
        self._ended_at: datetime | None = None
        self.context: Any = None

    # ---- what it is ---------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        # What the author set on the task reads through: ti.queue, ti.pool, ti.operator, …
        if name in _FROM_TASK:
            return getattr(self.task, _FROM_TASK[name], None)
        raise AttributeError(f"a task instance has no attribute {name!r}")

    @property
    def key(self) -> TaskInstanceKey:
        """Return what this is called among all task instances."""
        return TaskInstanceKey(
            self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index
        )

    @property
    def is_mapped(self) -> bool:
        """Tell whether this is one of a mapped task's instances."""
        return self.map_index >= 0

    @cached_property
    def dag_run(self) -> DagRun:
        """Return the run."""
        return DagRun(self.assignment.run)

    @property
    def logical_date(self) -> DateTime | None:
        """Return the run's logical date."""
        return moment(self.assignment.run.logical_date)

    execution_date = logical_date
    """The old name of the logical date."""

    @property
    def start_date(self) -> DateTime:
        """Return when this try started (of a rescheduling sensor: its first poke)."""
        return moment(self.assignment.first_started_at or self._started_at)

    @property
    def end_date(self) -> DateTime | None:
        """Return when it ended; None while it runs."""
        return moment(self._ended_at)

    @property
    def duration(self) -> float | None:
        """Return the seconds that it took; None while it runs."""
        ended = self._ended_at
        return None if ended is None else (ended - self._started_at).total_seconds()

    @cached_property
    def hostname(self) -> str:
        """Return the machine that it runs on."""
        return socket.gethostname()

    @property
    def log(self) -> logging.Logger:
        """Return the task's logger."""
        return logging.getLogger("tradewind.task")

    @property
    def log_url(self) -> str:
        """Return where the web UI shows the log of this try."""
        mapped = f"/mapped/{self.map_index}" if self.is_mapped else ""
        return f"{self._page()}{mapped}?try_number={self.try_number}"

    @property
    def mark_success_url(self) -> str:
        """Return where the web UI shows the task instance."""
        return self.log_url

    def _page(self) -> str:
        base = os.environ.get("TRADEWIND__API__BASE_URL", "http://localhost:8080").rstrip("/")
        dag_id, run_id, task_id = (
            quote(part, safe="") for part in (self.dag_id, self.run_id, self.task_id)
        )
        return f"{base}/dags/{dag_id}/runs/{run_id}/tasks/{task_id}"

    @property
    def key_str(self) -> str:
        """Return "<dag>__<task>__<logical date, or run id>"."""
        logical = self.assignment.run.logical_date
        return f"{self.dag_id}__{self.task_id}__{ds_nodash(logical) if logical else self.run_id}"

    def ended(self, state: str, at: datetime) -> None:
        """Take note that the task came to an end."""
        self.state, self._ended_at = state, at

    # ---- XComs --------------------------------------------------------------------------

    def xcom_push(self, key: str, value: Any) -> None:
        """Push a value for other tasks. They can read it at once.

        Raises:
            DagError: the value cannot be stored; names its type and the fix.
        """
        xcom.push(key, value)

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str | None = xcom.XCOM_RETURN_KEY,
        include_prior_dates: bool = False,
        *,
        map_indexes: int | Iterable[int] | None = _UNSET,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """Pull what tasks pushed.

        Args:
            task_ids: one id gives one value; several give a list, in that order. None: this
                task's own; in a file for Airflow 2, that of the task which pushed last.
            dag_id: another DAG's; None means this one.
            key: the XComs' key; None, as in Airflow 2: what was pushed last under any.
            include_prior_dates: where this run has none, take the latest earlier run's.
            map_indexes: of which instances of a mapped task; one index gives one value. Left
                out, one value of an unmapped and the list of all values of a mapped task.
            default: for instances asked for by `map_indexes` that pushed nothing.
            run_id: another run's; None means this one.
        """
        where: dict[str, Any] = {
            "dag_id": dag_id,
            "run_id": run_id,
            "include_prior_dates": include_prior_dates,
        }
        if task_ids is None and self._means_any_task():
            last = xcom.newest(key, (), **where)
            if last is None:
                return default
            task_ids = last.task_id
        if key is None:
            return self._pull_last(task_ids, where)
        single = task_ids is None or isinstance(task_ids, str)
        ids = (
            [self.task_id if task_ids is None else str(task_ids)]
            if single
            else list(task_ids or ())
        )
        indexes = self._indexes(map_indexes, own=task_ids is None)
        found: dict[str, list[xcom.Pulled]] = {task_id: [] for task_id in ids}
        for item in xcom.pull(
            key,
            list(found),
            map_indexes=indexes,
            **where,
        ):
            found[item.task_id].append(item)
        if indexes is None:
            return _all_of(found, ids, single=single)
        one_index = map_indexes is _UNSET or map_indexes is None or isinstance(map_indexes, int)
        values = [v for task_id in ids for v in _at(found[task_id], indexes, default)]
        return values[0] if single and one_index else values

    def _pull_last(self, task_ids: Any, where: Mapping[str, Any]) -> Any:
        """Return what a task pushed last, under any key; of several, a list."""
        several = task_ids is not None and not isinstance(task_ids, str)
        names = task_ids if several else [task_ids or self.task_id]
        found = [xcom.newest(None, (str(name),), **where) for name in names]
        values = [None if last is None else last.value for last in found]
        return values if several else values[0]

    def _means_any_task(self) -> bool:
        means = getattr(self.dag, "means", None)
        return means is not None and means.airflow == 2

    def _indexes(self, given: Any, *, own: bool) -> Sequence[int] | None:
        if given is _UNSET:
            return (self.map_index,) if own else None
        if given is None:
            return (UNMAPPED,)
        return (given,) if isinstance(given, int) else tuple(given)

    # ---- templates ----------------------------------------------------------------------

    def get_template_context(self) -> Any:
        """Return the template context."""
        return self.context

    def render_templates(self, context: Any = None, jinja_env: Any = None) -> Any:
        """Render the task's template fields in place; return the task."""
        self.task.render_template_fields(context or self.context, jinja_env)
        return self.task

    def get_dag(self) -> Any:
        """Return the DAG."""
        return self.dag

    def get_dagrun(self) -> DagRun:
        """Return the run."""
        return self.dag_run

    # ---- other runs and tasks -----------------------------------------------------------

    def get_previous_dagrun(self, state: str | None = None) -> DagRun | None:
        """Return the run before this one (in this state, if given), or None."""
        info = previous_run(state)
        return None if info is None else DagRun(info)

    def get_previous_ti(self, state: str | None = None) -> TaskSummary | None:
        """Return this task instance in the run before (in this state, if given), or None."""
        previous = previous_run(None)
        if previous is None:
            return None
        found = DagRun(previous).get_task_instance(self.task_id, map_index=self.map_index)
        return found if found is not None and state in {None, found.state} else None

    def get_first_reschedule_date(self, context: Any = None) -> datetime | None:
        """Return when a rescheduling sensor first poked in this try; None before."""
        del context  # Airflow's signature
        return self.assignment.first_started_at if self.assignment.reschedule_count else None

    def __repr__(self) -> str:
        index = f"[{self.map_index}]" if self.is_mapped else ""
        return f"<TaskInstance {self.dag_id}.{self.task_id}{index} {self.run_id}: {self.state}>"


_FROM_TASK = {
    "operator": "task_type",
    "operator_name": "operator_name",
    "pool": "pool",
    "pool_slots": "pool_slots",
    "priority_weight": "priority_weight",
    "queue": "queue",
    "executor": "executor",
    "executor_config": "executor_config",
    "task_display_name": "task_display_name",
}


def _all_of(found: dict[str, list[xcom.Pulled]], ids: Sequence[str], *, single: bool) -> Any:
    """Return all instances' values: one value for one unmapped task, else a list."""
    if single:
        items = found[ids[0]]
        if any(item.map_index != UNMAPPED for item in items):
            return [item.value for item in items]
        return items[0].value if items else None
    values: list[Any] = []
    for task_id in ids:
        values += [item.value for item in found[task_id]] or [None]
    return values


def _at(items: list[xcom.Pulled], indexes: Sequence[int], default: Any) -> list[Any]:
    by_index = {item.map_index: item.value for item in items}
    return [by_index.get(index, default) for index in indexes]
