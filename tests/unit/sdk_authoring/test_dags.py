from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tradewind.errors import DagCycle, DagError
from tradewind.model.defaults import VARIABLE, DagDefaults
from tradewind.model.schedule import (
    AllOf,
    AnyOf,
    AssetTriggered,
    CronInterval,
    CronTrigger,
    DeltaInterval,
)
from tradewind.model.spec import MapConcat, MapLiteral, MapXCom, MapZip, TaskSpec, encode_spec
from tradewind.sdk import (
    DAG,
    Asset,
    BaseOperator,
    EmptyOperator,
    Label,
    Param,
    TaskGroup,
    chain,
    cross_downstream,
    dag,
    setup,
    task,
    task_group,
    teardown,
)
from tradewind.sdk import defaults as dag_defaults
from tradewind.sdk.build import to_spec


class Echo(BaseOperator):
    template_fields = ("text",)

    def __init__(self, *, text: Any, times: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text
        self.times = times

    def execute(self, context: Any) -> Any:
        return self.text


@contextmanager
def in_force(defaults: DagDefaults) -> Iterator[None]:
    before = dag_defaults.install(defaults)
    try:
        yield
    finally:
        dag_defaults.install(before)


def tasks_of(made: DAG) -> dict[str, TaskSpec]:
    return {t.task_id: t for t in to_spec(made).tasks}


def edges_of(made: DAG) -> set[tuple[str, str]]:
    spec = to_spec(made)
    return {(spec.tasks[u].task_id, t.task_id) for t in spec.tasks for u in t.upstream}


def test_default_args_reach_each_class_level_and_the_nearest_wins() -> None:
    with DAG("d", default_args={"retries": 1, "times": 7, "pool": "a"}) as made:
        plain = Echo(task_id="plain", text="x")
        with TaskGroup("g", default_args={"retries": 2}):
            grouped = Echo(task_id="t", text="x", pool="b")
    assert (plain.retries, plain.times, plain.pool) == (1, 7, "a")
    assert (grouped.task_id, grouped.retries, grouped.pool) == ("g.t", 2, "b")
    assert tasks_of(made)["g.t"].retries == 2


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"text": 1, "retrys": 3}, "DAG 'd', task 't'.*'retrys'; did you mean 'retries'"),
        ({}, "DAG 'd', task 't'.*needs the argument 'text'"),
        ({"text": 1, "trigger_rule": "all_sucess"}, "task 't': trigger_rule.*'all_success'"),
        ({"text": 1, "retry_delay": "5m"}, "task 't': retry_delay: must be a timedelta"),
        ({"text": 1, "pool_slots": 0}, "task 't': pool_slots: must be at least 1"),
    ],
)
def test_a_wrong_argument_is_named_with_dag_and_task(kwargs: dict[str, Any], message: str) -> None:
    with DAG("d"), pytest.raises(DagError, match=message):
        Echo(task_id="t", **kwargs)


def test_positional_and_unknown_arguments_are_type_errors() -> None:
    with DAG("d"):
        with pytest.raises(TypeError, match="by keyword"):
            Echo("t")  # type: ignore[call-arg]
        with pytest.raises(TypeError, match=r"unknown argument .schedul_interval"):
            DAG("e", schedul_interval=None)  # type: ignore[call-arg]


def test_an_output_in_a_template_field_is_a_dependency_also_later() -> None:
    with DAG("d") as made:
        a = Echo(task_id="a", text=1)
        b = Echo(task_id="b", text={"in": [a.output]})
        c = Echo(task_id="c", text=None)
        c.text = b.output["key"]
    assert edges_of(made) == {("a", "b"), ("b", "c")}


