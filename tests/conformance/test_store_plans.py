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


# ---- lists of task instances ----------------------------------------------------------------

WITHIN_ALL = task_list.Within()
LISTS: dict[str, tuple[task_list.Within, task_list.TaskFilter]] = {
    "failed": (WITHIN_ALL, task_list.TaskFilter(state=["failed"])),
    "skipped": (WITHIN_ALL, task_list.TaskFilter(state=["skipped", "upstream_failed"])),
    "running": (WITHIN_ALL, task_list.TaskFilter(state=["running", "queued", "null"])),
    "of a DAG": (task_list.Within(dag_ids={"d"}), task_list.TaskFilter()),
    "of a DAG's run": (task_list.Within(dag_ids={"d"}, run_ids={"r1"}), task_list.TaskFilter()),
    "of a run id": (task_list.Within(run_ids={"r1"}), task_list.TaskFilter()),
    "of a task": (WITHIN_ALL, task_list.TaskFilter(task_id="a")),
    "of tasks": (task_list.Within(task_ids={"a", "b"}), task_list.TaskFilter()),
    "of versions": (task_list.Within(by_version={1: {"a"}}), task_list.TaskFilter()),
    "like a DAG": (WITHIN_ALL, task_list.TaskFilter(dag_id_pattern="d")),
}


@pytest.mark.parametrize("name", LISTS)
def test_task_instances_are_not_all_read_for_a_list(db: Database, name: str) -> None:
    leader = Leader(db)
    run = leader.start_run()
    leader.run_once(run)
    leader.claim(leader.queue(leader.create(run, "b")))
    recorder = Recorder(db)
    within, wanted = LISTS[name]
    found, count = task_list.find(db, within, wanted, Slice(limit=50), readable=None)
    assert len(found) == count
    lists = [s for s in recorder.statements if s.startswith("SELECT")]
    assert len(lists) == (3 if found else 2)
    assert [s for s in scans(db, lists) if "dag_run" not in s.partition(":")[0]] == []


def test_what_failed_or_was_skipped_is_found_by_its_index(db: Database) -> None:
    recorder = Recorder(db)
    for name in ("failed", "skipped"):
        within, wanted = LISTS[name]
        task_list.find(db, within, wanted, Slice(limit=50, order_by=("id",)), readable={"d"})
    lists = [s for s in recorder.statements if s.startswith("SELECT")]
    assert len(lists) == 4
    for statement in lists:
        with db.read() as conn:
            steps = [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
        assert any("ix_task_instance_unsuccessful" in step for step in steps), steps


@pytest.mark.postgres
def test_the_same_index_serves_on_postgresql(postgres_url: str) -> None:
    db = open_database(postgres_url)
    asked: list[tuple[str, Any]] = []

    @event.listens_for(db.engine, "before_cursor_execute")
    def _note(_conn: Any, _cursor: Any, statement: str, values: Any, *_: object) -> None:
        asked.append((statement, values))

    within, wanted = LISTS["failed"]
    task_list.find(db, within, wanted, Slice(limit=50), readable=None)
    lists = [(statement, values) for statement, values in asked if "task_instance" in statement]
    assert len(lists) == 2
    with db.engine.connect() as conn:
        # The tables are empty: anything is as cheap as an index, unless it must not be used.
        conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, values in lists:
            plan = "\n".join(row[0] for row in conn.exec_driver_sql(f"EXPLAIN {statement}", values))
            assert "ix_task_instance_unsuccessful" in plan, plan
    db.close()
