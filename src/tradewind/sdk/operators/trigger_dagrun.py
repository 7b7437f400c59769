"""TriggerDagRunOperator: start a run of another DAG, and wait for it if asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tradewind.errors import AlreadyExists
from tradewind.sdk import current, runtime
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowSkipException,
    DagRunAlreadyExists,
)
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.triggers.external_task import DagStateTrigger
from tradewind.wire.messages import GetRunStates, TriggerRun

XCOM_RUN_ID = "trigger_run_id"
"""The key under which the operator pushes the id of the run that it started."""

_POLL_S = 60.0


class TriggerDagRunOperator(BaseOperator):
    """Start a run of a DAG.

    Args:
        trigger_dag_id: the DAG; templated.
        trigger_run_id: the id of the run, made up if left out; templated.
        conf: the run's conf, as JSON would have it; templated.
        logical_date: of the run: a time or ISO text, None for none; templated. Left out: none.
        run_after: when the run may start.
        reset_dag_run: when there is such a run already, clear it and let it run again.
        wait_for_completion: end only when the run has ended.
        poke_interval: seconds between two looks at the run.
        allowed_states: states of the run in which this task succeeds (default success).
        failed_states: states of the run in which this task fails (default failed).
        skip_when_already_exists: end as skipped when there is such a run already.
        fail_when_dag_is_paused: fail instead of leaving a run that does not start.
        note: about the run, for people.
        deferrable: wait in the triggerer instead of a process.
    """

    template_fields: Sequence[str] = (
        "trigger_dag_id",
        "trigger_run_id",
        "logical_date",
        "run_after",
        "conf",
        "wait_for_completion",
        "skip_when_already_exists",
        "note",
    )
    template_fields_renderers: Mapping[str, str] = {"conf": "py"}
    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        trigger_run_id: str | None = None,
        conf: dict[str, Any] | str | None = None,
        logical_date: str | datetime | None = None,
        run_after: str | datetime | None = None,
        reset_dag_run: bool = False,
        wait_for_completion: bool = False,
        poke_interval: float = _POLL_S,
        allowed_states: Sequence[str] | None = None,
        failed_states: Sequence[str] | None = None,
        skip_when_already_exists: bool = False,
        fail_when_dag_is_paused: bool = False,
        note: str | None = None,
        deferrable: bool = False,
        **kwargs: Any,
    ) -> None:
        logical_date = kwargs.pop("execution_date", logical_date)
        kwargs.pop("openlineage_inject_parent_info", None)
        super().__init__(**kwargs)
        self.trigger_dag_id = trigger_dag_id
        self.trigger_run_id = trigger_run_id
        self.conf = conf
        self.logical_date = logical_date
        self.run_after = run_after
        self.reset_dag_run = reset_dag_run
        self.wait_for_completion = wait_for_completion
        self.poke_interval = poke_interval
        self.allowed_states = [str(s) for s in allowed_states or ("success",)]
        self.failed_states = [str(s) for s in failed_states or ("failed",)]
        self.skip_when_already_exists = skip_when_already_exists
        self.fail_when_dag_is_paused = fail_when_dag_is_paused
        self.note = note
        self.deferrable = deferrable

    def execute(self, context: Any) -> None:
        """Start the run, and wait for it if asked.

        Raises:
            DagRunAlreadyExists: there is such a run, and it is neither reset nor skipped.
            AirflowSkipException: there is such a run, and that means skipped.
            AirflowException: the run came to one of the failed states.
        """
        run_id = self._trigger()
        context["ti"].xcom_push(key=XCOM_RUN_ID, value=run_id)
        if not self.wait_for_completion:
            return
        if self.deferrable:
            self.defer(
                trigger=DagStateTrigger(
                    dag_id=self.trigger_dag_id,
                    run_ids=[run_id],
                    states=[*self.allowed_states, *self.failed_states],
                    poll_interval=self.poke_interval,
                ),
                method_name="execute_complete",
                kwargs={"run_id": run_id},
            )
        while not self._has_ended(self._state_of(run_id)):
            current.waiter().wait(self.poke_interval)

    def execute_complete(self, context: Any, event: Any = None, run_id: str = "") -> None:
        """Go on when the run has ended."""
        del context, event
        self._has_ended(self._state_of(run_id))

    def _trigger(self) -> str:
        call = TriggerRun(
            dag_id=self.trigger_dag_id,
            run_id=self.trigger_run_id or None,
            conf=self._conf(),
            logical_date=_time("logical_date", self.logical_date),
            run_after=_time("run_after", self.run_after),
            reset=self.reset_dag_run,
            fail_when_paused=self.fail_when_dag_is_paused,
            note=self.note,
        )
        try:
            run_id: str = runtime.call(call)["run_id"]
        except AlreadyExists as error:
            if self.skip_when_already_exists:
                raise AirflowSkipException(str(error)) from None
            raise DagRunAlreadyExists(
                f"{error}. Set reset_dag_run=True to run it again, or"
                " skip_when_already_exists=True to skip this task then"
            ) from None
        self.log.info("started run %s of DAG %s", run_id, self.trigger_dag_id)
        return run_id

    def _conf(self) -> dict[str, Any]:
        conf = json.loads(self.conf) if isinstance(self.conf, str) and self.conf else self.conf
        try:
            json.dumps(conf)
        except (TypeError, ValueError) as error:
            raise AirflowException(f"conf must be something that JSON knows: {error}") from None
        return dict(conf or {})

    def _state_of(self, run_id: str) -> str | None:
        call = GetRunStates(dag_id=self.trigger_dag_id, run_ids=(run_id,))
        state: str | None = runtime.call(call)["runs"].get(run_id)
        return state

    def _has_ended(self, state: str | None) -> bool:
        name = self.trigger_dag_id
        if state is None:
            raise AirflowException(f"the run of DAG {name!r} is not there any more")
        if state in self.failed_states:
            raise AirflowException(f"the run of DAG {name!r} came to the state {state}")
        if state in self.allowed_states:
            self.log.info("the run of DAG %s came to the state %s", name, state)
            return True
        self.log.info("the run of DAG %s is %s", name, state)
        return False


def _time(name: str, value: str | datetime | None) -> datetime | None:
    """Return a time given as such or as text; text that renders to nothing is none."""
    if value is None or (isinstance(value, str) and value in {"", "None"}):
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise AirflowException(f"{name}: {value!r} is no ISO time") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
