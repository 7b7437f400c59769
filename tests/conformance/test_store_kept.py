"""The connection that the leader's turns are committed on is kept, and replaced when it must be."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from tests.conformance.store_world import Leader, a_run
from tradewind.errors import Conflict, Fenced, Unavailable
from tradewind.model.run import TaskInstance
from tradewind.store import leases
from tradewind.store.connect import Database, open_database
from tradewind.store.read import scheduling


@pytest.fixture
def leader(db: Database) -> Leader:
    return Leader(db)


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    db = open_database(database_url)
    yield db
    db.close()


def tasks(db: Database, run_pk: int) -> list[str]:
    rows = scheduling.run_rows(db, run_pk)
    assert rows is not None
    return sorted(ti.task_id for ti in rows.instances)


def test_every_turn_uses_the_same_connection(db: Database, leader: Leader) -> None:
    seen = []
    for _ in range(3):
        with db.turn() as raw:
            seen.append(id(raw))
    assert len(set(seen)) == 1


def test_a_turn_that_is_refused_leaves_nothing_and_the_next_one_works(
    db: Database, leader: Leader
) -> None:
    run = leader.start_run()
    ti = leader.create(run, "a")
    with pytest.raises(Conflict):
        leader.apply(created=[TaskInstance(run_pk=run.run_pk, task_id="b", map_index=-1), ti])
    assert tasks(db, run.run_pk) == ["a"]
    leader.create(run, "c")
    assert tasks(db, run.run_pk) == ["a", "c"]


def test_a_turn_of_a_former_leader_leaves_nothing_open(
    db: Database, leader: Leader, other: Database
) -> None:
    run = leader.start_run()
    leases.release(other, leases.SCHEDULER, leader.epoch)
    with pytest.raises(Fenced):
        leader.create(run)
    assert tasks(other, run.run_pk) == []
    # Nothing is held: others can write at once.
    assert Leader(other).epoch > leader.epoch


def test_others_see_a_turn_when_it_is_committed(
    db: Database, leader: Leader, other: Database
) -> None:
    run = leader.start_run(a_run("seen"))
    leader.create(run)
    assert tasks(other, run.run_pk) == ["a"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_commits_on_a_connection_of_its_own(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    leader.create(run, "parent")
    child = os.fork()
    if child == 0:
        failed = True
        try:
            leader.create(run, "child")
            failed = False
        finally:
            os._exit(failed)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    leader.create(run, "parent2")
    assert tasks(db, run.run_pk) == ["child", "parent", "parent2"]


@pytest.mark.postgres
def test_a_connection_that_the_server_ended_is_replaced(postgres_url: str) -> None:
    db, other = open_database(postgres_url), open_database(postgres_url)
    leader = Leader(db)
    run = leader.start_run()
    leader.create(run, "a")
    end_other_connections(other)
    leader.create(run, "b")
    with pytest.raises(Unavailable), db.turn() as raw:  # noqa: PT012  the whole block is rolled back
        end_other_connections(other)
        raw.execute("UPDATE lease SET counter = counter + 1")
    leader.create(run, "c")
    assert tasks(db, run.run_pk) == ["a", "b", "c"]
    db.close()
    other.close()


def end_other_connections(db: Database) -> None:
    with db.write() as conn:
        conn.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
