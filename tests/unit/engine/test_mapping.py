from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.engine.runner import Answer, Runner
from tradewind.engine.live import LiveRun
from tradewind.model.event import Cleared, Started
from tradewind.model.ids import TaskKey
from tradewind.model.outcome import Failed, SkippedBy, Succeeded
from tradewind.model.run import TaskInstance
from tradewind.model.spec import (
    DagSpec,
    ExpandSpec,
    GroupSpec,
    MapConcat,
    MapLiteral,
    MapSource,
    MapXCom,
    MapZip,
    TaskSpec,
)
from tradewind.model.state import TriggerRule


def over(*sources: MapSource) -> ExpandSpec:
    return ExpandSpec(sources=tuple((f"x{i}", source) for i, source in enumerate(sources)))


def lengths(**by_task: int) -> Callable[[TaskInstance], Answer]:
    def answer(ti: TaskInstance) -> Answer:
        return Succeeded(), by_task.get(ti.task_id)

    return answer


def mapped(source: MapSource) -> DagSpec:
    a = TaskSpec(task_id="a")
    b = TaskSpec(task_id="b")
    return DagSpec(
        dag_id="d", tasks=(a, b, TaskSpec(task_id="m", upstream=(0, 1), expand=over(source)))
    )


def count(states: dict[str, str]) -> int:
    return sum(name.startswith("m[") for name in states)


def test_zip_is_as_long_as_its_shortest_or_longest_part() -> None:
    parts = (MapXCom(0), MapXCom(1))
    answer = lengths(a=2, b=5)
    assert count(Runner(mapped(MapZip(parts))).run(answer)) == 2
    longest = mapped(MapZip(parts, longest=True))
    assert count(Runner(longest).run(answer)) == 5


def test_concat_is_as_long_as_its_parts_together() -> None:
    spec = mapped(MapConcat((MapXCom(0), MapXCom(1), MapLiteral(1))))
    assert count(Runner(spec).run(lengths(a=2, b=5))) == 8


def test_mapping_over_a_mapped_task_counts_what_returned_something() -> None:
    spec = DagSpec(
        dag_id="d",
        tasks=(
            TaskSpec(task_id="a", expand=over(MapLiteral(3))),
            TaskSpec(
                task_id="m",
                upstream=(0,),
                expand=over(MapXCom(0)),
                trigger_rule=TriggerRule.ALL_DONE,
            ),
        ),
    )

    def answer(ti: TaskInstance) -> Answer:
        return (SkippedBy() if ti.in_run == TaskKey("a", 1) else Succeeded(), None)

    assert count(Runner(spec).run(answer)) == 2


def test_a_failed_source_leaves_one_placeholder() -> None:
    states = Runner(mapped(MapXCom(0))).run(lambda _: (Failed(error="no"), None))
    assert states["m"] == "upstream_failed"


@pytest.mark.parametrize("rule", ["one_success", "one_failed", "one_done", "always"])
def test_a_mapped_task_waits_for_its_list_under_any_rule(rule: str) -> None:
    spec = DagSpec(
        dag_id="d",
        tasks=(
            TaskSpec(task_id="a"),
            TaskSpec(task_id="b"),
            TaskSpec(
                task_id="m",
                upstream=(0, 1),
                trigger_rule=TriggerRule(rule),
                expand=over(MapXCom(1)),
            ),
        ),
    )
    run = Runner(spec)
    run.tell(Started())
    run.admit()
    run.finish(TaskKey("a"), Failed(error="e") if rule == "one_failed" else Succeeded())
    run.admit()
    assert run.states()["m"] == "none"
    run.finish(TaskKey("b"), Succeeded(), 2)
    run.admit()
    assert run.running == [TaskKey("m", 0), TaskKey("m", 1)]


def test_always_in_a_mapped_group() -> None:
    spec = DagSpec(
        dag_id="d",
        groups=(GroupSpec(group_id="g", expand=over(MapLiteral(2))),),
        tasks=(
            TaskSpec(task_id="g.a", group_id="g"),
            TaskSpec(task_id="g.b", group_id="g", upstream=(0,), trigger_rule=TriggerRule.ALWAYS),
        ),
    )
    states = Runner(spec).run(
        lambda ti: (Failed(error="e") if ti.task_id == "g.a" else Succeeded(), None)
    )
    assert {states["g.b[0]"], states["g.b[1]"]} == {"success"}


def test_too_long_a_list_fails_with_the_setting_named() -> None:
    runner = Runner(mapped(MapXCom(0)))
    assert runner.run(lengths(a=1025))["m"] == "failed"
    assert "core.max_map_length = 1024" in (runner.live.get(TaskKey("m")).reason or "")


NESTED = DagSpec(
    dag_id="d",
    tasks=(
        TaskSpec(task_id="a"),
        TaskSpec(task_id="g.s", group_id="g", upstream=(0,)),
        TaskSpec(task_id="g.m", group_id="g", upstream=(1,), expand=over(MapXCom(1))),
        TaskSpec(task_id="g.z", group_id="g", upstream=(2,), trigger_rule=TriggerRule.NONE_FAILED),
    ),
    groups=(GroupSpec(group_id="g", expand=over(MapXCom(0))),),
)


