"""Arguments and context values of Airflow 1 and 2."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tradewind.sdk import DAG, BaseOperator, BashOperator, EmptyOperator, PythonOperator, task
from tradewind.sdk.arguments import ArgumentError
from tradewind.sdk.build import to_spec
from tradewind.sdk.exceptions import RemovedInAirflow4Warning
from tradewind.testing import run_dag


def test_old_arguments_of_a_dag_work() -> None:
    old: Any = {"concurrency": 3, "default_view": "graph", "orientation": "LR"}
    old["schedule_interval"] = timedelta(hours=1)
    with pytest.warns(RemovedInAirflow4Warning) as seen:
        dag = DAG("old", **old)
    assert dag.schedule == timedelta(hours=1)
    assert dag.max_active_tasks == 3
    assert {one.filename for one in seen} == {__file__}
    assert "schedule_interval is the old name of schedule" in str(seen[3].message)


def test_both_names_at_once_are_refused() -> None:
    both: Any = {"schedule": "@daily", "schedule_interval": "@daily"}
    with pytest.raises(ArgumentError, match="give schedule or schedule_interval, its old name"):
        DAG("old", **both)


def test_old_arguments_of_a_task_work() -> None:
    limit: Any = {"task_concurrency": 2}
    old: Any = {"provide_context": True}
    with pytest.warns(RemovedInAirflow4Warning) as seen, DAG("old"):  # noqa: PT031  notes of each
        PythonOperator(task_id="a", python_callable=print, **old)
        b = BashOperator(task_id="b", bash_command="true", xcom_push=False, **limit)
        c = BashOperator.partial(task_id="c", **limit).expand(bash_command=["true"])

        def double(x: int) -> int:
            return 2 * x

        mapped = task(**limit)(double).expand(x=[1])
    assert "provide_context has no effect" in str(seen[0].message)
    assert (b.max_active_tis_per_dag, b.do_xcom_push) == (2, False)
    assert c.max_active_tis_per_dag == mapped.operator.max_active_tis_per_dag == 2


def test_old_names_in_default_args_work() -> None:
    defaults = {"task_concurrency": 2, "provide_context": True}
    with DAG("old", default_args=defaults):
        assert EmptyOperator(task_id="a").max_active_tis_per_dag == 2


def test_an_operators_own_argument_is_its_own() -> None:
    class Own(BaseOperator):
        def __init__(self, *, provide_context: bool, execution_date: str, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.own = (provide_context, execution_date)

    with DAG("own"):
        assert Own(task_id="a", provide_context=True, execution_date="x").own == (True, "x")


def test_the_context_has_the_old_dates() -> None:
    seen: dict[str, Any] = {}

    def look(**context: Any) -> None:
        seen.update(context)

    with DAG("old", schedule="0 6 * * *", start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        PythonOperator(task_id="look", python_callable=look)
    at = datetime(2026, 3, 1, 6, tzinfo=UTC)
    assert run_dag(dag, logical_date=at).state == "success"
    assert seen["execution_date"] == at
    assert (seen["tomorrow_ds"], seen["yesterday_ds_nodash"]) == ("2026-03-02", "20260228")
    assert seen["next_ds"] == seen["prev_ds"] == "2026-03-01"  # somebody triggered the run


def test_the_runs_of_a_schedule_have_neighbours() -> None:
    from tradewind.sdk import earlier_context  # noqa: PLC0415  beside what it is about
    from tradewind.wire.messages import RunInfo  # noqa: PLC0415

    dag = DAG("old", schedule="0 6 * * MON")
    at = datetime(2026, 3, 2, 6, tzinfo=UTC)
    run = RunInfo(dag_id="old", run_id="r", run_type="scheduled", run_after=at, logical_date=at)
    values = {name: make(dag, run, at) for name, make in earlier_context.VALUES.items()}
    assert (values["prev_ds"], values["next_ds"]) == ("2026-02-23", "2026-03-09")
    assert values["next_execution_date"] == datetime(2026, 3, 9, 6, tzinfo=UTC)


def test_an_argument_may_have_the_name_of_an_old_date() -> None:
    def use(next_ds: str) -> str:
        return next_ds

    with DAG("new") as dag:
        PythonOperator(task_id="a", python_callable=use, op_args=["mine"])
    assert run_dag(dag).state == "success"
    assert to_spec(dag).dag_id == "new"
