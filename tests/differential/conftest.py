"""Tradewind beside Apache Airflow itself: `make test-differential`, which installs Airflow.

`TRADEWIND_TEST_AIRFLOW` names the Python that has Airflow; without it nothing here is collected.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.differential.airflow_side import CORPUS_ENVIRONMENT, AirflowSide
from tradewind.compat import airflow
from tradewind.model.defaults import DagDefaults
from tradewind.sdk import defaults

PYTHON = os.environ.get("TRADEWIND_TEST_AIRFLOW")

collect_ignore_glob = [] if PYTHON else ["test_*.py"]


@pytest.fixture(scope="session")
def airflow_side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowSide]:
    """Airflow, in one process for the whole session."""
    assert PYTHON is not None
    side = AirflowSide(Path(PYTHON), tmp_path_factory.mktemp("airflow"))
    yield side
    side.close()


@pytest.fixture(autouse=True)
def _airflow_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `import airflow` lead to Tradewind on our side."""
    for name, value in CORPUS_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    airflow.uninstall()
    airflow.install()
    before = defaults.install(DagDefaults())
    yield
    defaults.install(before)
    airflow.uninstall()
