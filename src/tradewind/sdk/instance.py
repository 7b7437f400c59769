"""`ti` and `dag_run`, as user code sees them."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tradewind.sdk import runtime, serde
from tradewind.wire.messages import Assignment, Call, GetXComs, RunInfo, SetXCom


def call(request: Call) -> dict[str, Any]:
    """Do a call through the installed runtime.

    Raises:
        RuntimeError: no task runs in this process.
    """
    current = runtime.current()
    if current is None:
        raise RuntimeError("this works only inside a running task (or in dag.test())")
    return current.call(request)


class RunView:
    """The run: `dag_run` in the context."""

    def __init__(self, run: RunInfo) -> None:
        self._run = run
        self.dag_id, self.run_id, self.run_type = run.dag_id, run.run_id, run.run_type
        self.conf, self.state = run.conf, run.state
        self.logical_date: datetime | None = run.logical_date
        self.data_interval_start = run.interval_start
        self.data_interval_end = run.interval_end
        self.run_after, self.start_date, self.end_date = run.run_after, run.started_at, run.ended_at
        self.triggering_user_name = run.triggering_user
        self.consumed_asset_events = list(run.consumed_asset_events)
        self.clear_number = run.clear_number
        self.note: str | None = None

    def __repr__(self) -> str:
        """Return "<DagRun dag run>"."""
        return f"<DagRun {self.dag_id} {self.run_id}>"


class TaskInstanceView:
    """The task instance: `ti` in the context."""

    def __init__(self, assignment: Assignment, task: Any) -> None:
        self._assignment = assignment
        self.task = task
        self.task_id = assignment.task_id
        self.dag_id, self.run_id = assignment.run.dag_id, assignment.run.run_id
        self.map_index = assignment.map_index
        self.try_number, self.max_tries = assignment.try_number, assignment.max_tries
        self.start_date = assignment.first_started_at
        self.hostname = socket.gethostname()
        self.state = "running"
        self.attempt_id, self.fence = assignment.attempt_id, assignment.fence
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        """Push a value for other tasks.

        Raises:
            DagError: the value cannot be stored.
        """
        call(SetXCom(key=key, value=serde.dumps(value)))

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = "return_value",
        include_prior_dates: bool = False,
        *,
        map_indexes: int | Iterable[int] | None = None,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """Pull what tasks pushed: one value for one id, a list for several or a mapped task."""
        single = task_ids is None or isinstance(task_ids, str)
        ids = (task_ids or self.task_id,) if single else tuple(task_ids or ())
        indexes = (map_indexes,) if isinstance(map_indexes, int) else map_indexes
        body = call(
            GetXComs(
                key=key,
                task_ids=tuple(str(i) for i in ids),
                map_indexes=None if indexes is None else tuple(indexes),
                dag_id=dag_id,
                run_id=run_id,
                include_prior_dates=include_prior_dates,
            )
        )
        items = body["items"]
        if single and (isinstance(map_indexes, int) or not _mapped(items)):
            return serde.loads(items[0]["value"]) if items else default
        return [serde.loads(item["value"]) for item in items]

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """Return (dag, task, run, try, map index)."""
        return (self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index)

    @property
    def is_mapped(self) -> bool:
        """Tell whether this is one of a mapped task's instances."""
        return self.map_index >= 0

    def __repr__(self) -> str:
        """Return "<TaskInstance …>"."""
        return f"<TaskInstance {self.dag_id}.{self.task_id} {self.run_id} [{self.map_index}]>"


def _mapped(items: list[dict[str, Any]]) -> bool:
    return any(item["map_index"] >= 0 for item in items)
