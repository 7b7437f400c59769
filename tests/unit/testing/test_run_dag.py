"""run_dag: the engine's decisions and the SDK's execution in one process, on a clock that jumps."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tradewind.errors import UserError
from tradewind.sdk import (
    DAG,
    Asset,
    BaseBranchOperator,
    BaseOperator,
    BaseTrigger,
    Connection,
    EmptyOperator,
    Param,
    TimeDeltaSensor,
    TriggerDagRunOperator,
    TriggerEvent,
    Variable,
    setup,
    task,
    task_group,
    teardown,
)
from tradewind.sdk.arguments import ArgumentError
from tradewind.sdk.build import to_spec
from tradewind.sdk.exceptions import AirflowSkipException, ParamValidationError
from tradewind.testing import FakeClock, FinishedRun, MemoryStore, run_dag

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def run(dag: DAG, **kwargs: Any) -> FinishedRun:
    kwargs.setdefault("clock", FakeClock())
    return run_dag(dag, **kwargs)


def test_values_pass_from_task_to_task_and_conf_sets_params() -> None:
    with DAG("d", params={"n": 3}) as dag:

        @task
        def numbers(n: int) -> list[int]:
            return list(range(n))

        @task
        def double(x: int) -> int:
            return 2 * x

        @task
        def total(xs: Any) -> int:
            return sum(xs)

        total(double.expand(x=numbers(dag.param("n"))))
    finished = run(dag, run_conf={"n": 4})
    assert finished.state == "success"
    assert finished.xcom("total") == 12
    assert finished.xcom("double", map_index=3) == 6
    assert finished.states["double[3]"] == "success"
    assert "double" not in finished.states


def test_retries_wait_on_the_clock_and_a_failure_fails_what_is_below() -> None:
    seen: list[int] = []
    with DAG("d") as dag:

        @task(retries=2, retry_delay=timedelta(minutes=10))
        def flaky(ti: Any = None) -> None:
            seen.append(ti.try_number)
            raise ValueError("no")

        flaky() >> EmptyOperator(task_id="below")
    clock = FakeClock()
    started = clock.now()
    finished = run(dag, clock=clock)
    assert seen == [1, 2, 3]
    assert clock.now() - started == timedelta(minutes=20)
    assert finished.state == "failed"
    assert finished.states == {"flaky": "failed", "below": "upstream_failed"}
    failed = finished.get_task_instance("flaky")
    assert failed is not None
    assert (failed.try_number, failed.reason) == (3, "ValueError: no")


def test_the_default_logical_date_is_now_and_none_leaves_it_out() -> None:
    seen: list[Any] = []
    with DAG("d") as dag:

        @task
        def look(**context: Any) -> None:
            seen.append((context.get("ds"), context["run_id"]))

        look()
    run(dag)
    run(dag, logical_date=None)
    run(dag, execution_date="2025-05-05")
    run(dag, run_after=MARCH)
    assert [ds for ds, _ in seen] == ["2026-01-01", None, "2025-05-05", "2026-03-01"]
    assert seen[0][1] == "manual__2026-01-01T00:00:00+00:00"
    assert seen[1][1].startswith("manual__2026-01-01T00:00:00+00:00_")


def test_variables_and_connections_from_arguments_and_files(tmp_path: Path) -> None:
    variables = tmp_path / "v.yaml"
    variables.write_text("colour: blue\nnested: {a: [1, 2]}\n")
    connections = tmp_path / "c.json"
    connections.write_text(
        '{"db": "postgres://u:p@host:5/s", "api": {"conn_type": "http", "host": "h"}}'
    )
    with DAG("d") as dag:

        @task
        def read() -> list[Any]:
            Variable.set("made", "x")
            return [
                Variable.get("colour"),
                Variable.get("nested", deserialize_json=True),
                Variable.get("own"),
                Variable.keys(),
                Connection.get("db").port,
                Connection.get("api").host,
                Connection.get("given").login,
            ]

        read()
    finished = run(
        dag,
        variable_file_path=variables,
        conn_file_path=str(connections),
        variables={"own": 7},
        connections={"given": "http://me@x"},
    )
    assert finished.xcom("read") == [
        "blue", {"a": [1, 2]}, "7", ["colour", "made", "nested", "own"], 5, "h", "me",
    ]  # fmt: skip


def test_a_missing_variable_and_a_bad_file_are_named(tmp_path: Path) -> None:
    with DAG("d") as dag:

        @task
        def read() -> None:
            Variable.get("nothing")

        read()
    failed = run(dag).get_task_instance("read")
    assert failed is not None
    assert "there is no variable 'nothing'" in str(failed.reason)
    broken = tmp_path / "x.json"
    broken.write_text("{")
    with pytest.raises(UserError, match=r"x\.json is not what its ending says"):
        run(dag, variable_file_path=broken)
    with pytest.raises(UserError, match="cannot be read"):
        run(dag, conn_file_path=tmp_path / "none.json")


def test_tasks_that_match_the_pattern_succeed_without_running() -> None:
    with DAG("d") as dag:

        @task
        def wait_for_it() -> None:
            raise AssertionError

        @task
        def work() -> int:
            return 1

        wait_for_it() >> work()
    finished = run(dag, mark_success_pattern="wait_.*")
    assert finished.state == "success"
    assert finished.xcom("work") == 1


def test_an_executor_is_refused_and_two_names_of_one_argument() -> None:
    dag = DAG("d")
    with pytest.raises(UserError, match="an executor belongs to a scheduler"):
        run(dag, use_executor=True)
    with pytest.raises(ArgumentError, match="not both"):
        run(dag, logical_date=MARCH, execution_date=MARCH)
    with pytest.raises(ArgumentError, match="DAG 'd': logical_date"):
        run(dag, logical_date="soon")


def test_a_required_param_must_be_given() -> None:
    dag = DAG("d", params={"n": Param(type="integer")})
    with pytest.raises(ParamValidationError, match="n"):
        run(dag)
    assert run(dag, run_conf={"n": 1}).state == "success"
    with pytest.raises(ParamValidationError, match="n"):
        run(dag, run_conf={"n": "x"})


def test_sensors_poke_reschedule_and_defer_without_losing_time() -> None:
    looks: list[datetime] = []
    clock = FakeClock()
    with DAG("d") as dag:
        for mode in ("poke", "reschedule"):

            @task.sensor(task_id=mode, mode=mode, poke_interval=600)
            def sense() -> bool:
                looks.append(clock.now())
                return len(looks) % 4 == 0

            sense()
        TimeDeltaSensor(task_id="defers", delta=timedelta(days=2), deferrable=True)
    finished = run(dag, clock=clock, logical_date=clock.now())
    assert finished.state == "success"
    assert len(looks) == 8
    assert clock.now() == datetime(2026, 1, 3, tzinfo=UTC)


class Flag(BaseTrigger):
    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.Flag", {"what": self.what}

    async def run(self) -> Any:
        if self.what == "raise":
            raise ValueError("the flag is broken")
        if self.what == "nothing":
            return
        if self.what == "never":
            from tradewind.sdk import current  # noqa: PLC0415

            while True:
                await current.waiter().pause(60)
        yield TriggerEvent({"colour": self.what})


class Waits(BaseOperator):
    def __init__(self, *, what: str, timeout: timedelta | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.what = what
        self.timeout = timeout

    def execute(self, context: Any) -> Any:
        self.defer(
            trigger=Flag(self.what),
            method_name="go_on",
            kwargs={"more": 1},
            timeout=self.timeout,
        )

    def go_on(self, context: Any, more: int, event: Any) -> Any:
        return [more, event]


def test_a_trigger_fires_fails_ends_early_or_takes_too_long() -> None:
    with DAG("d") as dag:
        Waits(task_id="red", what="red")
        Waits(task_id="raises", what="raise")
        Waits(task_id="nothing", what="nothing")
        Waits(task_id="late", what="never", timeout=timedelta(minutes=5))
    clock = FakeClock()
    finished = run(dag, clock=clock)
    assert finished.xcom("red") == [1, {"colour": "red"}]
    reasons = {ti.task_id: str(ti.reason) for ti in finished.task_instances if ti.state == "failed"}
    assert "the flag is broken" in reasons["raises"]
    assert "ended without an event" in reasons["nothing"]
    assert "TaskDeferralTimeout" in reasons["late"]
    assert clock.now() - datetime(2026, 1, 1, tzinfo=UTC) == timedelta(minutes=5)


def test_callbacks_of_tasks_and_of_the_dag() -> None:
    called: list[tuple[str, Any]] = []

    def note(name: str) -> Any:
        return lambda context: called.append((name, context["ti"].task_id))

    def fails(context: Any) -> None:
        raise ValueError("the callback is broken")

    with DAG("d", on_failure_callback=note("dag failed")) as dag:

        @task(
            retries=1,
            retry_delay=1,
            on_execute_callback=note("starts"),
            on_retry_callback=[note("again"), fails],
            on_failure_callback=note("failed"),
        )
        def bad() -> None:
            raise ValueError

        @task(on_skipped_callback=note("skipped"))
        def skips() -> None:
            raise AirflowSkipException

        @task(on_success_callback=note("good"))
        def good() -> None: ...

        bad(), skips(), good()
    assert run(dag).state == "failed"
    assert sorted(called) == [
        ("again", "bad"), ("dag failed", "bad"), ("failed", "bad"), ("good", "good"),
        ("skipped", "skips"), ("starts", "bad"), ("starts", "bad"),
    ]  # fmt: skip


def test_branches_setups_and_teardowns() -> None:
    order: list[str] = []

    @setup
    def make() -> None:
        order.append("make")

    @teardown
    def drop() -> None:
        order.append("drop")

    with DAG("d") as dag:

        @task.branch
        def choose() -> str:
            return "left"

        @task
        def left() -> None:
            order.append("left")
            raise ValueError

        choose() >> [left(), EmptyOperator(task_id="right")]
        with make() >> drop():
            left.override(task_id="left2")()
    finished = run(dag)
    assert finished.states["right"] == "skipped"
    assert finished.states["left2"] == "failed"
    assert finished.states["drop"] == "success"
    assert order.index("make") < order.index("drop")


def test_a_branch_that_is_mapped_and_one_of_a_class() -> None:
    with DAG("d") as dag:

        class Right(BaseBranchOperator):
            def choose_branch(self, context: Any) -> str:
                return "right"

        @task.branch
        def choose(where: str) -> str:
            return where

        @task.short_circuit
        def stop(go: bool) -> bool:
            return go

        left, right = EmptyOperator(task_id="left"), EmptyOperator(task_id="right")
        Right(task_id="first") >> [choose.expand(where=["right", "right"]), right, left]
        (
            stop(go=False)
            >> EmptyOperator(task_id="a")
            >> EmptyOperator(task_id="b", trigger_rule="all_done")
        )
        stop(go=True) >> EmptyOperator(task_id="c")
    states = run(dag).states
    assert (states["left"], states["right"]) == ("skipped", "success")
    assert (states["a"], states["b"], states["c"]) == ("skipped", "skipped", "success")
    assert all(t.can_skip_downstream for t in to_spec(dag).tasks if t.operator != "EmptyOperator")


def test_a_mapped_group_and_a_map_over_a_map() -> None:
    with DAG("d") as dag:

        @task
        def numbers() -> list[int]:
            return [1, 2, 3]

        @task
        def plus(x: int) -> int:
            return x + 1

        @task
        def total(xs: Any) -> int:
            return sum(xs)

        @task_group
        def each(x: int) -> Any:
            return plus(plus.override(task_id="first")(x))

        total(each.expand(x=numbers()))
        plus.override(task_id="again").expand(x=plus.override(task_id="once").expand(x=numbers()))
    finished = run(dag)
    assert finished.state == "success", finished.states
    assert finished.xcom("total") == 3 + 4 + 5
    assert [finished.xcom("again", map_index=i) for i in range(3)] == [3, 4, 5]


def test_a_task_triggers_another_dag_and_waits_for_it() -> None:
    with DAG("child", params={"n": 0}) as child:

        @task
        def work(params: Any = None) -> int:
            return int(params["n"])

        work()
    with DAG("parent") as parent:
        TriggerDagRunOperator(
            task_id="go",
            trigger_dag_id="child",
            trigger_run_id="r",
            conf={"n": 5},
            wait_for_completion=True,
        )
        TriggerDagRunOperator(task_id="unknown", trigger_dag_id="nobody")
    store = MemoryStore()
    finished = run(parent, others=[child], store=store)
    assert finished.states == {"go": "success", "unknown": "failed"}
    made = store.find("child", "r")
    assert made is not None
    assert (made.run.state, made.run.run_type) == ("success", "operator_triggered")


def test_runs_that_share_a_store_see_each_other() -> None:
    with DAG("d", schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:

        @task(depends_on_past=True, outlets=[Asset("a")])
        def count(ti: Any = None, prev_start_date_success: Any = None) -> int:
            before = ti.xcom_pull("count", include_prior_dates=True) or 0
            if ti.get_previous_dagrun() is not None:
                assert prev_start_date_success is not None
            return before + 1

        count()
    store = MemoryStore()
    found = [run(dag, store=store, logical_date=MARCH + timedelta(days=i)) for i in range(3)]
    assert [r.xcom("count") for r in found] == [1, 2, 3]
    assert [event.asset_name for event, _ in store.asset_events] == ["a", "a", "a"]


def test_a_run_that_cannot_go_on_says_why() -> None:
    with DAG("d", schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:

        @task(depends_on_past=True)
        def bad() -> None:
            raise ValueError

        bad()
    store = MemoryStore()
    run(dag, store=store, logical_date=MARCH)
    with pytest.raises(UserError, match=r"cannot go on: bad \(none\).*depends_on_past"):
        run(dag, store=store, logical_date=MARCH + timedelta(days=1))


def test_a_timeout_of_the_run_ends_it() -> None:
    with DAG("d", dagrun_timeout=timedelta(hours=1)) as dag:
        TimeDeltaSensor(task_id="late", delta=timedelta(days=1), deferrable=True)
    clock = FakeClock()
    finished = run(dag, clock=clock)
    assert finished.state == "failed"
    assert clock.now() == datetime(2026, 1, 1, 1, tzinfo=UTC)


def test_dag_test_is_the_same_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with DAG("d") as dag:

        @task
        def hello() -> str:
            return "hi"

        hello()
    assert dag.test(logical_date=MARCH).xcom("hello") == "hi"
    assert "returned hi" in caplog.text


def test_at_most_so_many_instances_at_once_still_run_all() -> None:
    with DAG("d", max_active_tasks=1) as dag:

        @task(max_active_tis_per_dagrun=1)
        def each(x: int) -> int:
            return x

        each.expand(x=list(range(20)))
    finished = run(dag)
    assert [finished.xcom("each", map_index=i) for i in range(20)] == list(range(20))
