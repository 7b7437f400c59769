"""`dag_run` as user code sees it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any

from tradewind.model.state import RunState
from tradewind.sdk import runtime
from tradewind.sdk.asset_events import AssetEvent
from tradewind.sdk.moments import moment
from tradewind.wire.messages import GetTaskStates, RunInfo

if TYPE_CHECKING:
    from pendulum import DateTime


class DagRunType(str, Enum):  # noqa: UP042  a StrEnum shows the bare value
    """Why a run exists. Shown as "DagRunType.MANUAL", equal to "manual"."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    BACKFILL_JOB = "backfill"
    ASSET_TRIGGERED = "asset_triggered"
    OPERATOR_TRIGGERED = "operator_triggered"
    ASSET_MATERIALIZATION = "asset_materialization"


class DagRun:
    """A run of a DAG.

    Times are pendulum's. A run without a logical date has None for it and for its interval.
    """

    def __init__(self, info: RunInfo) -> None:
        self._info = info
        self.dag_id = info.dag_id
        self.run_id = info.run_id
        self.run_type = DagRunType(info.run_type)
        self.state = RunState(info.state)
        self.conf: dict[str, Any] = info.conf
        self.triggering_user_name = info.triggering_user
        self.clear_number = info.clear_number
        self.note: str | None = None  # Airflow shows the note to people only
        self.partition_key: str | None = None
        self.partition_date: DateTime | None = None

    @property
    def logical_date(self) -> DateTime | None:
        """Return the logical date."""
        return moment(self._info.logical_date)

    execution_date = logical_date
    """The old name of the logical date."""

    @property
    def data_interval_start(self) -> DateTime | None:
        """Return the start of the data interval."""
        return moment(self._info.interval_start)

    @property
    def data_interval_end(self) -> DateTime | None:
        """Return the end of the data interval."""
        return moment(self._info.interval_end)

    @property
    def run_after(self) -> DateTime:
        """Return when the run was due."""
        return moment(self._info.run_after)

    @property
    def start_date(self) -> DateTime | None:
        """Return when the run started."""
        return moment(self._info.started_at)

    @property
    def end_date(self) -> DateTime | None:
        """Return when the run ended."""
        return moment(self._info.ended_at)

    @property
    def external_trigger(self) -> bool:
        """Tell whether somebody triggered the run (Airflow 2's attribute)."""
        return self.run_type in {DagRunType.MANUAL, DagRunType.OPERATOR_TRIGGERED}

    @property
    def consumed_asset_events(self) -> list[AssetEvent]:
        """Return the asset events that triggered the run."""
        return [AssetEvent(event) for event in self._info.consumed_asset_events]

    def get_task_instances(self, state: str | Iterable[str] | None = None) -> list[TaskSummary]:
        """Return the run's task instances with their states, as they are now."""
        reply = runtime.call(GetTaskStates(dag_id=self.dag_id, run_ids=(self.run_id,)))
        wanted = {state} if isinstance(state, str) else None if state is None else set(state)
        found = [
            TaskSummary(self.dag_id, self.run_id, name, value)
            for name, value in sorted(reply["runs"].get(self.run_id, {}).items())
        ]
        return [ti for ti in found if wanted is None or ti.state in wanted]

    def get_task_instance(self, task_id: str, *, map_index: int = -1) -> TaskSummary | None:
        """Return one of the run's task instances, or None."""
        found = self.get_task_instances()
        return next((t for t in found if (t.task_id, t.map_index) == (task_id, map_index)), None)

    def __repr__(self) -> str:
        return f"<DagRun {self.dag_id} {self.run_id}: {self.state}>"


class TaskSummary:
    """Another task instance: its names and its state."""

    def __init__(self, dag_id: str, run_id: str, name: str, state: str) -> None:
        task_id, _, index = name.removesuffix("]").partition("[")
        self.dag_id, self.run_id, self.task_id = dag_id, run_id, task_id
        self.map_index = int(index) if index else -1
        self.state: str | None = state if state != "none" else None

    def __repr__(self) -> str:
        index = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"<TaskInstance {self.dag_id}.{self.task_id}{index} {self.run_id}: {self.state}>"
