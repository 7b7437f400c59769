from __future__ import annotations

from tests.unit.engine.runner import Answer, Runner
from tradewind.model.outcome import Failed, SkippedBy, Succeeded
from tradewind.model.run import TaskInstance
from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.model.state import RunState, TriggerRule


def bracket(*, fail_dagrun: bool = False) -> DagSpec:
    return DagSpec(
        dag_id="d",
        tasks=(
            TaskSpec(task_id="up", is_setup=True),
            TaskSpec(task_id="first", upstream=(0,)),
            TaskSpec(task_id="second", upstream=(1,), trigger_rule=TriggerRule.ALL_DONE),
            TaskSpec(task_id="always", upstream=(1,), trigger_rule=TriggerRule.ALWAYS),
            TaskSpec(
                task_id="down",
                upstream=(0, 2, 3),
                is_teardown=True,
                on_failure_fail_dagrun=fail_dagrun,
                trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS,
            ),
        ),
    )


def run(spec: DagSpec, **outcomes: Failed | SkippedBy) -> tuple[dict[str, str], RunState]:
    runner = Runner(spec)

    def answer(ti: TaskInstance) -> Answer:
        return outcomes.get(ti.task_id, Succeeded()), None

    return runner.run(answer), runner.live.run.state


def test_a_failed_indirect_setup_overrides_every_rule_but_always() -> None:
    states, _ = run(bracket(), up=Failed(error="no"))
    assert states == {
        "up": "failed",
        "first": "upstream_failed",
        "second": "upstream_failed",
        "always": "success",
        "down": "upstream_failed",
    }


def test_a_skipped_setup_skips_its_teardown() -> None:
    states, state = run(bracket(), up=SkippedBy())
    assert (states["second"], states["down"]) == ("skipped", "skipped")
    assert state is RunState.SUCCESS


def test_a_failed_teardown_does_not_fail_the_run_unless_it_says_so() -> None:
    assert run(bracket(), down=Failed(error="no"))[1] is RunState.SUCCESS
    assert run(bracket(fail_dagrun=True), down=Failed(error="no"))[1] is RunState.FAILED


def test_failed_work_fails_the_run_with_either_kind_of_teardown() -> None:
    for fail_dagrun in (False, True):
        states, state = run(bracket(fail_dagrun=fail_dagrun), second=Failed(error="no"))
        assert (states["down"], state) == ("success", RunState.FAILED)
