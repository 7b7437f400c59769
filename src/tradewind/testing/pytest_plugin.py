"""Fixtures for tests of DAGs, with no server and no database; a pytest plugin.

In pytest, `import airflow` leads to Tradewind, unless Apache Airflow is installed: then it is
that, and `tradewind_airflow = always` in the ini file changes it (`never` leaves every import
alone).

Nothing is imported before it is needed: the plugin is loaded wherever Tradewind is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tradewind.testing.clock import FakeClock
    from tradewind.testing.runs import FinishedRun, FinishedTask

_SETTING = "tradewind_airflow"
_CHOICES = ("auto", "always", "never")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini setting."""
    parser.addini(
        _SETTING,
        "Whether `import airflow` is Tradewind: auto (unless Apache Airflow is installed), "
        "always, never.",
        default="auto",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let `import airflow` lead to Tradewind, if it is to."""
    choice = str(config.getini(_SETTING))
    if choice not in _CHOICES:
        raise pytest.UsageError(f"{_SETTING} = {choice}: it should be {', '.join(_CHOICES)}")
    if choice == "never" or (choice == "auto" and _airflow_is_installed()):
        return
    import_module("tradewind.compat.airflow").install()


def _airflow_is_installed() -> bool:
    found = PathFinder.find_spec("airflow")
    # Provider packages alone are a folder without a file of its own.
    return found is not None and found.origin is not None


@pytest.fixture
def fake_clock() -> FakeClock:
    """Return a clock that jumps: retries, sensors and triggers take no time."""
    from tradewind.testing.clock import FakeClock  # noqa: PLC0415  when it is needed

    return FakeClock()


@pytest.fixture
def load_dags() -> Callable[..., dict[str, Any]]:
    """Return a function that imports a DAG file and returns its DAGs by id.

    It raises what importing the file raises, and DagError for a DAG that cannot be published.
    """
    from tradewind.sdk.build import to_spec  # noqa: PLC0415
    from tradewind.sdk.loading import load_dag_file  # noqa: PLC0415

    def load(path: str | Path, folder: str | Path | None = None) -> dict[str, Any]:
        file = Path(path).absolute()
        dags = load_dag_file(str(file), str(Path(folder or file.parent).absolute())).dags
        for dag in dags.values():
            to_spec(dag)
        return dict(dags)

    return load


@pytest.fixture
def run_dag(fake_clock: FakeClock) -> Callable[..., FinishedRun]:
    """Return `tradewind.testing.run_dag`, with a clock that jumps."""
    from tradewind.testing.rundag import run_dag as run  # noqa: PLC0415

    def go(dag: Any, **how: Any) -> FinishedRun:
        return run(dag, **{"clock": fake_clock, **how})

    return go


@pytest.fixture
def run_task(run_dag: Callable[..., FinishedRun]) -> Callable[..., FinishedTask]:
    """Return a function that runs one task of a DAG, as if nothing were before it.

    It takes the DAG, the task's id, `run_dag`'s arguments, and `xcoms`: what other tasks have
    returned, by their ids.
    """

    def go(
        dag: Any, task_id: str, *, xcoms: Mapping[str, Any] | None = None, **how: Any
    ) -> FinishedTask:
        from tradewind.testing.store import MemoryStore  # noqa: PLC0415

        store = how.pop("store", None) or MemoryStore()
        store.returned.update(xcoms or {})
        alone = dag.partial_subset([task_id], include_upstream=False)
        found = run_dag(alone, store=store, **how).get_task_instance(task_id)
        assert found is not None, f"{task_id} is mapped: run the DAG"
        return found

    return go
