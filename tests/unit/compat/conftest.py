"""Tests of Airflow's names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tradewind.compat import airflow


@pytest.fixture(autouse=True)
def _airflow() -> Iterator[None]:
    """Let `import airflow` lead to Tradewind, from the start."""
    airflow.uninstall()
    airflow.install()
    yield
    airflow.uninstall()
