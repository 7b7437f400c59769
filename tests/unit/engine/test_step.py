from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.engine.runner import NOW, Answer, Runner
from tradewind.engine.machine import RUN_MOVES, TASK_MOVES
from tradewind.model.event import (
    Admitted,
    Cancel,
    Cleared,
    Marked,
    Past,
    PastChanged,
    PastTask,
    Reported,
    Started,
    TriggerReported,
)
from tradewind.model.ids import AttemptId, TaskKey
from tradewind.model.outcome import (
    Deferred,
    Failed,
    Rescheduled,
    SkippedBy,
    Succeeded,
    TriggerFired,
    Vanished,
)
from tradewind.model.run import TaskInstance
from tradewind.model.spec import (
    DagSpec,
    ExpandSpec,
    GroupSpec,
    MapLiteral,
    MapXCom,
    TaskSpec,
)
from tradewind.model.state import RunState, TaskState, TriggerRule

A, B = TaskKey("a"), TaskKey("b")


def dag(*tasks: TaskSpec, **fields: object) -> DagSpec:
    return DagSpec(dag_id="d", tasks=tasks, **fields)  # type: ignore[arg-type]


def chain(count: int) -> DagSpec:
    return dag(*(TaskSpec(task_id=f"t{i}", upstream=(i - 1,) if i else ()) for i in range(count)))


def test_a_chain_succeeds_in_order() -> None:
    runner = Runner(chain(5))
    assert set(runner.run().values()) == {"success"}
    assert runner.live.run.state is RunState.SUCCESS


def test_a_failure_fails_what_is_below_and_the_run() -> None:
    runner = Runner(chain(3))
    states = runner.run(lambda _: (Failed(error="no"), None))
    assert states == {"t0": "failed", "t1": "upstream_failed", "t2": "upstream_failed"}
    assert runner.live.run.state is RunState.FAILED


def test_retries_wait_and_then_succeed() -> None:
    runner = Runner(dag(TaskSpec(task_id="a", retries=2, retry_delay_s=60)))

    def answer(ti: TaskInstance) -> Answer:
        return (Failed(error="no") if ti.try_number < 3 else Succeeded(), None)

    assert runner.run(answer) == {"a": "success"}
    assert runner.live.get(A).try_number == 3
    assert runner.now == NOW + timedelta(seconds=120)


def test_an_error_that_is_not_retryable_is_not_retried() -> None:
    runner = Runner(dag(TaskSpec(task_id="a", retries=2)))
    assert runner.run(lambda _: (Failed(error="no", retryable=False), None)) == {"a": "failed"}


def test_a_loss_before_the_start_costs_no_retry() -> None:
    runner = Runner(dag(TaskSpec(task_id="a")))
    runner.tell(Started())
    runner.admit()
    runner.finish(A, Vanished(reason="the host died", before_start=True))
    ti = runner.live.get(A)
    assert (ti.state, ti.try_number, ti.infra_losses) == (TaskState.SCHEDULED, 1, 1)


def test_losses_before_the_start_are_bounded() -> None:
    runner = Runner(dag(TaskSpec(task_id="a")))
    assert runner.run(lambda _: (Vanished(reason="gone", before_start=True), None)) == {
        "a": "failed"
    }
    assert runner.live.get(A).infra_losses == 3


def test_a_rescheduled_task_keeps_its_try() -> None:
    runner = Runner(dag(TaskSpec(task_id="a")))
    later = NOW + timedelta(minutes=5)
    pokes: list[int] = []

    def answer(ti: TaskInstance) -> Answer:
        pokes.append(ti.try_number)
        return (Rescheduled(at=later) if len(pokes) == 1 else Succeeded(), None)

    assert runner.run(answer) == {"a": "success"}
    assert pokes == [1, 1]
    assert runner.now == later


def test_a_deferred_task_goes_on_when_its_trigger_fires() -> None:
    runner = Runner(dag(TaskSpec(task_id="a")))
    runner.tell(Started())
    runner.admit()
    runner.finish(A, Deferred(trigger="t", kwargs=b"{}", next_method="m", next_kwargs=b"{}"))
    fence = runner.live.get(A).fence
    runner.tell(TriggerReported(key=A, fence=fence - 1, result=TriggerFired(payload=b"1")))
    assert runner.live.get(A).state is TaskState.DEFERRED
    runner.tell(TriggerReported(key=A, fence=fence, result=TriggerFired(payload=b"1")))
    assert runner.live.get(A).state is TaskState.SCHEDULED
    assert runner.live.get(A).try_number == 1


