from __future__ import annotations

from collections import Counter

import pytest

from tests.unit.engine.runner import NOW
from tradewind.engine.admit import Admission, Capacity
from tradewind.engine.graph import Graph
from tradewind.engine.live import LiveRun
from tradewind.engine.step import step
from tradewind.model.event import Admitted, Marked, Started
from tradewind.model.ids import AttemptId, TaskKey, TiKey
from tradewind.model.run import Pool, Run
from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.model.state import RunState, RunType, TaskState


class Town:
    """Several runs and one admission."""

    def __init__(self, parallelism: int = 32, **slots: int) -> None:
        self.pools = {"default_pool": 128, **slots}
        self.runs: dict[int, LiveRun] = {}
        self.admission = Admission()
        self.capacity(parallelism)

    def capacity(self, parallelism: int, executors: dict[str, int | None] | None = None) -> None:
        self.admission.set_capacity(
            Capacity(
                pools={name: Pool(name=name, slots=n) for name, n in self.pools.items()},
                executors=executors or {"LocalExecutor": None},
                parallelism=parallelism,
                default_executor="LocalExecutor",
            )
        )

    def add(self, run_pk: int, *tasks: TaskSpec, max_active_tasks: int = 100) -> LiveRun:
        dag_id = f"d{run_pk}"
        spec = DagSpec(dag_id=dag_id, tasks=tasks, max_active_tasks=max_active_tasks)
        run = Run(
            run_pk=run_pk,
            dag_id=dag_id,
            run_id="r",
            run_type=RunType.MANUAL,
            state=RunState.QUEUED,
            version_id=1,
            run_after=NOW,
        )
        live = self.runs[run_pk] = LiveRun.load(Graph.build(spec), run, [])
        step(live, [Started()], NOW)
        self.admission.load(live)
        return live

    def take(self, limit: int = 100) -> list[TiKey]:
        chosen = self.admission.admit(limit)
        assert self.admission.admit(limit) == chosen
        for ti in chosen:
            live = self.runs[ti.run_pk]
            attempt = AttemptId(f"{ti}")
            self.admission.observe(live, step(live, [Admitted(ti.in_run, attempt)], NOW).changes)
        return chosen

    def end(self, ti: TiKey) -> None:
        live = self.runs[ti.run_pk]
        event = Marked(keys=(ti.in_run,), state=TaskState.SUCCESS)
        self.admission.observe(live, step(live, [event], NOW).changes)

    def why(self, run_pk: int, task_id: str) -> str | None:
        blocked = self.admission.why(self.runs[run_pk], TaskKey(task_id))
        return blocked.code if blocked else None


def tasks(count: int, prefix: str = "t", **fields: object) -> tuple[TaskSpec, ...]:
    return tuple(
        TaskSpec(task_id=f"{prefix}{i}", **fields)  # type: ignore[arg-type]
        for i in range(count)
    )


def test_a_full_pool_holds_up_nobody_else() -> None:
    town = Town(small=1)
    town.add(1, *tasks(50, pool="small", priority_weight=99))
    town.add(2, *tasks(3))
    assert Counter(ti.run_pk for ti in town.take()) == {1: 1, 2: 3}
    assert town.why(1, "t7") == "pool_full"
    assert town.admission.occupied() == {"small": 1, "default_pool": 3}


def test_one_huge_run_with_huge_weights_never_starves_a_small_one() -> None:
    town = Town(parallelism=4)
    town.add(1, *tasks(400, priority_weight=1000))
    town.add(2, *tasks(5))
    served: list[int] = []
    waiting = town.take()
    while len(served) < 40:
        served.extend(ti.run_pk for ti in waiting)
        for ti in waiting:
            town.end(ti)
        waiting = town.take()
    assert served.count(2) == 5


def test_priority_goes_first_in_a_run() -> None:
    town = Town(parallelism=2)
    town.add(1, TaskSpec(task_id="low"), TaskSpec(task_id="high", priority_weight=5))
    assert [ti.task_id for ti in town.take(1)] == ["high"]


def test_runs_of_equal_priority_take_turns() -> None:
    town = Town(parallelism=6)
    for run_pk in (1, 2, 3):
        town.add(run_pk, *tasks(9))
    assert Counter(ti.run_pk for ti in town.take()) == {1: 2, 2: 2, 3: 2}


@pytest.mark.parametrize(
    ("fields", "limit", "code"),
    [
        ({"max_active_tis_per_dag": 2}, 2, "max_active_tis_per_dag"),
        ({"max_active_tis_per_dagrun": 1}, 1, "max_active_tis_per_dagrun"),
    ],
)
def test_a_tasks_own_limits(fields: dict[str, int], limit: int, code: str) -> None:
    town = Town()
    live = town.add(1, TaskSpec(task_id="a", **fields), TaskSpec(task_id="b"))  # type: ignore[arg-type]
    limiters = town.admission._runs[live.run.run_pk].entries[TaskKey("a")].lane.limiters
    own = limiters[-1]
    own.use(limit)
    assert [ti.task_id for ti in town.take()] == ["b"]
    assert town.why(1, "a") == code
    own.give_back(1)
    assert [ti.task_id for ti in town.take()] == ["a"]


def test_max_active_tasks_counts_the_run() -> None:
    town = Town()
    town.add(1, *tasks(5), max_active_tasks=2)
    first = town.take()
    assert len(first) == 2
    assert town.why(1, "t4") == "max_active_tasks"
    town.end(first[0])
    assert len(town.take()) == 1


def test_a_task_of_several_slots_waits_until_they_are_free() -> None:
    town = Town(small=3)
    town.add(1, TaskSpec(task_id="big", pool="small", pool_slots=3, priority_weight=9))
    town.add(2, *tasks(1, pool="small"))
    assert [ti.task_id for ti in town.take()] == ["big"]
    assert town.why(2, "t0") == "pool_full"
    town.add(3, TaskSpec(task_id="huge", pool="small", pool_slots=4))
    assert town.why(3, "huge") == "pool_too_small"


def test_executors_and_unknown_names() -> None:
    town = Town()
    town.capacity(32, {"LocalExecutor": 1})
    town.add(1, *tasks(2), TaskSpec(task_id="x", executor="Nope"), TaskSpec(task_id="y", pool="no"))
    assert len(town.take()) == 1
    codes = [town.why(1, "t1"), town.why(1, "x"), town.why(1, "y")]
    assert codes == ["executor_full", "unknown_executor", "unknown_pool"]
    town.capacity(32, {"LocalExecutor": 1, "Nope": 5})
    assert [ti.task_id for ti in town.take()] == ["x"]


def test_a_paused_dag_starts_nothing() -> None:
    town = Town()
    town.add(1, *tasks(1))
    town.admission.pause("d1", paused=True)
    assert town.take() == []
    assert town.why(1, "t0") == "paused"
    town.admission.pause("d1", paused=False)
    assert len(town.take()) == 1


def test_a_forgotten_run_gives_back_what_it_held() -> None:
    town = Town(parallelism=2)
    town.add(1, *tasks(5))
    town.add(2, *tasks(5))
    town.take()
    town.admission.forget(1)
    town.admission.forget(2)
    assert (town.admission.occupied(), town.admission.waiting()) == ({}, 0)
