"""Who listens to a browser's feed hears of commits, and looks only then."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Iterator

import pytest

from tests.conformance.store_world import Leader
from tradewind.store.commits import Commits
from tradewind.store.connect import Database, open_database
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
