"""Triggers that wait for another DAG's runs or tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from tradewind.sdk import current
from tradewind.sdk.external import External, as_tuple
from tradewind.sdk.triggers.base import BaseTrigger, TriggerEvent, ask


class WorkflowTrigger(BaseTrigger):
    """Fire when tasks, a group or whole runs of another DAG have come to their states.

    Args:
        external_dag_id: the DAG.
        run_ids, logical_dates: which of its runs.
        external_task_ids, external_task_group_id: which of their tasks; none means the run.
        allowed_states, skipped_states, failed_states: what the states mean.
        poke_interval: seconds between two looks.
        soft_fail: Airflow's; the sensor decides what failing means.
    """

    def __init__(
        self,
        external_dag_id: str,
        run_ids: Sequence[str] | None = None,
        logical_dates: Sequence[datetime] | None = None,
        external_task_ids: Sequence[str] | None = None,
        external_task_group_id: str | None = None,
        failed_states: Sequence[str] | None = None,
        skipped_states: Sequence[str] | None = None,
        allowed_states: Sequence[str] | None = None,
        poke_interval: float = 2.0,
        soft_fail: bool = False,
    ) -> None:
        super().__init__()
        self.external_dag_id = external_dag_id
        self.run_ids = run_ids
        self.logical_dates = logical_dates
        self.external_task_ids = external_task_ids
        self.external_task_group_id = external_task_group_id
        self.failed_states = failed_states
        self.skipped_states = skipped_states
        self.allowed_states = allowed_states
        self.poke_interval = poke_interval
        self.soft_fail = soft_fail

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        names = (
            "external_dag_id",
            "run_ids",
            "logical_dates",
            "external_task_ids",
            "external_task_group_id",
            "failed_states",
            "skipped_states",
            "allowed_states",
            "poke_interval",
            "soft_fail",
        )
        kwargs = {name: getattr(self, name) for name in names}
        return "tradewind.sdk.triggers.external_task.WorkflowTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until it is decided; the payload is {"status": "success" | "failed" | "skipped"}."""
        wanted = External(
            dag_id=self.external_dag_id,
            run_ids=as_tuple(self.run_ids),
            logical_dates=as_tuple(self.logical_dates),
            task_ids=as_tuple(self.external_task_ids),
            group_id=self.external_task_group_id,
            allowed=frozenset(as_tuple(self.allowed_states) or ("success",)),
            skipped=frozenset(as_tuple(self.skipped_states)),
            failed=frozenset(as_tuple(self.failed_states)),
        )
        while (status := wanted.judge(await ask(wanted.call()))) is None:
            await current.waiter().pause(self.poke_interval)
        yield TriggerEvent({"status": status})


class DagStateTrigger(BaseTrigger):
    """Fire when runs of a DAG have come to one of some states.

    Args:
        dag_id: the DAG.
        states: the states.
        run_ids, logical_dates: which of its runs (`execution_dates` is the old spelling).
        poll_interval: seconds between two looks.
    """

    def __init__(
        self,
        dag_id: str,
        states: Sequence[str],
        run_ids: Sequence[str] | None = None,
        logical_dates: Sequence[datetime] | None = None,
        poll_interval: float = 5.0,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.dag_id = dag_id
        self.states = [str(state) for state in states]
        self.run_ids = run_ids
        self.logical_dates = logical_dates or kwargs.pop("execution_dates", None)
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        names = ("dag_id", "states", "run_ids", "logical_dates", "poll_interval")
        kwargs = {name: getattr(self, name) for name in names}
        return "tradewind.sdk.triggers.external_task.DagStateTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until all runs are in one of the states; the payload has them by run."""
        wanted = External(
            dag_id=self.dag_id,
            run_ids=as_tuple(self.run_ids),
            logical_dates=as_tuple(self.logical_dates),
            allowed=frozenset(self.states),
        )
        while True:
            reply = await ask(wanted.call())
            if wanted.judge(reply) == "success":
                break
            await current.waiter().pause(self.poll_interval)
        yield TriggerEvent({"dag_id": self.dag_id, "runs": dict(reply["runs"])})
