"""Outcomes that are Airflow's for the same DAG file, and a few that are better on purpose.

`docs/differences-from-airflow.md` lists the latter.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tradewind.model.schedule import Events
from tradewind.sdk import (
    DAG,
    BashOperator,
    EmptyOperator,
    EventsTimetable,
    PythonOperator,
    PythonSensor,
    TimeSensor,
    task,
)
from tradewind.sdk.build import to_spec
from tradewind.testing import FakeClock, FinishedRun, MemoryStore, run_dag


def run(dag: DAG, **kwargs: Any) -> FinishedRun:
    kwargs.setdefault("clock", FakeClock())
    return run_dag(dag, **kwargs)


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_sensors_timeout_is_not_retried(mode: str) -> None:
    with DAG("d") as dag:
        PythonSensor(
            task_id="never",
            python_callable=lambda: False,
            timeout=100,
            poke_interval=30,
            mode=mode,
            retries=3,
        )
    finished = run(dag)
    (ti,) = finished.task_instances
    assert (ti.state, ti.try_number) == ("failed", 1)


def test_a_soft_timeout_skips() -> None:
    with DAG("d") as dag:
        PythonSensor(
            task_id="never", python_callable=lambda: False, timeout=100, soft_fail=True, retries=3
        )
    (ti,) = run(dag).task_instances
    assert (ti.state, ti.try_number) == ("skipped", 1)


def test_a_deferred_time_sensor_keeps_its_timeout() -> None:
    clock = FakeClock()
    later = (clock.now() + timedelta(hours=5)).time()
    with DAG("d", start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        TimeSensor(task_id="waits", target_time=later, deferrable=True, timeout=600, retries=2)
    began = clock.now()
    (ti,) = run(dag, clock=clock).task_instances
    assert (ti.state, ti.try_number) == ("failed", 1)
    assert clock.now() - began < timedelta(hours=1)


def test_what_bash_prints_last_stays_text() -> None:
    with DAG("d") as dag:
        BashOperator(task_id="says", bash_command="echo '{\"x\": 1}'; echo 42")
    assert run(dag).xcom("says") == "42"


def test_what_all_instances_returned_is_a_lazy_sequence() -> None:
    with DAG("d") as dag:

        @task
        def one(x: int) -> int:
            return x * x

        @task
        def all_of_them(values: Any) -> Any:
            is_list = isinstance(values, list)
            sequence = isinstance(values, Sequence)
            return [is_list, sequence, len(values), values[-1], list(values)]

        all_of_them(one.expand(x=[1, 2, 3]))
    assert run(dag).xcom("all_of_them") == [False, True, 3, 9, [1, 4, 9]]


def test_what_a_branch_chose_and_a_short_circuit_found_are_xcoms() -> None:
    with DAG("d") as dag:

        @task.branch
        def choose() -> str:
            return "left"

        @task.short_circuit
        def stop() -> bool:
            return False

        choose() >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
        stop() >> EmptyOperator(task_id="below")
    finished = run(dag)
    assert (finished.xcom("choose"), finished.xcom("stop")) == ("left", False)
    assert finished.xcom("choose", "skipmixin_key") is None


def test_the_command_of_a_bash_function_is_shown_as_it_ran() -> None:
    with DAG("d") as dag:

        @task.bash
        def says() -> str:
            return "echo {{ dag.dag_id }}"

        @task.bash
        def fails() -> str:
            return "exit 7"

        says()
        fails()
    kept = MemoryStore()
    run(dag, store=kept)
    shown = {key.task_id: json.loads(fields) for (_, key), fields in kept.rendered.items()}
    assert shown["says"]["bash_command"] == "echo d"
    assert shown["fails"]["bash_command"] == "exit 7"


def test_the_state_of_a_task_is_its_text() -> None:
    with DAG("d") as dag:
        PythonOperator(task_id="says", python_callable=lambda ti: str(ti.state))
    assert run(dag).xcom("says") == "running"


def test_a_timetable_of_events_can_be_stored() -> None:
    at = datetime(2026, 4, 5, 9, tzinfo=UTC)
    spec = to_spec(DAG("d", schedule=EventsTimetable([at]), start_date=at))
    assert isinstance(spec.schedule, Events)
    assert spec.schedule.at == (at,)
