"""Mapping in all its forms, and params in the forms of Airflow's documentation, run for real."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tradewind.sdk import DAG, BashOperator, Param, XComArg, task, task_group
from tradewind.sdk.exceptions import ParamValidationError
from tradewind.testing import FakeClock, FinishedRun, run_dag


def run(dag: DAG, **kwargs: Any) -> FinishedRun:
    return run_dag(dag, clock=FakeClock(), **kwargs)


def instances(finished: FinishedRun, task_id: str) -> list[Any]:
    return [ti.xcom_pull() for ti in finished.task_instances if ti.task_id == task_id]


@task
def numbers(n: int) -> list[int]:
    return list(range(n))


@task
def join(*, a: Any, b: Any = None) -> Any:
    return [a, b]


FORMS: dict[str, tuple[Callable[[], XComArg], list[Any]]] = {
    "a list": (lambda: join.expand(a=[1, 2]), [[1, None], [2, None]]),
    "two lists: every combination": (
        lambda: join.expand(a=[1, 2], b=["x", "y"]),
        [[1, "x"], [1, "y"], [2, "x"], [2, "y"]],
    ),
    "a dict: its items": (lambda: join.expand(a={"k": 1}), [[["k", 1], None]]),
    "partial": (lambda: join.partial(b=9).expand(a=numbers(2)), [[0, 9], [1, 9]]),
    "map": (
        lambda: join.expand(a=numbers(3).map(lambda x: x * 10)),
        [[0, None], [10, None], [20, None]],
    ),
    "zip": (
        lambda: join.expand(a=numbers(2).zip(numbers(3))),
        [[[0, 0], None], [[1, 1], None]],
    ),
    "zip to the longest": (
        lambda: join.expand(a=numbers(1).zip(numbers(2), fillvalue="-")),
        [[[0, 0], None], [["-", 1], None]],
    ),
    "concat": (
        lambda: join.expand(a=numbers(1).concat(numbers(2))),
        [[0, None], [0, None], [1, None]],
    ),
    "expand_kwargs": (
        lambda: join.expand_kwargs([{"a": 1}, {"a": 2, "b": 3}]),
        [[1, None], [2, 3]],
    ),
    "expand_kwargs of an output": (
        lambda: join.expand_kwargs(numbers(2).map(lambda x: {"a": x, "b": x + 1})),
        [[0, 1], [1, 2]],
    ),
    "an empty list": (lambda: join.expand(a=numbers(0)), [None]),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_mapping(form: str) -> None:
    make, wanted = FORMS[form]
    with DAG("d") as dag:
        make()
    finished = run(dag)
    assert finished.state == "success", finished.states
    found = [_plain(value) for value in instances(finished, "join")]
    assert found == wanted


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def test_an_empty_expansion_is_skipped_and_one_over_no_list_fails() -> None:
    with DAG("d") as dag:

        @task
        def seven() -> int:
            return 7

        join.override(task_id="none").expand(a=numbers(0))
        join.override(task_id="wrong").expand(a=seven())
    finished = run(dag)
    assert finished.states["none"] == "skipped"
    assert finished.states["seven"] == "failed"
    assert finished.states["wrong"] == "upstream_failed"


def test_a_map_function_may_skip_and_a_classic_operator_is_mapped() -> None:
    with DAG("d") as dag:
        echo = BashOperator.partial(task_id="echo").expand(bash_command=["echo a", "echo {{ ds }}"])
        join.expand(a=echo.output)
    finished = run(dag, logical_date="2026-03-01")
    assert instances(finished, "echo") == ["a", "2026-03-01"]
    assert instances(finished, "join") == [["a", None], ["2026-03-01", None]]


def test_a_mapped_group_with_a_list_made_in_each() -> None:
    with DAG("d") as dag:

        @task
        def total(xs: Any) -> int:
            return sum(xs)

        @task_group
        def each(n: int) -> Any:
            return total(numbers(n))

        total.override(task_id="all")(each.expand(n=[1, 2, 4]))
    finished = run(dag)
    assert instances(finished, "each.total") == [0, 1, 6]
    assert finished.xcom("all") == 7


PARAMS: dict[str, tuple[Param, list[Any], list[Any]]] = {
    "a plain value": (Param(3), [4, "any"], []),
    "integer in bounds": (Param(3, type="integer", minimum=1, maximum=5), [1, 5], [0, 6, "3", 2.5]),
    "number": (Param(0.5, type="number"), [1, 2.5], ["1"]),
    "boolean": (Param(True, type="boolean"), [False], ["yes", 1]),  # noqa: FBT003  a default
    "string in length": (Param("ab", type="string", minLength=2, maxLength=3), ["abc"], ["a", 5]),
    "null or string": (Param(None, type=["null", "string"]), [None, "x"], [3]),
    "enum": (Param("a", enum=["a", "b", 42]), ["b", 42], ["c"]),
    "examples are no limit": (Param("a", type="string", examples=["a", "b"]), ["c"], []),
    "const": (Param("fixed", const="fixed"), ["fixed"], ["other"]),
    "date": (Param("2026-01-01", type="string", format="date"), ["2026-12-31"], ["soon"]),
    "date-time": (
        Param("2026-01-01T00:00:00+00:00", type="string", format="date-time"),
        ["2026-12-31T12:30:00Z"],
        ["2026-13-01T00:00:00Z"],
    ),
    "pattern": (Param("ab", type="string", pattern="^[a-z]+$"), ["z"], ["A1"]),
    "array of strings": (
        Param(["a"], type="array", items={"type": "string"}),
        [[], ["x", "y"]],
        [[1], "x"],
    ),
    "array of objects": (
        Param([], type="array", items={"type": "object", "properties": {"n": {"type": "integer"}}}),
        [[{"n": 1}]],
        [[{"n": "x"}], [3]],
    ),
    "object": (
        Param({"n": 1}, type="object", properties={"n": {"type": "integer"}}, required=["n"]),
        [{"n": 2, "more": 1}],
        [{}, {"n": "x"}],
    ),
    "required": (Param(type="integer", title="N", section="Main"), [5], ["x"]),
    "one of": (Param("a", anyOf=[{"type": "string"}, {"type": "null"}]), [None, "b"], [3]),
}


@pytest.mark.parametrize("form", PARAMS)
def test_forms_of_params(form: str) -> None:
    param, good, bad = PARAMS[form]
    dag = DAG("d", params={"p": param})
    with dag:

        @task
        def read(params: Any = None) -> Any:
            return params["p"]

        read()
    for value in good:
        assert run(dag, run_conf={"p": value}).xcom("read") == value
    for value in bad:
        with pytest.raises(ParamValidationError, match="param 'p'"):
            run(dag, run_conf={"p": value})


def test_a_task_s_params_are_over_the_dag_s_and_conf_is_over_both() -> None:
    with DAG("d", params={"a": 1, "b": 1, "c": 1}) as dag:

        @task(params={"b": 2, "c": 2})
        def read(params: Any = None) -> Any:
            return dict(params)

        read()
    assert run(dag, run_conf={"c": 3, "undeclared": 4}).xcom("read") == {
        "a": 1, "b": 2, "c": 3, "undeclared": 4,
    }  # fmt: skip