def test_reports_of_an_attempt_that_is_not_current_change_nothing() -> None:
    runner = Runner(dag(TaskSpec(task_id="a")))
    runner.tell(Started())
    runner.admit()
    decided = runner.tell(
        Reported(key=A, attempt_id=AttemptId("another"), outcome=Failed(error="late"))
    )
    assert decided.changes == ()
    assert runner.live.get(A).state is TaskState.RUNNING


def test_a_task_is_admitted_once() -> None:
    runner = Runner(dag(TaskSpec(task_id="a")))
    runner.tell(Started())
    runner.tell(Admitted(A, AttemptId("one")))
    assert runner.tell(Admitted(A, AttemptId("two"))).changes == ()
    assert runner.live.get(A).attempt_id == "one"


def test_a_branch_skips_what_it_did_not_choose_whatever_its_rule() -> None:
    tasks = (
        TaskSpec(task_id="branch", can_skip_downstream=True),
        TaskSpec(task_id="left", upstream=(0,)),
        TaskSpec(task_id="join", upstream=(0, 1), trigger_rule=TriggerRule.ALL_DONE),
    )
    states = Runner(dag(*tasks)).run(lambda ti: (_choose(ti), None))
    assert states == {"branch": "success", "left": "success", "join": "skipped"}


def _choose(ti: TaskInstance) -> Succeeded:
    return Succeeded(skip=("join",)) if ti.task_id == "branch" else Succeeded()


def test_a_short_circuit_skips_everything_below() -> None:
    spec = dag(
        TaskSpec(task_id="gate", can_skip_downstream=True),
        TaskSpec(task_id="b", upstream=(0,)),
        TaskSpec(task_id="c", upstream=(1,), trigger_rule=TriggerRule.ALL_DONE),
    )
    states = Runner(spec).run(lambda _: (Succeeded(skip_all_downstream=True), None))
    assert states == {"gate": "success", "b": "skipped", "c": "skipped"}


def test_mapping_over_an_upstream_value() -> None:
    spec = dag(
        TaskSpec(task_id="a"),
        TaskSpec(task_id="m", upstream=(0,), expand=ExpandSpec(sources=(("x", MapXCom(0)),))),
        TaskSpec(task_id="z", upstream=(1,)),
    )
    runner = Runner(spec)
    states = runner.run(lambda ti: (Succeeded(), 3 if ti.task_id == "a" else None))
    assert states == {
        "a": "success",
        "m[0]": "success",
        "m[1]": "success",
        "m[2]": "success",
        "z": "success",
    }
    assert runner.live.map_levels(TaskKey("m", 2)) == [(None, {"x": 3}, 2)]


def test_mapping_over_nothing_skips() -> None:
    spec = dag(TaskSpec(task_id="m", expand=ExpandSpec(sources=(("x", MapLiteral(0)),))))
    assert Runner(spec).run() == {"m": "skipped"}


def test_a_cross_product() -> None:
    sources = (("x", MapLiteral(2)), ("y", MapLiteral(3)))
    runner = Runner(dag(TaskSpec(task_id="m", expand=ExpandSpec(sources=sources))))
    assert len(runner.run()) == 6


def test_a_mapped_group_depends_index_by_index() -> None:
    spec = dag(
        TaskSpec(task_id="a"),
        TaskSpec(task_id="g.m", group_id="g", upstream=(0,)),
        TaskSpec(task_id="g.n", group_id="g", upstream=(1,)),
        groups=(GroupSpec(group_id="g", expand=ExpandSpec(sources=(("x", MapXCom(0)),))),),
    )
    runner = Runner(spec)

    def answer(ti: TaskInstance) -> Answer:
        failed = ti.in_run == TaskKey("g.m", 1)
        return (Failed(error="no") if failed else Succeeded(), 3 if ti.task_id == "a" else None)

    states = runner.run(answer)
    assert states["g.n[0]"] == states["g.n[2]"] == "success"
    assert states["g.n[1]"] == "upstream_failed"
    assert runner.live.upstream_indexes(TaskKey("g.n", 2)) == {"g.m": (2,)}


def test_a_teardown_runs_after_a_failure_and_the_run_fails() -> None:
    spec = dag(
        TaskSpec(task_id="up", is_setup=True),
        TaskSpec(task_id="work", upstream=(0,)),
        TaskSpec(
            task_id="down",
            upstream=(0, 1),
            is_teardown=True,
            trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS,
        ),
    )
    runner = Runner(spec)
    states = runner.run(
        lambda ti: (Failed(error="no") if ti.task_id == "work" else Succeeded(), None)
    )
    assert states == {"up": "success", "work": "failed", "down": "success"}
    assert runner.live.run.state is RunState.FAILED


