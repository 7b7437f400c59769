"""Which Airflow a DAG file was written for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tradewind.model.defaults import DagDefaults
from tradewind.model.schedule import CronInterval, CronTrigger
from tradewind.model.spec import DagSpec
from tradewind.sdk import defaults
from tradewind.sdk.build import to_spec
from tradewind.sdk.loading import load_dag_file
from tradewind.sdk.vocabulary import Meaning, meaning, spoken
from tradewind.testing import run_dag


def told(source: str) -> Meaning | None:
    return spoken(source.encode(), compile(source, "dag.py", "exec"))


@pytest.mark.parametrize(
    "source",
    [
        "DAG('a', schedule_interval='@daily')",
        "from airflow.utils.dates import days_ago",
        "import airflow.operators.bash_operator",
        "from airflow.operators.dummy import DummyOperator",
        "from airflow.contrib.sensors.file_sensor import FileSensor",
        "from airflow.datasets import Dataset",
        "PythonOperator(python_callable=f, provide_context=True)",
        "def f(**context):\n    return context['execution_date']",
        "def f(execution_date, **context): pass",
        "def f(ti):\n    return ti.execution_date",
        "BashOperator(bash_command='echo {{ execution_date }}')",
        "sql = '''select {% if next_ds %} 1 {% endif %}'''",
    ],
)
def test_the_spelling_of_airflow_2_is_seen(source: str) -> None:
    assert told(source) == Meaning(2)


@pytest.mark.parametrize(
    "source",
    [
        "from airflow.sdk import DAG\nDAG('a', schedule='@daily')",
        "# schedule_interval, execution_date\nx = 1",
        "from airflow.operators.bash import BashOperator",
        "ExternalTaskSensor(execution_date_fn=f, execution_delta=d)",
        "from airflow.decorators import dag, task",
        "BashOperator(bash_command='echo {{ ds }} execution_date')",
    ],
)
def test_other_spelling_tells_nothing(source: str) -> None:
    assert told(source) is None


def test_a_line_in_the_file_says_it() -> None:
    assert told("# tradewind: airflow=2\nx = 1") == Meaning(2, said=True)
    three = "# tradewind: airflow=3\nDAG('a', schedule_interval='@daily')"
    assert told(three) == Meaning(3, said=True)
    assert told("x = '# tradewind: airflow=2'") is None


def test_the_order_in_which_it_is_decided() -> None:
    assert meaning(None, "auto") == Meaning(3, said=False)
    assert meaning(None, "2") == Meaning(2, said=True)
    assert meaning(Meaning(2), "auto") == Meaning(2)
    assert meaning(Meaning(2), "3") == Meaning(3, said=True)
    assert meaning(Meaning(3, said=True), "2") == Meaning(3, said=True)


FILE = """
{line}
from datetime import datetime
from airflow import DAG
from airflow.operators.python import PythonOperator

def push(ti):
    ti.xcom_push("k", 1)

def pull(ti):
    return ti.xcom_pull(key="k")

with DAG("d", start_date=datetime(2026, 1, 1), {argument}) as dag:
    a = PythonOperator(task_id="a", python_callable=push)
    a >> PythonOperator(task_id="b", python_callable=pull)
"""


@pytest.fixture(autouse=True)
def _own_defaults() -> Iterator[None]:
    before = defaults.install(DagDefaults())
    yield
    defaults.install(before)


def loaded(tmp_path: Path, line: str = "", argument: str = "schedule='@daily'") -> Any:
    file = tmp_path / "d.py"
    file.write_text(FILE.format(line=line, argument=argument))
    return load_dag_file(str(file), str(tmp_path)).dags["d"]


def spec_of(tmp_path: Path, **source: str) -> DagSpec:
    return to_spec(loaded(tmp_path, **source))


def test_daily_is_a_moment_in_airflow_3_and_an_interval_in_airflow_2(tmp_path: Path) -> None:
    assert isinstance(spec_of(tmp_path).schedule, CronTrigger)
    old = spec_of(tmp_path, argument="schedule_interval='@daily'")
    assert isinstance(old.schedule, CronInterval)
    assert isinstance(spec_of(tmp_path, line="# tradewind: airflow=2").schedule, CronInterval)
    defaults.install(DagDefaults(airflow_semantics="2"))
    assert isinstance(spec_of(tmp_path).schedule, CronInterval)
    assert isinstance(spec_of(tmp_path, line="# tradewind: airflow=3").schedule, CronTrigger)


def test_catching_up_is_no_matter_of_spelling(tmp_path: Path) -> None:
    assert not spec_of(tmp_path, argument="schedule_interval='@daily'").catchup
    assert spec_of(tmp_path, line="# tradewind: airflow=2").catchup
    never = "schedule='@daily', catchup=False"
    assert not spec_of(tmp_path, line="# tradewind: airflow=2", argument=never).catchup
    assert not spec_of(tmp_path, line="# tradewind: airflow=3").catchup


def test_a_pull_without_task_ids_is_of_any_task_in_airflow_2(tmp_path: Path) -> None:
    assert run_dag(loaded(tmp_path)).xcom("b") is None
    old = loaded(tmp_path, argument="schedule_interval=None")
    assert run_dag(old).xcom("b") == 1


def test_a_run_always_has_a_logical_date_in_airflow_2(tmp_path: Path) -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    old = loaded(tmp_path, argument="schedule_interval='@daily'")
    run = run_dag(old, logical_date=None, run_after=at)
    assert run.logical_date == at
    assert run.data_interval_start == datetime(2026, 2, 28, tzinfo=UTC)
    assert run_dag(loaded(tmp_path), logical_date=None, run_after=at).logical_date is None
