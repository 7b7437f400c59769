from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.web.world import Client, World
from tradewind.model.account import Role
from tradewind.store.connect import Database, open_database


@pytest.fixture
def lite(sqlite_url: str) -> Iterator[Database]:
    db = open_database(sqlite_url, durable=False)
    yield db
    db.close()


@pytest.fixture
def world(lite: Database, tmp_path: Path) -> World:
    return World(lite, tmp_path / "home")


@pytest.fixture
def admin(world: World) -> Client:
    return world.person("ada", Role.ADMIN)
