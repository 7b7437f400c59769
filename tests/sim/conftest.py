from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.sim.reached import Reached
from tests.unit.scheduler.conftest import found

__all__ = ["found", "reached"]


@pytest.fixture
def reached(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reached:
    """Who adds up what the chunks of this test's batches reached, in all processes."""
    name = request.module.__name__.rpartition(".")[2]
    kept: Path | None = request.config.getoption("--counts")
    if kept is not None:
        return Reached(kept / name)
    shared: Path = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    return Reached(shared / "reached" / name)
