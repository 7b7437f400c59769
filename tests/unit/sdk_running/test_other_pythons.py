"""Functions that are called in another Python: made for them, or there already."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tradewind.compat.airflow.modules.venvs import prepare_virtualenv
from tradewind.errors import DagError
from tradewind.sdk import (
    DAG,
    EmptyOperator,
    ExternalPythonOperator,
    PythonVirtualenvOperator,
    task,
)
from tradewind.testing import FakeClock, FinishedRun, run_dag

TEN = 10
TOOLS = Path(__file__).parents[3] / ".tools" / "bin"


@pytest.fixture(autouse=True)
def _uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{TOOLS}{os.pathsep}{os.environ['PATH']}")


def run(dag: DAG, **kwargs: Any) -> FinishedRun:
    return run_dag(dag, clock=FakeClock(), **kwargs)


def wheel(folder: Path) -> Path:
    """Write a package that nobody has: `windvane`, with one number in it."""
    path = folder / "windvane-1.0-py3-none-any.whl"
    files = {
        "windvane.py": "degrees = 270\n",
        "windvane-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: windvane\nVersion: 1.0\n",
        "windvane-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: t\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{n},sha256={_digest(t)},{len(t.encode())}" for n, t in files.items()]
    record.append("windvane-1.0.dist-info/RECORD,,")
    files["windvane-1.0.dist-info/RECORD"] = "\n".join(record) + "\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_a_function_runs_in_an_environment_made_for_it_once(tmp_path: Path) -> None:
    requirement = f"windvane @ {wheel(tmp_path).as_uri()}"
    cache = tmp_path / "venvs"
    with DAG("d", params={"n": 3}) as dag:

        @task.virtualenv(requirements=[requirement], venv_cache_path=cache)
        def turned(by: int, ds: str, params: dict[str, Any], logical_date: Any) -> dict[str, Any]:
            import sys  # noqa: PLC0415

            import windvane  # type: ignore[import-not-found] # noqa: PLC0415

            return {
                "degrees": windvane.degrees + by,
                "ds": ds,
                "n": params["n"],
                "year": logical_date.year,
                "prefix": sys.prefix,
            }

        turned(5)
        turned(6)
    finished = run(dag, logical_date="2026-03-01")
    first, second = finished.xcom("turned"), finished.xcom("turned__1")
    assert first | {"prefix": ""} == {
        "degrees": 275,
        "ds": "2026-03-01",
        "n": 3,
        "year": 2026,
        "prefix": "",
    }
    assert second["degrees"] == 276
    assert first["prefix"] == second["prefix"]
    assert Path(first["prefix"]).parent == cache
    assert "windvane" not in sys.modules


def test_an_environment_that_was_left_half_made_is_made_anew(tmp_path: Path) -> None:
    def where() -> str:
        import sys  # noqa: PLC0415

        return sys.prefix

    def once() -> FinishedRun:
        with DAG("d") as dag:
            PythonVirtualenvOperator(
                task_id="t", python_callable=where, venv_cache_path=str(tmp_path)
            )
        return run(dag)

    place = Path(once().xcom("t"))
    (place / "tradewind-complete").unlink()
    (place / "bin" / "python").unlink()
    assert Path(once().xcom("t")) == place


def test_what_cannot_be_installed_is_told(tmp_path: Path) -> None:
    with DAG("d") as dag:

        @task.virtualenv(
            requirements=[f"gone @ {(tmp_path / 'gone-1.0-py3-none-any.whl').as_uri()}"],
            venv_cache_path=tmp_path,
        )
        def never() -> None: ...

        never()
    reason = run(dag).get_task_instance("never").reason  # type: ignore[union-attr]
    assert reason is not None
    assert "a virtual environment with gone @ file://" in reason
    assert "cannot be made" in reason


def test_another_python_gets_arguments_and_environment() -> None:
    def told(a: int, *, b: int, **context: Any) -> list[Any]:
        import os  # noqa: PLC0415

        return [a + b, os.environ["WIND"], os.environ["AIRFLOW_CTX_TASK_ID"], "ti" in context]

    with DAG("d") as dag:
        ExternalPythonOperator(
            task_id="t",
            python=sys.executable,
            python_callable=told,
            op_args=[1],
            op_kwargs={"b": 2},
            env_vars={"WIND": "{{ 'west' }}"},
            inherit_env=False,
        )
    assert run(dag).xcom("t") == [3, "west", "t", False]


def test_async_functions_and_string_args() -> None:
    with DAG("d") as dag:

        @task.external_python(python=sys.executable, string_args=["x"])
        async def later() -> Any:
            return virtualenv_string_args  # type: ignore[name-defined] # noqa: F821

        later()
    assert run(dag).xcom("later") == ["x"]


def test_failures_are_named_and_exit_codes_skip() -> None:
    with DAG("d") as dag:

        @task.external_python(python=sys.executable)
        def fails() -> int:
            return TEN  # a name of the module does not go along

        @task.external_python(python=sys.executable, skip_on_exit_code=7)
        def skips() -> None:
            import sys  # noqa: PLC0415

            sys.exit(7)

        @task.external_python(python="/no/such/python")
        def lost() -> None: ...

        fails()
        skips()
        lost()
    finished = run(dag)
    reasons = {ti.task_id: (str(ti.state), ti.reason or "") for ti in finished.task_instances}
    assert reasons["fails"][0] == "failed"
    assert "fails() in" in reasons["fails"][1]
    assert "raised NameError: name 'TEN' is not defined" in reasons["fails"][1]
    assert reasons["skips"][0] == "skipped"
    assert "there is no program '/no/such/python'" in reasons["lost"][1]


def test_a_branch_is_chosen_in_another_python() -> None:
    with DAG("d") as dag:

        @task.branch_external_python(python=sys.executable)
        def choose() -> str:
            return "left"

        choose() >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
    finished = run(dag)
    states = {ti.task_id: str(ti.state) for ti in finished.task_instances}
    assert states == {"choose": "success", "left": "success", "right": "skipped"}


def test_only_functions_with_a_name_and_known_serializers() -> None:
    with DAG("d"), pytest.raises(DagError, match="write a def instead of a lambda"):
        PythonVirtualenvOperator(task_id="t", python_callable=lambda: 1)
    with DAG("d"), pytest.raises(DagError, match="serializer: 'json' is not one of pickle"):
        ExternalPythonOperator(
            task_id="t", python=sys.executable, python_callable=run, serializer="json"
        )


def test_a_provider_has_an_environment_made(tmp_path: Path) -> None:
    wanted = tmp_path / "requirements.txt"
    wanted.write_text(f"\n{wheel(tmp_path)}\n")
    python = prepare_virtualenv(
        str(tmp_path / "venv"),
        sys.executable,
        system_site_packages=False,
        requirements_file_path=str(wanted),
    )
    asked = [python, "-c", "import windvane; print(windvane.degrees)"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "270\n"
    with pytest.raises(ValueError, match="not both"):
        prepare_virtualenv(
            "v",
            "python3",
            system_site_packages=True,
            requirements=["a"],
            requirements_file_path="r",
        )
