from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.unit.engine.runner import NOW, Runner
from tradewind.engine.explain import explain
from tradewind.engine.graph import Graph
from tradewind.engine.live import LiveRun
from tradewind.engine.plan import Selection, selected, to_mark, to_resume
from tradewind.model.event import Cleared, Past, PastTask, RunMarked, Started, Ticked
from tradewind.model.ids import TaskKey
from tradewind.model.outcome import Failed, Succeeded
from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.model.state import RunState, TaskState, TriggerRule

A, B, C = TaskKey("a"), TaskKey("b"), TaskKey("c")
CHAIN = DagSpec(
    dag_id="d",
    tasks=(
        TaskSpec(task_id="a", retries=1),
        TaskSpec(task_id="b", upstream=(0,)),
        TaskSpec(task_id="c", upstream=(1,)),
    ),
)


def codes(runner: Runner, key: TaskKey) -> list[str]:
    found = explain(runner.live, key, runner.admission, runner.past, runner.now)
    return [blocked.code for blocked in found]


def test_a_clear_counts_tries_on_and_grants_the_retries_anew() -> None:
    runner = Runner(CHAIN)
    runner.run()
    runner.tell(Cleared(keys=(A,)))
    ti = runner.live.get(A)
    assert (ti.try_number, ti.max_tries, ti.started_at) == (1, 2, None)


def test_a_task_without_a_slot_waits_again_when_its_upstream_is_cleared() -> None:
    runner = Runner(CHAIN)
    runner.tell(Started())
    runner.admit()
    runner.finish(A, Succeeded())
    assert runner.live.get(B).state is TaskState.SCHEDULED
    runner.tell(Cleared(keys=(A,)))
    assert (runner.live.get(B).state, runner.live.get(B).try_number) == (TaskState.NONE, 0)
    assert set(runner.run().values()) == {"success"}


def test_a_cleared_attempt_that_does_not_end_is_given_up_in_time() -> None:
    runner = Runner(CHAIN)
    runner.tell(Started())
    runner.admit()
    wake_at = runner.tell(Cleared(keys=(A,))).wake_at
    assert codes(runner, A) == ["restarting"]
    assert wake_at is not None
    runner.now = wake_at
    runner.tell(Ticked())
    assert runner.live.get(A).state is TaskState.SCHEDULED


def test_what_a_branch_skipped_is_skipped_again_when_only_it_is_cleared() -> None:
    spec = DagSpec(
        dag_id="d",
        tasks=(
            TaskSpec(task_id="a", can_skip_downstream=True),
            TaskSpec(task_id="b", upstream=(0,)),
        ),
    )
    runner = Runner(spec)
    runner.run(lambda _: (Succeeded(skip=("b",)), None))
    runner.tell(Cleared(keys=(B,)))
    assert runner.run()["b"] == "skipped"


def test_a_clear_on_a_newer_version_reconciles_the_tasks() -> None:
    runner = Runner(CHAIN)
    runner.run()
    newer = DagSpec(dag_id="d", tasks=(CHAIN.tasks[0], TaskSpec(task_id="new", upstream=(0,))))
    rows = list(runner.live.instances())
    runner.live = LiveRun.load(Graph.build(newer), runner.live.run, rows)
    runner.tell(Cleared(keys=(A,)))
    assert runner.run() == {"a": "success", "new": "success"}
    assert runner.live.get(B).state is TaskState.REMOVED


def test_a_run_marked_failed_stops_what_runs_and_skips_what_waits() -> None:
    runner = Runner(CHAIN)
    runner.tell(Started())
    runner.admit()
    decided = runner.tell(RunMarked(state=RunState.FAILED))
    assert len(decided.effects) == 1
    assert runner.states() == {"a": "failed", "b": "skipped", "c": "skipped"}
    assert runner.live.run.state is RunState.FAILED


def test_a_task_that_starts_after_the_logical_date_has_no_instance() -> None:
    late = replace(CHAIN.tasks[0], start_date=NOW + timedelta(days=1))
    runner = Runner(DagSpec(dag_id="d", tasks=(late, TaskSpec(task_id="b", upstream=(0,)))))
    assert runner.run() == {"b": "success"}
    empty = Runner(DagSpec(dag_id="d", tasks=(late,)))
    assert empty.run() == {}
    assert empty.live.run.state is RunState.SUCCESS


def test_every_wait_has_a_reason() -> None:
    runner = Runner(CHAIN, parallelism=0)
    assert runner.live.find(A) is None
    runner.tell(Started())
    assert codes(runner, A) == ["parallelism"]
    assert codes(runner, B) == ["upstream"]
    runner = Runner(CHAIN)
    runner.tell(Started())
    assert codes(runner, A) == ["next"]
    runner.admit()
    assert codes(runner, A) == []
    runner.finish(A, Failed(error="no"))
    assert codes(runner, A) == ["up_for_retry"]


def test_waiting_for_the_past_names_the_way_out() -> None:
    spec = DagSpec(dag_id="d", tasks=(TaskSpec(task_id="a", depends_on_past=True),))
    runner = Runner(spec)
    failed = PastTask(state=TaskState.FAILED, downstream_done=False)
    runner.past = Past(exists=True, tasks={"a": failed})
    runner.tell(Started())
    [blocked] = explain(runner.live, A, runner.admission, runner.past)
    assert blocked.code == "depends_on_past"
    assert "failed in the previous run" in blocked.text
    assert "mark it success" in blocked.text


@pytest.mark.parametrize("well", [True, False])
def test_a_skip_waits_for_the_past_when_told_to(*, well: bool) -> None:
    waits = TaskSpec(
        task_id="b",
        upstream=(0,),
        depends_on_past=True,
        wait_for_past_depends_before_skipping=True,
        trigger_rule=TriggerRule.ALL_FAILED,
    )
    runner = Runner(DagSpec(dag_id="d", tasks=(TaskSpec(task_id="a"), waits)))
    ended = TaskState.SUCCESS if well else TaskState.FAILED
    runner.past = Past(exists=True, tasks={"b": PastTask(state=ended, downstream_done=True)})
    assert runner.run()["b"] == ("skipped" if well else "none")


def test_a_clear_takes_the_setups_and_teardowns_of_its_work_along() -> None:
    tasks = (
        TaskSpec(task_id="up", is_setup=True),
        TaskSpec(task_id="work", upstream=(0,)),
        TaskSpec(task_id="down", upstream=(0, 1), is_teardown=True),
    )
    runner = Runner(DagSpec(dag_id="d", tasks=tasks))
    runner.run()
    only_work = Selection(task_ids=("work",))
    assert [str(k) for k in selected(runner.live, only_work)] == ["up", "work", "down"]
    assert to_mark(runner.live, only_work, TaskState.FAILED) == (TaskKey("work"),)


def test_a_mark_says_what_to_clear_so_that_the_run_goes_on() -> None:
    runner = Runner(CHAIN)
    runner.run(lambda ti: (Failed(error="no", retryable=ti.task_id != "b"), None))
    assert to_resume(runner.live, (A,)) == (B, C)
