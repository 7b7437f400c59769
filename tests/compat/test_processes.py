"""A DAG file written for Airflow 1.10, unchanged, in Tradewind's real processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def standalone(home: Path) -> Iterator[None]:
    """Run the whole system until the block ends."""
    env = {
        **os.environ,
        "TRADEWIND_HOME": str(home),
        "TRADEWIND__API__PORT": "0",
        "AIRFLOW_VAR_CITY": "Delft",
    }
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
                if "http://" in line:
                    break
            yield
        finally:
            system.terminate()
            system.communicate(timeout=60)


def states(home: Path, dag_id: str) -> tuple[str, dict[str, str]]:
    """Trigger a DAG, wait, and return its state and its tasks'."""
    done = tradewind("dags", "trigger", dag_id, "--wait", "-o", "json", home=home)
    found = tradewind("dags", "list-runs", dag_id, "-o", "json", home=home)
    runs = [run for run in json.loads(found.stdout) if run["run_type"] == "manual"]
    assert len(runs) == 1, done.stdout + done.stderr
    shown = tradewind(
        *("tasks", "states-for-dag-run", dag_id, runs[0]["run_id"], "-o", "json"), home=home
    )
    return runs[0]["state"], {row["task_id"]: row["state"] for row in json.loads(shown.stdout)}


def test_processor_and_worker(dag_file: Path) -> None:
    """The processor publishes the file, the worker runs its tasks; the run gets a date."""
    home = dag_file.parents[1]
    with standalone(home):
        assert states(home, "old") == ("success", STATES)


def test_the_corpus_in_one_folder(tmp_path: Path) -> None:
    """Every file of the corpus is published by the processor, but for those that are refused."""
    corpus = Path(__file__).parent / "dags"
    shutil.copytree(corpus, tmp_path / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    refused = {path.name for path in corpus.glob("*.py") if "\nREFUSED = " in path.read_text()}
    files = len(list(corpus.glob("*.py"))) - len(refused)
    with standalone(tmp_path):
        for _ in range(60):  # each look takes the time of a process
            listed = json.loads(tradewind("dags", "list", "-o", "json", home=tmp_path).stdout)
            if len({row["fileloc"] for row in listed}) == files:
                break
        failed = tradewind("dags", "list-import-errors", "-o", "json", home=tmp_path)
        assert {Path(row["filepath"]).name for row in json.loads(failed.stdout)} == refused
        assert len({row["fileloc"] for row in listed}) == files
        assert states(tmp_path, "taskflow")[0] == "success"
        assert states(tmp_path, "native")[0] == "success"
        assert states(tmp_path, "any_task") == (
            "success",
            dict.fromkeys(("a", "b", "c", "d"), "success"),
        )
