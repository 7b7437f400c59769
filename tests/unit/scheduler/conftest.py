"""What the scheduler's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.scheduler.town import Found, Town
from tradewind.model.spec import DagSpec


@pytest.fixture
def found(tmp_path: Path, sqlite_template: Path) -> Iterator[Found]:
    towns: list[Town] = []

    def make(spec: DagSpec, **settings: Any) -> Town:
        towns.append(Town(tmp_path, sqlite_template, spec, **settings))
        return towns[-1]

    yield make
    for town in towns:
        town.cluster.close()
