"""How a run ends: its leaves count, whatever failed above them."""

from __future__ import annotations

from tests.unit.engine.runner import Runner
from tradewind.engine.explain import explain
from tradewind.model.event import Started
from tradewind.model.ids import TaskKey
from tradewind.model.outcome import Failed, SkippedBy, Succeeded
from tradewind.model.spec import DagSpec, ExpandSpec, MapXCom, TaskSpec
from tradewind.model.state import RunState, TaskState, TriggerRule

A, B, C = TaskKey("a"), TaskKey("b"), TaskKey("c")


def started(*tasks: TaskSpec, **fields: bool) -> Runner:
    runner = Runner(DagSpec(dag_id="d", tasks=tasks, **fields))  # type: ignore[arg-type]
    runner.tell(Started())
    runner.admit()
    return runner


def states(runner: Runner) -> dict[str, str]:
    return {ti.task_id: ti.state.value for ti in runner.live.instances()}


def test_a_failure_above_a_leaf_that_succeeds_is_forgiven() -> None:
    runner = started(
        TaskSpec(task_id="a"),
        TaskSpec(task_id="b", upstream=(0,), trigger_rule=TriggerRule.ALL_DONE),
    )
    runner.finish(A, Failed(error="no"))
    runner.admit()
    runner.finish(B, Succeeded())
    assert states(runner) == {"a": "failed", "b": "success"}
    assert runner.live.run.state is RunState.SUCCESS


def test_leaves_that_are_all_skipped_are_a_success() -> None:
    runner = started(TaskSpec(task_id="a"), TaskSpec(task_id="b", upstream=(0,)))
    runner.finish(A, SkippedBy())
    assert states(runner) == {"a": "skipped", "b": "skipped"}
    assert runner.live.run.state is RunState.SUCCESS


def test_a_run_that_fails_fast_ends_as_its_leaves_do() -> None:
    runner = started(
        TaskSpec(task_id="a"),
        TaskSpec(task_id="b"),
        TaskSpec(task_id="c", upstream=(0, 1)),
        fail_fast=True,
    )
    runner.finish(A, Failed(error="no"))
    # What ran is failed, what waited is skipped; the one leaf waited.
    assert states(runner) == {"a": "failed", "b": "failed", "c": "skipped"}
    assert runner.live.run.state is RunState.SUCCESS


def test_all_success_takes_the_state_of_whichever_upstream_ended_first() -> None:
    tasks = (
        TaskSpec(task_id="a"),
        TaskSpec(task_id="b"),
        TaskSpec(task_id="c", upstream=(0, 1)),
    )
    skipped_first = started(*tasks)
    skipped_first.finish(A, SkippedBy())
    assert skipped_first.live.get(C).state is TaskState.SKIPPED
    skipped_first.finish(B, Failed(error="no"))
    assert states(skipped_first)["c"] == "skipped"
    failed_first = started(*tasks)
    failed_first.finish(B, Failed(error="no"))
    assert failed_first.live.get(C).state is TaskState.UPSTREAM_FAILED
    failed_first.finish(A, SkippedBy())
    assert states(failed_first)["c"] == "upstream_failed"


def test_a_rule_that_can_never_hold_skips_and_says_so() -> None:
    runner = started(
        TaskSpec(task_id="a"),
        TaskSpec(task_id="b", upstream=(0,), trigger_rule=TriggerRule.ALL_SKIPPED),
    )
    runner.finish(A, Succeeded())
    ti = runner.live.get(B)
    assert (ti.state, ti.reason) == (
        TaskState.SKIPPED,
        "all_skipped: its upstreams ended otherwise",
    )
    assert explain(runner.live, B, runner.admission, runner.past) == ()
    assert runner.live.run.state is RunState.SUCCESS


def test_all_skipped_does_not_wait_for_what_was_removed() -> None:
    over = ExpandSpec(sources=(("x", MapXCom(0)),))
    runner = started(
        TaskSpec(task_id="a"),
        TaskSpec(task_id="b", upstream=(0,), expand=over),
        TaskSpec(task_id="c", upstream=(1,), trigger_rule=TriggerRule.ALL_SKIPPED),
    )
    runner.finish(A, Succeeded(), 2)
    for key in runner.admit():
        runner.finish(key, SkippedBy())
    # The placeholder of "b" was removed when its instances came.
    assert runner.live.get(B).state is TaskState.REMOVED
    assert runner.live.get(C).state is TaskState.SCHEDULED