def test_edges_of_lists_groups_labels_and_helpers() -> None:
    with DAG("d") as made:
        a, b, c, d = (EmptyOperator(task_id=name) for name in "abcd")
        with TaskGroup("grp") as group:
            EmptyOperator(task_id="x") >> EmptyOperator(task_id="y")
        a >> Label("yes") >> [b, c] >> d
        d >> group
        e, f, g, h = (EmptyOperator(task_id=name) for name in "efgh")
        chain(group, [e, f], [g, h])
        cross_downstream([e, f], [g])
    assert edges_of(made) == {
        ("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "grp.x"), ("grp.x", "grp.y"),
        ("grp.y", "e"), ("grp.y", "f"), ("e", "g"), ("f", "h"), ("f", "g"),
    }  # fmt: skip
    assert [label.label for label in to_spec(made).edge_labels] == ["yes", "yes"]


def test_a_cycle_is_named() -> None:
    with DAG("d") as made:
        a, b, c = (EmptyOperator(task_id=name) for name in "abc")
        a >> b >> c >> a
    with pytest.raises(DagCycle, match=r"DAG .d.*a → b → c → a"):
        to_spec(made)


def test_a_task_id_is_used_once_and_a_repeated_call_gets_a_suffix() -> None:
    @task
    def twice() -> None: ...

    with DAG("d") as made:
        EmptyOperator(task_id="a")
        with pytest.raises(DagError, match="has a task 'a' already"):
            EmptyOperator(task_id="a")
        twice(), twice(), twice()
    assert made.task_ids == ["a", "twice", "twice__1", "twice__2"]


def test_what_a_task_is_expanded_over() -> None:
    @task
    def numbers() -> list[int]:
        return [1]

    @task
    def use(x: Any, y: Any = 0) -> Any:
        return x

    with DAG("d") as made:
        a, b = numbers(), numbers()
        use.expand(x=a, y=[1, 2, 3])
        use.partial(y=1).expand(x=a.map(str).zip(b, fillvalue=0))
        use.expand_kwargs(a.concat(b))
    found = tasks_of(made)
    sources = [found[name].expand.sources for name in ("use", "use__1", "use__2")]  # type: ignore[union-attr]
    assert sources == [
        (("x", MapXCom(0)), ("y", MapLiteral(3))),
        (("x", MapZip((MapXCom(0), MapXCom(1)), longest=True)),),
        (("", MapConcat((MapXCom(0), MapXCom(1)))),),
    ]
    assert found["use__1"].upstream == (0, 1)


@pytest.mark.parametrize(
    ("expand", "message"),
    [
        (lambda use: use.expand(), "at least one argument"),
        (lambda use: use.expand(x=3), r"expand\(x=...\) takes a list"),
        (lambda use: use.expand(z=[1]), "no parameter 'z'"),
        (lambda use: use.partial(x=1).expand(x=[1]), "is in partial"),
        (lambda use: use.expand(x={1, 2}), "not set"),
    ],
)
def test_a_wrong_expansion_is_refused(expand: Any, message: str) -> None:
    @task
    def use(x: Any) -> Any: ...

    with DAG("d"), pytest.raises(DagError, match=message):
        expand(use)


def test_a_mapped_operator_makes_the_operator_of_one_element() -> None:
    with DAG("d", default_args={"times": 5}) as made:
        mapped = Echo.partial(task_id="m", retries=4).expand(text=["a", "b"])
        mapped.trigger_rule = "all_done"
    one = mapped.unmap({"text": "b"})
    assert (one.text, one.times, one.retries, one.task_id) == ("b", 5, 4, "m")
    assert (one.trigger_rule, one.dag) == ("all_done", made)
    assert made.task_ids == ["m"]


def test_a_mapped_group_waits_for_what_it_is_expanded_over() -> None:
    @task
    def source() -> Any: ...

    @task
    def step(x: Any) -> Any: ...

    @task_group
    def each(x: Any) -> None:
        step(step(x))

    with DAG("d") as made:
        each.expand(x=source())
    spec = to_spec(made)
    assert spec.groups[0].expand is not None
    assert spec.groups[0].expand.sources == (("x", MapXCom(0)),)
    assert edges_of(made) == {("source", "each.step"), ("each.step", "each.step__1")}


def test_work_in_a_teardown_block_runs_between_setup_and_teardown() -> None:
    @setup
    def make() -> None: ...

    @teardown(on_failure_fail_dagrun=True)
    def drop() -> None: ...

    with DAG("d") as made, make() >> drop():
        EmptyOperator(task_id="w")
    assert edges_of(made) == {("make", "w"), ("w", "drop"), ("make", "drop")}
    found = tasks_of(made)
    assert found["make"].is_setup
    assert found["drop"].is_teardown
    assert found["drop"].on_failure_fail_dagrun
    assert found["drop"].trigger_rule == "all_done_setup_success"


def test_a_task_behind_a_setup_may_only_use_all_success() -> None:
    with DAG("d") as made:
        s = EmptyOperator(task_id="s").as_setup()
        s >> EmptyOperator(task_id="t", trigger_rule="all_done")
    with pytest.raises(DagError, match="DAG 'd', task 't': trigger_rule"):
        to_spec(made)


def test_a_dag_function_makes_params_of_its_parameters() -> None:
    @dag(schedule=None, params={"c": Param(3, type="integer")})
    def pipeline(a: int, b: int = 2, c: int = 0) -> None:
        """Do it."""

    spec = to_spec(pipeline())  # type: ignore[call-arg] # a param without a default is asked of the run
    assert (spec.dag_id, spec.doc_md) == ("pipeline", "Do it.")
    assert spec.params["a"].required
    assert [spec.params[n].default for n in "bc"] == [2, 3]


def test_a_scheduled_dag_needs_params_that_fit() -> None:
    made = DAG("d", schedule="@daily", params={"n": Param("x", type="integer")})
    with pytest.raises(DagError, match="DAG 'd': param 'n'"):
        to_spec(made)
    to_spec(DAG("e", schedule=None, params={"n": Param(type="integer")}))


def test_schedules() -> None:
    a, b, c = Asset("a"), Asset("b"), Asset("c", uri="s3://x/c")
    cron = to_spec(DAG("d", schedule="@daily")).schedule
    assert isinstance(cron, CronTrigger)
    assert cron.expressions == ("0 0 * * *",)
    with in_force(DagDefaults(cron_data_intervals=True)):
        old = to_spec(DAG("d", schedule="0 5 * * *")).schedule
    assert old == CronInterval(expression="0 5 * * *")
    condition = to_spec(DAG("d", schedule=(a & b) | c)).schedule
    assert isinstance(condition, AssetTriggered)
    assert isinstance(condition.condition, AnyOf)
    listed = to_spec(DAG("d", schedule=[a, b])).schedule
    assert isinstance(listed, AssetTriggered)
    assert isinstance(listed.condition, AllOf)
    with pytest.raises(DagError, match="DAG 'd': schedule"):
        to_spec(DAG("d", schedule="every day"))
    with pytest.raises(DagError, match="DAG 'd': schedule: must be None"):
        to_spec(DAG("d", schedule=5))


def test_an_empty_operator_needs_no_process_unless_it_has_something_to_do() -> None:
    class Own(EmptyOperator):
        def execute(self, context: Any) -> None: ...

    with DAG("d") as made:
        EmptyOperator(task_id="plain")
        EmptyOperator(task_id="told", on_success_callback=print)
        EmptyOperator(task_id="out", outlets=[Asset("a")])
        Own(task_id="own")
    assert [t.no_op for t in to_spec(made).tasks] == [True, False, False, False]


def test_the_same_file_gives_the_same_bytes_and_copies_keep_the_original() -> None:
    def build() -> DAG:
        with DAG("d", start_date=datetime(2026, 1, 1, tzinfo=UTC), tags=["b", "a"]) as made:
            tasks = [EmptyOperator(task_id=f"t{i}", retries=i) for i in range(20)]
            cross_downstream(tasks[:10], tasks[10:])
        return made

    made = build()
    assert encode_spec(to_spec(made)) == encode_spec(to_spec(build()))
    assert encode_spec(to_spec(copy.deepcopy(made))) == encode_spec(to_spec(made))
    part = made.partial_subset(["t10"])
    assert len(part.tasks) == 11
    assert len(made.get_task("t0").downstream_task_ids) == 10


def test_durations_become_seconds() -> None:
    with DAG("d", dagrun_timeout=timedelta(hours=1)) as made:
        EmptyOperator(task_id="t", retry_delay=5, retry_exponential_backoff=True)
    spec = to_spec(made)
    assert (spec.dagrun_timeout_s, spec.tasks[0].retry_delay_s) == (3600, 5)
    assert spec.tasks[0].retry_backoff == 2.0


def test_what_a_file_leaves_out_is_as_the_deployment_says() -> None:
    here = DagDefaults(
        timezone="Europe/Amsterdam",
        retries=3,
        catchup=True,
        delta_data_intervals=True,
        max_active_runs=5,
        max_active_tasks=6,
    )
    with in_force(here):
        with DAG("d", schedule=timedelta(days=1), start_date=datetime(2026, 7, 1)) as made:  # noqa: DTZ001  naive on purpose
            EmptyOperator(task_id="plain")
            EmptyOperator(task_id="once", retries=0)
            Echo.partial(task_id="mapped").expand(text=["a"])
        spec = to_spec(made)
        undated = DAG("u", schedule="@daily").timezone
    assert spec.start_date == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert (spec.timezone, str(undated)) == ("Europe/Amsterdam", "Europe/Amsterdam")
    assert {t.task_id: t.retries for t in spec.tasks} == {"plain": 3, "once": 0, "mapped": 3}
    assert (spec.catchup, spec.max_active_runs, spec.max_active_tasks) == (True, 5, 6)
    assert isinstance(spec.schedule, DeltaInterval)


def test_defaults_are_handed_over_in_the_environment() -> None:
    before = dag_defaults.current()
    try:
        dag_defaults.install_from({})
        assert dag_defaults.current() == before
        text = msgspec.json.encode(DagDefaults(retries=2)).decode()
        dag_defaults.install_from({VARIABLE: text})
        assert dag_defaults.current() == DagDefaults(retries=2)
    finally:
        dag_defaults.install(before)
