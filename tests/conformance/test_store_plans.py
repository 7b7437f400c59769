"""What the scheduler asks and writes at every turn uses an index, however long the history is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from tests.conformance.store_world import Leader
from tradewind.store import inbox
from tradewind.store.connect import Database, open_database
from tradewind.store.read import scheduling, task_list
from tradewind.store.read.paging import Slice

GROWING = ("dag_run", "task_instance", "attempt", "ti_event", "xcom", "rendered", "inbox")


class Recorder:
    """The statements that a database was given, with their values."""

    def __init__(self, db: Database) -> None:
        self.statements: list[str] = []

        @event.listens_for(db.engine, "checkout")
        def _listen(connection: Any, _record: object, _proxy: object) -> None:
            connection.set_trace_callback(self.statements.append)


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    opened = open_database(sqlite_url)
    yield opened
    opened.close()


def scans(db: Database, statements: list[str]) -> list[str]:
    """Return the steps that read all of a growing table."""
    found = []
    for statement in statements:
        if not statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            continue
        with db.read() as conn:
            steps = [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
        for step in steps:
            words = step.split()
            # The newest of all is the end of the table; partial indexes hold what is live only.
            newest = "DESC" in statement and "LIMIT 1" in statement
            if words[0] == "SCAN" and words[1] in GROWING and "INDEX" not in words and not newest:
                found.append(f"{step}: {statement}")
    return found


def test_what_a_turn_writes_is_found_by_an_index(db: Database) -> None:
    recorder = Recorder(db)
    leader = Leader(db)
    run = leader.start_run()
    leader.run_once(run)
    leader.claim(leader.queue(leader.create(run, "b")))
    updates = [s for s in recorder.statements if s.startswith("UPDATE")]
    assert {s.split()[1] for s in updates} >= {"task_instance", "attempt", "dag_run"}
    assert scans(db, list(recorder.statements)) == []


def test_what_the_leader_reads_is_found_by_an_index(db: Database) -> None:
    recorder = Recorder(db)
    scheduling.active_runs(db)
    scheduling.run(db, 1)
    scheduling.run_rows(db, 1)
    scheduling.newest_event(db)
    scheduling.latest_version(db, "d")
    inbox.pending(db, 100)
    assert len([s for s in recorder.statements if s.startswith("SELECT")]) >= 5
    assert scans(db, list(recorder.statements)) == []


def test_a_read_of_everything_would_be_found(db: Database) -> None:
    everything = "SELECT * FROM task_instance WHERE state = 'running'"
    assert len(scans(db, [everything])) == 1


def test_failed_tasks_are_found_by_an_index_among_all_runs(db: Database) -> None:
    recorder = Recorder(db)
    failed = task_list.TaskFilter(state=["failed"])
    found = task_list.find(db, task_list.Within(), failed, Slice(limit=50), readable=None)
    assert found == ([], 0)
    lists = [s for s in recorder.statements if s.startswith("SELECT")]
    assert len(lists) == 2
    for statement in lists:
        with db.read() as conn:
            steps = [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
        assert any("ix_task_instance_failed" in step for step in steps), steps
