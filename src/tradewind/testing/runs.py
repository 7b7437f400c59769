"""Make a run without a server, and what is left of it when it has ended."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tradewind.engine.live import LiveRun
from tradewind.model.ids import TaskKey
from tradewind.model.run import Run, TaskInstance
from tradewind.model.schedule import Custom
from tradewind.model.spec import DagSpec
from tradewind.model.state import RunState, RunType, TaskState
from tradewind.schedule import manual_interval, run_id
from tradewind.sdk import serde
from tradewind.sdk.dag_run import DagRun, TaskSummary
from tradewind.sdk.moments import moment
from tradewind.sdk.run_params import run_params
from tradewind.testing.store import MemoryStore
from tradewind.wire.runs import run_info

RETURN_VALUE = "return_value"


def new_run(
    dag: Any,
    spec: DagSpec,
    *,
    run_pk: int,
    now: datetime,
    logical_date: datetime | None,
    run_after: datetime | None = None,
    conf: Mapping[str, Any] | None = None,
    name: str | None = None,
    run_type: RunType = RunType.MANUAL,
    note: str | None = None,
) -> Run:
    """Return a queued run.

    Args:
        dag: the DAG.
        spec: its specification.
        run_pk: the run's key.
        now: the time.
        logical_date: what the run is about; None for a run without.
        run_after: the time the run stands for; None is the logical date, else now.
        conf: the run's configuration.
        name: the run id; None makes one.
        run_type: why the run exists.
        note: for people.

    Raises:
        ParamValidationError: a param has no value, or one that its schema refuses.
    """
    settings = dict(conf or {})
    run_params(dag, None, settings)
    logical_date = None if logical_date is None else logical_date.astimezone(UTC)
    run_after = None if run_after is None else run_after.astimezone(UTC)
    if logical_date is None and spec.always_dated:
        logical_date = run_after or now
    start, end = _interval(dag, spec, logical_date)
    after = run_after or logical_date or now
    suffix = uuid.uuid4().hex[:8] if logical_date is None else ""
    return Run(
        run_pk=run_pk,
        dag_id=spec.dag_id,
        run_id=name or run_id(run_type, after, suffix),
        run_type=run_type,
        state=RunState.QUEUED,
        version_id=1,
        run_after=after,
        logical_date=logical_date,
        interval_start=start,
        interval_end=end,
        queued_at=now,
        conf=settings,
        triggered_by="test",
        note=note,
    )


def _interval(
    dag: Any, spec: DagSpec, logical_date: datetime | None
) -> tuple[datetime | None, datetime | None]:
    if logical_date is None:
        return None, None
    if isinstance(spec.schedule, Custom):
        start, end = dag.schedule.infer_manual_data_interval(run_after=logical_date)
        return start, end
    return manual_interval(spec.schedule, logical_date)


class FinishedTask(TaskSummary):
    """A task instance of a run that has ended.

    try_number: of its last try. reason: why it is in this state, where there is more to say.
    start_date, end_date: of the last try. duration: of it, in seconds; None if it never started.
    """

    def __init__(
        self, run: Run, ti: TaskInstance, xcoms: Mapping[str, bytes], label: str | None
    ) -> None:
        super().__init__(run.dag_id, run.run_id, str(ti.in_run), ti.state.value)
        self.try_number = ti.try_number
        self.max_tries = ti.max_tries
        self.reason = ti.reason
        self.start_date = moment(ti.started_at)
        self.end_date = moment(ti.ended_at)
        self.rendered_map_index = label
        self._xcoms = xcoms

    @property
    def duration(self) -> float | None:
        """Return the seconds that the last try took; None if it never started."""
        if self.start_date is None or self.end_date is None:
            return None
        return float((self.end_date - self.start_date).total_seconds())

    def xcom_pull(self, key: str = RETURN_VALUE, default: Any = None) -> Any:
        """Return what the task instance pushed, or the default."""
        value = self._xcoms.get(key)
        return default if value is None else serde.loads(value)


class FinishedRun(DagRun):
    """A run that has ended, with its task instances."""

    def __init__(self, live: LiveRun, store: MemoryStore, labels: Mapping[TaskKey, str]) -> None:
        super().__init__(run_info(live.run))
        kept: dict[TaskKey, dict[str, bytes]] = {}
        for (task, key), value in store.xcoms.get(live.run.run_pk, {}).items():
            kept.setdefault(task, {})[key] = value
        self._tasks = [
            FinishedTask(live.run, ti, kept.get(ti.in_run, {}), labels.get(ti.in_run))
            for ti in sorted(live.instances(), key=lambda ti: _place(live, ti))
            if ti.state is not TaskState.REMOVED
        ]

    @property
    def task_instances(self) -> list[FinishedTask]:
        """Return the task instances in the order of the graph."""
        return list(self._tasks)

    def get_task_instances(self, state: str | Iterable[str] | None = None) -> list[TaskSummary]:
        """Return the task instances, or those in these states."""
        wanted = {state} if isinstance(state, str) else None if state is None else set(state)
        return [ti for ti in self._tasks if wanted is None or ti.state in wanted]

    def get_task_instance(self, task_id: str, *, map_index: int = -1) -> FinishedTask | None:
        """Return a task instance, or None."""
        return next(
            (ti for ti in self._tasks if (ti.task_id, ti.map_index) == (task_id, map_index)), None
        )

    @property
    def states(self) -> dict[str, str | None]:
        """Return the states by "task" or "task[3]"."""
        return {str(TaskKey(ti.task_id, ti.map_index)): ti.state for ti in self._tasks}

    def xcom(self, task_id: str, key: str = RETURN_VALUE, *, map_index: int = -1) -> Any:
        """Return what a task pushed; None when there is none."""
        found = self.get_task_instance(task_id, map_index=map_index)
        return None if found is None else found.xcom_pull(key)


def _place(live: LiveRun, ti: TaskInstance) -> tuple[int, int]:
    return live.graph.index[ti.task_id], ti.map_index
