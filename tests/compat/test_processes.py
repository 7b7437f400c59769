"""A DAG file written for Airflow 1.10, unchanged, in Tradewind's real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

OLD_FILE = """
from datetime import timedelta

import airflow
from airflow import DAG
from airflow.operators.bash_operator import BashOperator
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import BranchPythonOperator, PythonOperator
from airflow.utils.trigger_rule import TriggerRule

default_args = {
    "owner": "me",
    "start_date": airflow.utils.dates.days_ago(2),
    "provide_context": True,
    "retry_delay": timedelta(minutes=5),
}

def choose(**kwargs):
    kwargs["ti"].xcom_push("date", kwargs["execution_date"].isoformat())
    return "left"

def last(execution_date, ds, **kwargs):
    pulled = kwargs["task_instance"].xcom_pull("choose", key="date")
    assert pulled == execution_date.isoformat(), pulled
    assert ds == execution_date.strftime("%Y-%m-%d")
    return "done"

with DAG("old", default_args=default_args, schedule_interval=None, concurrency=2) as dag:
    start = DummyOperator(task_id="start")
    branch = BranchPythonOperator(task_id="choose", python_callable=choose, provide_context=True)
    left = BashOperator(task_id="left", bash_command="test -n '{{ execution_date }}'")
    right = BashOperator(task_id="right", bash_command="false")
    join = PythonOperator(
        task_id="join", python_callable=last, provide_context=True,
        trigger_rule=TriggerRule.NONE_FAILED_OR_SKIPPED,
    )
    start >> branch >> [left, right] >> join

if __name__ == "__main__":
    run = dag.test()
    print("state:", run.state)
"""

STATES = {
    "start": "success",
    "choose": "success",
    "left": "success",
    "right": "skipped",
    "join": "success",
}


def tradewind(*args: str, home: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TRADEWIND_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "tradewind.cli", *args],
        env=env,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def dag_file(tmp_path: Path) -> Path:
    folder = tmp_path / "dags"
    folder.mkdir()
    file = folder / "old.py"
    file.write_text(OLD_FILE)
    return file


def test_tradewind_run(dag_file: Path, tmp_path: Path) -> None:
    done = tradewind("run", "--plain", str(dag_file), home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "old: success" in done.stdout
    assert "right: skipped" in done.stdout
    assert "gone in Airflow 3" in done.stderr


def test_tradewind_python(dag_file: Path, tmp_path: Path) -> None:
    done = tradewind("python", str(dag_file), home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "state: success" in done.stdout


def test_tradewind_python_hands_arguments_over(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import sys, airflow\nprint(sys.argv[1:], airflow.__version__)\nsys.exit(7)")
    done = tradewind("python", str(program), "-x", "--help", home=tmp_path)
    assert done.returncode == 7
    assert done.stdout == "['-x', '--help'] 3.3.2\n"
    assert tradewind("python", "nothing.py", home=tmp_path).returncode == 3


def test_processor_and_worker(dag_file: Path, tmp_path: Path) -> None:
    """The whole system: the processor publishes the file, the worker runs its tasks."""
    home = dag_file.parents[1]
    env = {**os.environ, "TRADEWIND_HOME": str(home), "TRADEWIND__API__PORT": "0"}
    with subprocess.Popen(
        [sys.executable, "-m", "tradewind.cli", "standalone"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as system:
        try:
            assert system.stdout is not None
            for line in system.stdout:
                if "ready" in line.lower() or "http://" in line:
                    break
            done = tradewind("dags", "trigger", "old", "--wait", home=home)
            assert done.returncode == 0, done.stdout + done.stderr
            found = tradewind("dags", "list-runs", "old", "-o", "json", home=home)
            (run,) = json.loads(found.stdout)
            shown = tradewind(
                "tasks", "states-for-dag-run", "old", run["run_id"], "-o", "json", home=home
            )
            states = {row["task_id"]: row["state"] for row in json.loads(shown.stdout)}
            assert states == STATES
        finally:
            system.terminate()
            system.communicate(timeout=60)
