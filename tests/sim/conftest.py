from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.sim.reached import Reached


@pytest.fixture
def reached(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reached:
    """Who adds up what the chunks of this test's batches reached, in all processes."""
    shared: Path = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    return Reached(shared / "reached" / request.module.__name__)
