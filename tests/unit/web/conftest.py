from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow_client.client import ApiClient

from tests.unit.web import official
from tests.unit.web.history import History
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


@pytest.fixture
def past(world: World) -> History:
    return History(world)


@pytest.fixture
def api(world: World, admin: Client) -> ApiClient:
    """The official client, as an administrator."""
    return official.api(admin)


@pytest.fixture
def narrow(world: World, admin: Client) -> Client:
    """Somebody with the role of an operator who may see and edit the DAG etl only."""
    return world.person("nora", Role.OP, {"etl": True})
