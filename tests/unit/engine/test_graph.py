from __future__ import annotations

import pytest

from tradewind.engine.graph import Graph
from tradewind.errors import DagError
from tradewind.model.spec import DagSpec, TaskSpec


def graph(*tasks: TaskSpec) -> Graph:
    return Graph.build(DagSpec(dag_id="d", tasks=tasks))


DIAMOND = ((), (0,), (0,), (1, 2))


@pytest.mark.parametrize(
    ("rule", "weights"),
    [("downstream", (10, 6, 7, 4)), ("upstream", (1, 3, 4, 10)), ("absolute", (1, 2, 3, 4))],
)
def test_weights_count_each_relative_once(rule: str, weights: tuple[int, ...]) -> None:
    tasks = tuple(
        TaskSpec(task_id=f"t{i}", upstream=up, priority_weight=i + 1, weight_rule=rule)
        for i, up in enumerate(DIAMOND)
    )
    assert graph(*tasks).weights == weights


def test_weights_are_capped() -> None:
    assert graph(TaskSpec(task_id="a", priority_weight=2**40)).weights == (2**31 - 1,)


def test_equal_upstreams_share_a_gate() -> None:
    layers = (*(TaskSpec(task_id=f"a{i}") for i in range(9)),)
    below = (*(TaskSpec(task_id=f"b{i}", upstream=tuple(range(9))) for i in range(9)),)
    built = graph(*layers, *below)
    assert len(built.gates) == 1
    assert built.downstream(0) == list(range(9, 18))


def test_an_upstream_that_stands_below_is_refused() -> None:
    with pytest.raises(DagError, match="'a' stands before one of its upstreams"):
        graph(TaskSpec(task_id="a", upstream=(1,)), TaskSpec(task_id="b"))
