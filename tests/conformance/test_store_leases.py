from __future__ import annotations

import threading

import pytest

from tradewind.errors import Unavailable
from tradewind.store import leases
from tradewind.store.connect import Database, open_database
from tradewind.store.leases import Lease


def test_a_free_lease_is_taken_in_epoch_one(db: Database) -> None:
    assert leases.read(db, "x") is None
    assert leases.take(db, "x", "a", None) == 1
    assert leases.read(db, "x") == Lease("a", 1, 0)
    assert leases.take(db, "x", "b", None) is None


def test_a_beaten_lease_is_not_taken_by_who_saw_it_before(db: Database) -> None:
    epoch = leases.take(db, "x", "a", None)
    assert epoch is not None
    seen = leases.read(db, "x")
    assert leases.beat(db, "x", epoch)
    assert leases.take(db, "x", "b", seen) is None
    assert leases.take(db, "x", "b", leases.read(db, "x")) == 2
    assert not leases.beat(db, "x", epoch)


def test_a_released_lease_is_free_and_its_epoch_over(db: Database) -> None:
    leases.take(db, "x", "a", None)
    leases.release(db, "x", 1)
    assert not leases.beat(db, "x", 1)
    lease = leases.read(db, "x")
    assert lease is not None
    assert lease.holder == ""
    assert leases.take(db, "x", "b", lease) == 3
    leases.release(db, "x", 1)
    assert leases.read(db, "x") == Lease("b", 3, 2)


def test_one_of_many_takes_it(db: Database) -> None:
    leases.take(db, "x", "a", None)
    seen = leases.read(db, "x")
    taken: list[int | None] = []
    threads = [
        threading.Thread(target=lambda n=n: taken.append(leases.take(db, "x", f"h{n}", seen)))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(e for e in taken if e is not None) == [2]


@pytest.mark.postgres
def test_who_stands_still_in_a_transaction_keeps_nobody_from_the_lease(postgres_url: str) -> None:
    frozen, standby = open_database(postgres_url, name="first"), open_database(postgres_url)
    epoch = leases.take(frozen, "n", "first", None)
    seen = leases.read(standby, "n")
    assert epoch is not None
    with pytest.raises(Unavailable), frozen.turn() as raw:  # noqa: PT012  it goes on where it stood
        raw.execute("SELECT epoch FROM lease WHERE name = 'n' FOR UPDATE").fetchone()
        leases.evict(standby, "somebody else")
        leases.evict(standby, "first")
        assert leases.take(standby, "n", "second", seen) == epoch + 1
        raw.execute("UPDATE lease SET counter = counter + 1 WHERE name = 'n'")
    found = leases.read(standby, "n")
    assert found is not None
    assert found.holder == "second"
    frozen.close()
    standby.close()
