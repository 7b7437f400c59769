"""Who listens to a browser's feed hears of commits, and looks only then."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Iterator

import pytest

from tests.conformance.store_world import Leader, a_run
from tradewind.errors import Fenced
from tradewind.store.apply import apply
from tradewind.store.commits import Commits
from tradewind.store.connect import Database, open_database
from tradewind.store.signal import Signal
from tradewind.store.turn import NewRun
from tradewind.web.screens.feed import Feed, Message


@pytest.fixture
def lite(sqlite_url: str) -> Iterator[Database]:
    db = open_database(sqlite_url)
    Leader(db)  # its lease is the first write of the log
    yield db
    db.close()


def heard(commits: Commits, wait_s: float = 0) -> bool:
    return bool(select.select([commits], [], [], wait_s)[0])


def test_a_commit_of_another_process_is_heard_once(lite: Database, sqlite_url: str) -> None:
    other = open_database(sqlite_url)
    commits = Commits(lite)
    assert commits.audible
    assert not heard(commits)
    Leader(other).start_run()
    assert heard(commits, 10)
    commits.drain()
    with lite.read() as conn:
        conn.exec_driver_sql("SELECT count(*) FROM dag_run").scalar()
    assert not heard(commits)
    commits.close()
    other.close()


def test_without_a_log_nothing_can_be_heard(lite: Database) -> None:
    commits = Commits(lite)
    assert lite.sqlite_path is not None
    log = lite.sqlite_path.with_name(lite.sqlite_path.name + "-wal")
    log.rename(log.with_name("gone"))
    log.with_name("gone").unlink()
    lite.close()
    assert heard(commits, 10)
    commits.drain()
    assert not commits.audible
    assert not Commits(lite).audible


# ---- PostgreSQL -----------------------------------------------------------------------------


@pytest.fixture
def grown(postgres_url: str) -> Iterator[Database]:
    db = open_database(postgres_url)
    yield db
    db.close()


@pytest.mark.postgres
def test_a_turn_is_heard_when_it_is_announced(grown: Database) -> None:
    commits, leader = Commits(grown), Leader(grown)
    assert commits.audible
    assert commits.takes_asking
    # Both ways of writing a turn: with new runs, and without.
    for turn in (leader.turn(new_runs=[NewRun(run=a_run("r1"))]), leader.turn(pending=[])):
        apply(grown, turn)
        assert not heard(commits)
        apply(grown, turn if not turn.new_runs else leader.turn(), announce=True)
        assert heard(commits, 10)
        commits.drain()
        assert not heard(commits)
    apply(grown, leader.turn(new_runs=[NewRun(run=a_run("r2"))]), announce=True)
    assert heard(commits, 10)
    commits.close()


@pytest.mark.postgres
def test_a_turn_that_is_refused_is_not_announced(grown: Database) -> None:
    commits, leader = Commits(grown), Leader(grown)
    late = Leader(grown)
    with pytest.raises(Fenced):
        apply(grown, leader.turn(), announce=True)
    apply(grown, late.turn())
    assert not heard(commits)
    commits.close()


@pytest.mark.postgres
def test_who_listens_asks_the_leader_to_announce(grown: Database) -> None:
    signal = Signal(grown, listen=True)
    Signal(grown).ring()
    signal.wait(10)
    assert signal.askings == 0

    async def listen() -> None:
        feed = Feed(grown)
        queue = await feed.listen()
        try:
            while not signal.askings:
                await asyncio.to_thread(signal.wait, 10)
        finally:
            feed.leave(queue)

    asyncio.run(asyncio.wait_for(listen(), 30))
    assert signal.askings == 1
    signal.close()


@pytest.mark.postgres
def test_a_lost_connection_is_made_again(grown: Database) -> None:
    commits, leader = Commits(grown), Leader(grown)
    with grown.write() as conn:
        conn.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'LISTEN%%' AND datname = current_database()"
        )
    while commits.audible:
        # The server says good-bye first.
        assert heard(commits, 10)
        commits.drain()
    commits.recover()
    apply(grown, leader.turn(), announce=True)
    assert heard(commits, 10)
    commits.close()


# ---- both -----------------------------------------------------------------------------------


async def first_news(db: Database, change: Leader) -> Message | None:
    feed = Feed(db)
    queue = await feed.listen()
    await asyncio.to_thread(change.start_run)
    try:
        return await asyncio.wait_for(queue.get(), 20)
    finally:
        feed.leave(queue)


def test_a_listener_is_told_what_was_committed(db: Database) -> None:
    message = asyncio.run(first_news(db, Leader(db)))
    assert message is not None
    assert message[1][-1].subject == "run"
