"""Listeners of the deployment are owed word of the states that they listen to."""

from __future__ import annotations

from tests.unit.engine.runner import Runner
from tradewind.model.event import CallBack, Cleared
from tradewind.model.ids import TaskKey
from tradewind.model.outcome import Failed, Succeeded
from tradewind.model.spec import DagSpec, TaskSpec


def owed(runner: Runner) -> list[tuple[str, str | None]]:
    return [
        (effect.kind, effect.reason)
        for decided in runner.steps
        for effect in decided.effects
        if isinstance(effect, CallBack)
    ]


def a_dag(*listeners: str) -> DagSpec:
    return DagSpec(dag_id="d", tasks=(TaskSpec(task_id="a"),), run_listeners=listeners)


def test_each_state_that_is_listened_to_is_told_once_in_order() -> None:
    runner = Runner(a_dag("running", "success", "failed"))
    runner.run(lambda _: (Failed(error="no", retryable=False), None))
    assert owed(runner) == [("run_running", None), ("run_failed", "a failed")]
    runner.steps.clear()
    runner.tell(Cleared(keys=(TaskKey("a"),)))
    runner.run(lambda _: (Succeeded(), None))
    assert owed(runner) == [("run_running", None), ("run_success", None)]


def test_what_nobody_listens_to_is_not_told() -> None:
    runner = Runner(a_dag("failed"))
    runner.run(lambda _: (Succeeded(), None))
    assert owed(runner) == []
