"""Opening, reading and writing; and what is said when that cannot be done."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from tests.servers import PostgresServer
from tradewind.errors import Bug, ConfigError, Conflict, Unavailable, UserError
from tradewind.store.connect import Database, open_database
from tradewind.store.failures import explain, full_disk
from tradewind.store.filelock import FileLock
from tradewind.store.tables import lease, task_instance

ROW = {"name": "x", "holder": "h", "epoch": 1, "counter": 0}


def count(db: Database) -> int:
    with db.read() as conn:
        return len(conn.execute(select(lease.c.name)).all())


# ---- transactions ---------------------------------------------------------------------------


def test_a_block_is_written_whole(db: Database) -> None:
    with db.write() as conn:
        conn.execute(insert(lease), ROW)
    assert count(db) == 1


def test_a_block_that_raises_writes_nothing(db: Database) -> None:
    with pytest.raises(KeyError), db.write() as conn:  # noqa: PT012  the whole block is rolled back
        conn.execute(insert(lease), ROW)
        raise KeyError
    assert count(db) == 0


def test_a_reader_does_not_wait_for_a_writer(db: Database) -> None:
    with db.write() as conn:
        conn.execute(insert(lease), ROW)
        assert count(db) == 0
    assert count(db) == 1


def test_a_reader_on_sqlite_sees_one_snapshot(sqlite_url: str) -> None:
    db = open_database(sqlite_url)
    with db.read() as reader:
        assert reader.execute(select(lease.c.name)).all() == []
        with db.write() as conn:
            conn.execute(insert(lease), ROW)
        assert reader.execute(select(lease.c.name)).all() == []
    assert count(db) == 1
    db.close()


def test_a_constraint_that_refuses_is_a_conflict(db: Database) -> None:
    with pytest.raises(Conflict), db.write() as conn:
        conn.execute(insert(lease), [ROW, ROW])
    assert count(db) == 0


def test_writers_take_turns(db: Database) -> None:
    with db.write() as conn:
        conn.execute(insert(lease), ROW)

    def add() -> None:
        for _ in range(20):
            with db.write() as conn:
                conn.execute(lease.update().values(counter=lease.c.counter + 1))

    threads = [threading.Thread(target=add) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.read() as conn:
        assert conn.execute(select(lease.c.counter)).scalar_one() == 100


def test_a_memo_is_loaded_once(db: Database) -> None:
    values = iter(["first", "second"])
    for _ in range(3):
        assert db.memo("k", lambda: next(values)) == "first"


def test_sqlite_is_durable_and_writes_ahead(sqlite_url: str) -> None:
    db = open_database(sqlite_url)
    with db.read() as conn:
        assert conn.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert conn.execute(text("PRAGMA synchronous")).scalar() == 2
    db.close()


@pytest.mark.postgres
def test_every_wait_on_postgresql_is_bounded(postgres_url: str) -> None:
    db = open_database(postgres_url)
    expected = {
        "lock_timeout": "5s",
        "statement_timeout": "1min",
        "idle_in_transaction_session_timeout": "5s",
        "transaction_isolation": "read committed",
        "synchronous_commit": "on",
        "TimeZone": "UTC",
    }
    with db.read() as conn:
        for name, value in expected.items():
            assert conn.execute(text(f"SHOW {name}")).scalar() == value
    db.close()


# ---- what cannot be opened -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense secret", "not a database URL"),
        ("mysql://root:secret@h/d", "'mysql' database, which is not supported"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("postgresql://u:secret@h:port/d", "not a database URL"),
    ],
)
def test_a_wrong_url_is_told_without_its_password(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        open_database(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg2", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_opens(scheme: str) -> None:
    db = open_database(f"{scheme}://u@127.0.0.1:1/d")
    assert db.dialect == "postgresql"
    with pytest.raises(Unavailable, match="cannot be reached"), db.read():
        pass


def test_a_database_without_tables_is_told(empty_url: str) -> None:
    db = open_database(empty_url)
    with pytest.raises(ConfigError, match="tradewind db migrate"):
        count(db)
    with pytest.raises(ConfigError, match="tradewind db migrate"), db.write() as conn:
        conn.execute(insert(lease), ROW)
    db.close()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"not a database" * 1000)
    db = open_database(f"sqlite:///{path}")
    with pytest.raises(ConfigError, match="damaged"):
        count(db)
    db.close()


@pytest.mark.postgres
def test_a_missing_postgresql_database_is_told(postgres_server: PostgresServer) -> None:
    db = open_database(postgres_server.url("nobody_made_this"))
    with pytest.raises((ConfigError, Unavailable), match="nobody_made_this"), db.read():
        pass


# ---- what goes wrong on the way ----------------------------------------------------------------


def test_a_full_disk_is_told_and_writes_nothing(sqlite_url: str) -> None:
    db = open_database(sqlite_url)
    with pytest.raises(Unavailable, match="the disk is full"), db.write() as conn:  # noqa: PT012  the whole block is rolled back
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
        conn.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        conn.execute(insert(lease), ROW | {"holder": "h" * 100_000})
    db.close()
    again = open_database(sqlite_url)
    assert count(again) == 0
    again.close()


def test_only_a_disk_without_room_is_called_full(tmp_path: Path) -> None:
    assert full_disk(tmp_path / "a.db") is None
    assert full_disk(Path("/proc/a.db")) is None
    assert full_disk(tmp_path / "no" / "such" / "a.db") is None


def test_a_foreign_program_that_locks_the_file_is_told(sqlite_url: str) -> None:
    path = sqlite_url.removeprefix("sqlite:///")
    first, second = (sqlite3.connect(path, isolation_level=None, timeout=0) for _ in range(2))
    first.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError) as caught:
        second.execute("BEGIN IMMEDIATE")
    first.close()
    second.close()
    ours = explain(caught.value, Path(path))
    assert isinstance(ours, Unavailable)
    assert f"{path} is locked by another program" in str(ours)


@pytest.mark.postgres
def test_a_server_that_ends_the_connection_is_unavailable_then_well(postgres_url: str) -> None:
    db, other = open_database(postgres_url), open_database(postgres_url)
    count(db)
    with pytest.raises(Unavailable), db.write() as conn:  # noqa: PT012  the whole block is rolled back
        conn.execute(insert(lease), ROW)
        end_other_connections(other)
        conn.execute(insert(lease), ROW | {"name": "y"})
    assert count(db) == 0
    db.close()
    other.close()


@pytest.mark.postgres
def test_a_connection_that_ended_while_idle_is_replaced(postgres_url: str) -> None:
    db, other = open_database(postgres_url), open_database(postgres_url)
    count(db)
    end_other_connections(other)
    assert count(db) == 0
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


@pytest.mark.postgres
def test_a_value_that_no_row_can_have_is_the_callers_fault(postgres_url: str) -> None:
    db = open_database(postgres_url)
    number = task_instance.c.map_index
    with pytest.raises(UserError, match="integer out of range"), db.read() as conn:
        conn.execute(select(number).where(number == 2**40))
    db.close()


def test_other_errors_are_bugs_and_stay_as_they_are(db: Database) -> None:
    with pytest.raises(Exception, match="syntax") as caught, db.read() as conn:
        conn.execute(text("SELECT FROM WHERE"))
    assert explain(ValueError("x")) is None
    assert not isinstance(caught.value, Unavailable | ConfigError | Conflict)


# ---- the lock -----------------------------------------------------------------------------------

HOLD = """
import fcntl, sys
handle = open(sys.argv[1], "a")
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_stuck_writer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.db.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        lock = FileLock(path, patience_s=0.2)
        with pytest.raises(Unavailable, match=f"process {holder.pid} has kept"), lock.held():
            pass
        holder.kill()
    # The waiter that was left behind lets go as soon as it gets the lock.
    with FileLock(path, patience_s=5).held(), pytest.raises(BlockingIOError):  # noqa: PT012  the whole block is rolled back
        other = os.open(path, os.O_RDWR)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_who_waits_gets_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.db.lock"
    order: list[str] = []
    first, second = FileLock(path), FileLock(path)

    def wait() -> None:
        with second.held():
            order.append("second")

    with first.held():
        thread = threading.Thread(target=wait)
        thread.start()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_write_in_a_write_is_a_bug(sqlite_url: str) -> None:
    db = open_database(sqlite_url)
    with pytest.raises(Bug), db.write(), db.write():
        pass
    with db.write() as conn:
        conn.execute(insert(lease), ROW)
    db.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_neither_keeps_the_lock_nor_breaks_the_parent(sqlite_url: str) -> None:
    db = open_database(sqlite_url)
    reading, writing = os.pipe()
    with db.write() as conn:
        conn.execute(insert(lease), ROW)
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0 if count(db) == 1 else 1)
    path = Path(sqlite_url.removeprefix("sqlite:///") + ".lock")
    with FileLock(path, patience_s=2).held():
        pass
    os.write(writing, b"x")
    os.close(writing)
    os.close(reading)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert count(db) == 1
    db.close()