def test_a_clear_stops_the_attempt_and_runs_it_again() -> None:
    runner = Runner(chain(2))
    runner.tell(Started())
    runner.admit()
    old = runner.live.get(TaskKey("t0")).attempt_id
    decided = runner.tell(Cleared(keys=(TaskKey("t0"),)))
    assert [e.attempt_id for e in decided.effects if isinstance(e, Cancel)] == [old]
    assert runner.live.get(TaskKey("t0")).state is TaskState.RESTARTING
    runner.finish(TaskKey("t0"), Succeeded())
    assert runner.live.get(TaskKey("t0")).state is TaskState.SCHEDULED


def test_a_clear_of_a_finished_run_queues_it() -> None:
    runner = Runner(chain(2))
    runner.run()
    runner.tell(Cleared(keys=(TaskKey("t1"),)))
    assert runner.live.run.state is RunState.QUEUED
    assert runner.live.run.clear_number == 1
    assert set(runner.run().values()) == {"success"}


def test_a_mark_lets_what_is_below_go_on() -> None:
    runner = Runner(chain(2))
    runner.tell(Started())
    runner.admit()
    runner.tell(Marked(keys=(TaskKey("t0"),), state=TaskState.SUCCESS))
    assert runner.live.get(TaskKey("t1")).state is TaskState.SCHEDULED


def test_depends_on_past_waits_for_the_run_before() -> None:
    runner = Runner(dag(TaskSpec(task_id="a", depends_on_past=True)))
    runner.past = Past(
        exists=True, tasks={"a": PastTask(state=TaskState.FAILED, downstream_done=True)}
    )
    runner.tell(Started())
    assert runner.live.get(A).state is TaskState.NONE
    runner.past = Past(
        exists=True, tasks={"a": PastTask(state=TaskState.SUCCESS, downstream_done=True)}
    )
    runner.tell(PastChanged(task_ids=("a",)))
    assert runner.live.get(A).state is TaskState.SCHEDULED


def test_tasks_without_work_succeed_in_one_step() -> None:
    spec = dag(
        *(TaskSpec(task_id=f"t{i}", upstream=(i - 1,) if i else (), no_op=True) for i in range(50))
    )
    runner = Runner(spec)
    runner.tell(Started())
    assert runner.live.run.state is RunState.SUCCESS


def test_a_dagrun_timeout_fails_the_run() -> None:
    runner = Runner(dag(TaskSpec(task_id="a"), dagrun_timeout_s=60.0))
    runner.tell(Started())
    runner.admit()
    runner.now = NOW + timedelta(seconds=61)
    runner.tell()
    assert runner.live.run.state is RunState.FAILED


def test_fail_fast_stops_the_rest() -> None:
    runner = Runner(dag(TaskSpec(task_id="a"), TaskSpec(task_id="b"), fail_fast=True))
    runner.tell(Started())
    runner.admit()
    decided = runner.finish(A, Failed(error="no"))
    assert any(isinstance(effect, Cancel) for effect in decided.effects)
    assert runner.live.run.state is RunState.FAILED


@pytest.mark.parametrize("outcome", [Succeeded(), SkippedBy(), Failed(error="no")])
def test_every_change_is_a_legal_move(outcome: object) -> None:
    runner = Runner(chain(4))
    runner.run(lambda _: (outcome, None))  # type: ignore[arg-type, return-value]
    for decided in runner.steps:
        for change in decided.changes:
            assert (change.before.state, change.after.state) in TASK_MOVES
        if decided.run_change is not None:
            run_change = decided.run_change
            assert (run_change.before.state, run_change.after.state) in RUN_MOVES


def test_parallelism_and_pools_bound_what_is_admitted() -> None:
    spec = dag(*(TaskSpec(task_id=f"t{i}") for i in range(9)))
    runner = Runner(spec, parallelism=4)
    runner.tell(Started())
    assert len(runner.admit()) == 4
    assert runner.admit() == []
    runner = Runner(spec, slots=3)
    runner.tell(Started())
    assert len(runner.admit()) == 3
    waiting = next(ti.in_run for ti in runner.live.instances() if ti.state == "scheduled")
    blocked = runner.admission.why(runner.live, waiting)
    assert blocked is not None
    assert blocked.code == "pool_full"


def test_an_unknown_pool_is_named() -> None:
    runner = Runner(dag(TaskSpec(task_id="a", pool="nowhere")))
    runner.tell(Started())
    assert runner.admit() == []
    blocked = runner.admission.why(runner.live, A)
    assert blocked is not None
    assert "nowhere" in blocked.text