def ragged(ti: TaskInstance) -> Answer:
    if ti.task_id == "g.s":
        return Succeeded(), (2, 0, 1)[ti.map_index]
    return Succeeded(), 3 if ti.task_id == "a" else None


def test_a_mapped_task_in_a_mapped_group_is_numbered_by_its_paths() -> None:
    runner = Runner(NESTED)
    states = runner.run(ragged)
    paths = {
        ti.map_index: (ti.map_path, ti.state.value)
        for ti in runner.live.instances()
        if ti.task_id == "g.m" and ti.map_index >= 0
    }
    assert paths == {
        0: ((0, 0), "success"),
        1: ((0, 1), "success"),
        2: ((1,), "skipped"),
        3: ((2, 0), "success"),
    }
    assert {states[f"g.z[{i}]"] for i in range(3)} == {"success"}
    assert runner.live.map_levels(TaskKey("g.m", 1)) == [("g", {"x0": 3}, 0), (None, {"x0": 2}, 1)]
    assert runner.live.upstream_indexes(TaskKey("g.z", 0))["g.m"] == (0, 1)


def test_the_numbers_do_not_depend_on_what_ends_first() -> None:
    runner = Runner(NESTED)
    runner.tell(Started())
    runner.admit()
    runner.finish(TaskKey("a"), Succeeded(), 3)
    runner.admit()
    for index in (2, 1):
        runner.finish(TaskKey("g.s", index), Succeeded(), (2, 0, 1)[index])
    assert not any(k.startswith("g.m[") for k in runner.states())
    # A scheduler that takes over in between knows as much from the rows.
    rows = list(runner.live.instances())
    runner.live = LiveRun.load(runner.live.graph, runner.live.run, rows)
    runner.finish(TaskKey("g.s", 0), Succeeded(), 2)
    assert runner.live.get(TaskKey("g.m", 3)).map_path == (2, 0)


def test_a_clear_of_the_source_too_expands_anew() -> None:
    runner = Runner(mapped(MapXCom(0)))
    runner.run(lengths(a=3))
    keys = tuple(ti.in_run for ti in runner.live.instances())
    runner.tell(Cleared(keys=keys))
    assert "m[0]" not in runner.states()
    states = runner.run(lengths(a=2))
    assert count(states) == 2
    assert runner.live.get(TaskKey("m", 1)).try_number == 2


def test_a_clear_of_one_instance_keeps_the_expansion() -> None:
    runner = Runner(mapped(MapXCom(0)))
    runner.run(lengths(a=3))
    runner.tell(Cleared(keys=(TaskKey("m", 1),)))
    assert count(runner.run(lengths(a=3))) == 3


def test_a_branch_in_a_mapped_group_skips_per_index() -> None:
    spec = DagSpec(
        dag_id="d",
        tasks=(
            TaskSpec(task_id="g.b", group_id="g", can_skip_downstream=True),
            TaskSpec(task_id="g.l", group_id="g", upstream=(0,)),
            TaskSpec(task_id="g.r", group_id="g", upstream=(0,)),
        ),
        groups=(GroupSpec(group_id="g", expand=over(MapLiteral(2))),),
    )

    def answer(ti: TaskInstance) -> Answer:
        if ti.task_id != "g.b":
            return Succeeded(), None
        return Succeeded(skip=("g.l",) if ti.map_index else ("g.r",)), None

    states = Runner(spec).run(answer)
    assert (states["g.l[0]"], states["g.r[0]"]) == ("success", "skipped")
    assert (states["g.l[1]"], states["g.r[1]"]) == ("skipped", "success")


def test_a_mapped_branch_skips_what_none_of_its_instances_chose() -> None:
    spec = DagSpec(
        dag_id="d",
        tasks=(
            TaskSpec(task_id="b", can_skip_downstream=True, expand=over(MapLiteral(2))),
            TaskSpec(task_id="some", upstream=(0,)),
            TaskSpec(task_id="none", upstream=(0,)),
        ),
    )

    def answer(ti: TaskInstance) -> Answer:
        skip = ("none",) if ti.map_index else ("none", "some")
        return Succeeded(skip=skip if ti.task_id == "b" else ()), None

    states = Runner(spec).run(answer)
    assert (states["some"], states["none"]) == ("success", "skipped")


def test_one_inner_index_that_is_cleared_alone_is_expanded_among_its_siblings() -> None:
    runner = Runner(NESTED)

    def first_fails(ti: TaskInstance) -> Answer:
        failed = ti.in_run == TaskKey("g.s", 0)
        return (Failed(error="no"), None) if failed else ragged(ti)

    states = runner.run(first_fails)
    assert states["g.m[0]"] == "upstream_failed"
    ended = runner.live.get(TaskKey("g.m", 2)).try_number
    runner.tell(Cleared(keys=(TaskKey("g.s", 0), TaskKey("g.m", 0), TaskKey("g.z", 0))))
    runner.run(ragged)
    paths = {
        ti.map_index: ti.map_path
        for ti in runner.live.instances()
        if ti.task_id == "g.m" and ti.map_index >= 0 and ti.state == "success"
    }
    assert paths == {0: (0, 0), 2: (2, 0), 3: (0, 1)}
    assert runner.live.get(TaskKey("g.m", 2)).try_number == ended
    assert runner.live.run.state.value == "success"
