"""Plain `python my_dag.py` with the extra `airflow-import`, and pytest with the plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance

PACKAGE = Path(__file__).parents[2] / "packages" / "airflow-import"

DAG_FILE = """
from airflow import DAG
from airflow.operators.python_operator import PythonOperator
from airflow.providers.standard.operators.bash import BashOperator
import airflow.utils.dates

def first(execution_date, **context):
    return 20

def second(ti):
    if ti.try_number == 1:
        raise OSError("the first try fails")
    return ti.xcom_pull("first") + 1

with DAG("mine", schedule_interval=None) as dag:
    a = PythonOperator(task_id="first", python_callable=first)
    a >> PythonOperator(task_id="second", python_callable=second, retries=1, retry_delay=0.1)

if __name__ == "__main__":
    print("state:", dag.test(execution_date="2026-03-01").state)
"""

TEST_FILE = """
import pathlib
import pytest

def test_import(load_dags):
    dags = load_dags(pathlib.Path(__file__).parent / "my_dag.py")
    assert list(dags) == ["mine"]

@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_run(load_dags, run_dag):
    dag = load_dags(pathlib.Path(__file__).parent / "my_dag.py")["mine"]
    run = run_dag(dag, logical_date="2026-03-01")
    assert run.state == "success"
    assert run.get_task_instance("second").try_number == 2

def test_one_task(load_dags, run_task):
    dag = load_dags(pathlib.Path(__file__).parent / "my_dag.py")["mine"]
    task = run_task(dag, "second", xcoms={"first": 5})
    assert (task.state, task.xcom_pull()) == ("success", 6)

def test_own_import():
    from airflow.models import DagBag
    bag = DagBag(pathlib.Path(__file__).parent, include_examples=False)
    assert bag.import_errors == {}
    assert bag.size() == 1

def test_clock(fake_clock):
    before = fake_clock.now()
    fake_clock.wait(3600)
    assert (fake_clock.now() - before).total_seconds() == 3600
"""


def run(*command: str, path: Path | None = None, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": "" if path is None else str(path)}
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.fixture
def dag_file(tmp_path: Path) -> Path:
    file = tmp_path / "my_dag.py"
    file.write_text(DAG_FILE)
    return file


def test_plain_python(dag_file: Path) -> None:
    done = run(str(dag_file), path=PACKAGE, cwd=dag_file.parent)
    assert done.returncode == 0, done.stderr
    assert "state: success" in done.stdout


def test_without_the_extra_there_is_no_airflow(dag_file: Path) -> None:
    done = run(str(dag_file), cwd=dag_file.parent)
    assert "No module named 'airflow'" in done.stderr


def test_it_refuses_beside_a_real_airflow(tmp_path: Path) -> None:
    metadata = tmp_path / "apache_airflow_core-3.3.2.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: apache-airflow-core\nVersion: 3.3.2\n"
    )
    both = Path(f"{PACKAGE}{os.pathsep}{tmp_path}")
    done = run("-c", "import airflow", path=both, cwd=tmp_path)
    assert "apache-airflow-core and tradewind-airflow-import are both installed" in done.stderr


def test_a_real_package_is_found_first(tmp_path: Path) -> None:
    """In one folder, as pip installs them: neither overwrites the other."""
    (tmp_path / "airflow.py").write_text((PACKAGE / "airflow.py").read_text())
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow" / "__init__.py").write_text("real = True")
    done = run("-c", "import airflow; print(airflow.real)", path=tmp_path, cwd=tmp_path.parent)
    assert done.stdout == "True\n"


def test_the_pytest_plugin(dag_file: Path) -> None:
    (dag_file.parent / "test_mine.py").write_text(TEST_FILE)
    done = run("-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:xdist", cwd=dag_file.parent)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_the_pytest_plugin_lets_an_installed_airflow_be(dag_file: Path) -> None:
    folder = dag_file.parent
    (folder / "airflow").mkdir()
    (folder / "airflow" / "__init__.py").write_text("real = True")
    (folder / "test_real.py").write_text("import airflow\ndef test():\n    assert airflow.real\n")
    done = run("-m", "pytest", "-q", "test_real.py", path=folder, cwd=folder)
    assert "1 passed" in done.stdout, done.stdout
    (folder / "pytest.ini").write_text("[pytest]\ntradewind_airflow = always\n")
    done = run("-m", "pytest", "-q", "test_real.py", path=folder, cwd=folder)
    assert "has no attribute 'real'" in done.stdout
    (folder / "pytest.ini").write_text("[pytest]\ntradewind_airflow = perhaps\n")
    done = run("-m", "pytest", "-q", "test_real.py", path=folder, cwd=folder)
    assert "it should be auto, always, never" in done.stderr
