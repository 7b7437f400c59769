"""What programs keep between runs, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.store_world import NOW, Leader, at
from tradewind.store import states
from tradewind.store.connect import Database
from tradewind.store.read.paging import Slice
from tradewind.store.states import Place

ALL = Slice(limit=100)


@pytest.fixture
def places(db: Database) -> list[Place]:
    """Two task instances of a run, and two assets."""
    leader = Leader(db)
    run = leader.start_run()
    tasks = [leader.create(run, "m", index).key for index in range(2)]
    return [*map(states.of_task, tasks), *map(states.of_asset, (1, 2))]


def put(db: Database, place: Place, key: str, value: Any, **fields: Any) -> None:
    with db.write() as conn:
        states.put(conn, place, key, value, **{"now": NOW, **fields})


def kept(db: Database, place: Place, now: Any = NOW) -> dict[str, Any]:
    return {found.key: found.value for found in states.find(db, place, now, ALL)[0]}


def test_each_owner_has_values_of_its_own(db: Database, places: list[Place]) -> None:
    for number, place in enumerate(places):
        put(db, place, "k", {"n": [number, None, "é"]})
    put(db, places[0], "k", None)
    put(db, places[0], "j", 1)
    found = [kept(db, place) for place in places]
    assert found == [{"j": 1, "k": None}, *({"k": {"n": [n, None, "é"]}} for n in (1, 2, 3))]
    with db.write() as conn:
        assert states.drop(conn, places[0], "k") == 1
        assert states.drop(conn, places[0], "k") == 0
        assert states.drop(conn, places[2]) == 1
    assert [kept(db, place) for place in places][:3] == [{"j": 1}, found[1], {}]


def test_values_end_and_their_rows_go(db: Database, places: list[Place]) -> None:
    place = places[0]
    put(db, place, "short", 1, expires_at=at(10))
    put(db, place, "long", 2, expires_at=at(20))
    put(db, place, "ever", 3)
    assert kept(db, place, at(9)) == {"ever": 3, "long": 2, "short": 1}
    assert kept(db, place, at(10)) == {"ever": 3, "long": 2}
    put(db, place, "ever", 4, now=at(15))
    assert kept(db, place, at(9)) == {"ever": 4, "long": 2}


def test_pages_are_in_the_order_of_keys(db: Database, places: list[Place]) -> None:
    for key in ("b", "a", "c"):
        put(db, places[3], key, key)
    found, count = states.find(db, places[3], NOW, Slice(limit=2, offset=1))
    assert ([one.key for one in found], count) == (["b", "c"], 3)
    (one,), count = states.find(db, places[3], NOW, ALL, key="c")
    assert (one.value, one.updated_at, one.expires_at, count) == ("c", NOW, None, 1)
