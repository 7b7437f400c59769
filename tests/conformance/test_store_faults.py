"""A commit whose fate is unknown, a full disk, writers that crowd."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.engine import make_url

from tests.conformance.store_world import Leader, attempt_of
from tradewind.errors import Unavailable
from tradewind.model.state import TaskState
from tradewind.store.apply import TurnConflict
from tradewind.store.connect import Database, open_database
from tradewind.store.read import scheduling
from tradewind.store.tables import lease

# ---- the fate of a commit ---------------------------------------------------------------------


class Proxy:
    """A TCP way to a PostgreSQL server that can be cut at a COMMIT: before it, or after it."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._server = (parsed.host or "", parsed.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = parsed.set(port=self._listener.getsockname()[1]).render_as_string(
            hide_password=False
        )
        self.cut: str | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server:
            while True:
                readable, _, _ = select.select([client, server], [], [])
                for source in readable:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    committing = source is client and b"COMMIT" in data
                    if committing and self.cut == "before":
                        return
                    (server if source is client else client).sendall(data)
                    if committing and self.cut == "after":
                        server.recv(1 << 16)
                        return


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    proxy = Proxy(postgres_url)
    yield proxy
    proxy.close()


def state_of(db: Database, run_pk: int) -> TaskState:
    rows = scheduling.run_rows(db, run_pk)
    assert rows is not None
    return rows.instances[0].state


@pytest.mark.postgres
def test_a_commit_whose_reply_is_lost_is_unknown_and_found_when_done_again(proxy: Proxy) -> None:
    db = open_database(proxy.url)
    leader = Leader(db)
    ti = leader.create(leader.start_run())
    queued, changes = leader.to_queued(ti)
    proxy.cut = "after"
    with pytest.raises(Unavailable):
        leader.apply(changes=changes, attempts=[attempt_of(queued)])
    proxy.cut = None
    # It was committed. The same turn again is refused, and names the run to read again.
    assert state_of(db, ti.run_pk) is TaskState.QUEUED
    with pytest.raises(TurnConflict) as refused:
        leader.apply(changes=changes, attempts=[attempt_of(queued)])
    assert refused.value.run_pks == (ti.run_pk,)
    leader.claim(queued)
    assert state_of(db, ti.run_pk) is TaskState.RUNNING
    db.close()


@pytest.mark.postgres
def test_a_commit_that_never_arrives_changes_nothing_and_is_done_again(proxy: Proxy) -> None:
    db = open_database(proxy.url)
    leader = Leader(db)
    ti = leader.create(leader.start_run())
    queued, changes = leader.to_queued(ti)
    proxy.cut = "before"
    with pytest.raises(Unavailable):
        leader.apply(changes=changes, attempts=[attempt_of(queued)])
    proxy.cut = None
    assert state_of(db, ti.run_pk) is TaskState.NONE
    leader.apply(changes=changes, attempts=[attempt_of(queued)])
    assert state_of(db, ti.run_pk) is TaskState.QUEUED
    db.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_turn_of_a_leader_that_was_killed_after_its_commit_is_refused_again(
    db: Database,
) -> None:
    leader = Leader(db)
    ti = leader.create(leader.start_run())
    queued, changes = leader.to_queued(ti)
    child = os.fork()
    if child == 0:
        try:
            leader.apply(changes=changes, attempts=[attempt_of(queued)])
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert state_of(db, ti.run_pk) is TaskState.QUEUED
    with pytest.raises(TurnConflict) as refused:
        leader.apply(changes=changes, attempts=[attempt_of(queued)])
    assert refused.value.run_pks == (ti.run_pk,)


# ---- a full disk --------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a file system of this size."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system to fill")
    folder.mkdir()
    if os.system(f"mount -t tmpfs -o size={megabytes}m tmpfs {folder} 2>/dev/null"):  # noqa: S605
        pytest.skip("this machine does not let root mount a file system (a container?)")
    try:
        yield folder
    finally:
        os.system(f"umount -l {folder}")  # noqa: S605


def test_a_disk_that_fills_up_is_told_and_nothing_is_lost(
    sqlite_template: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        path = disk / "tradewind.db"
        path.write_bytes(sqlite_template.read_bytes())
        ballast = disk / "ballast"
        db = open_database(f"sqlite:///{path}")
        leader = Leader(db)
        run = leader.start_run()
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        ballast.write_bytes(b"x" * (free - 200_000))
        written = 0
        with pytest.raises(Unavailable, match="disk"):  # noqa: PT012  until it is full
            while written < 10_000:
                leader.create(run, f"t{written}")
                written += 1
        ballast.unlink()
        rows = scheduling.run_rows(db, run.run_pk)
        assert rows is not None
        assert len(rows.instances) == written
        leader.create(run, "after")
        with db.read() as conn:
            assert conn.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        db.close()


# ---- many writers ----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_of_three_writing_processes_none_starves(sqlite_url: str, tmp_path: Path) -> None:
    """Count how often the others committed while one waited, not how long: load does not matter."""
    writers, rounds = 3, 100
    db = open_database(sqlite_url)
    with db.write() as conn:
        conn.execute(insert(lease), {"name": "n", "holder": "h", "epoch": 1, "counter": 0})

    def counter() -> int:
        with db.read() as conn:
            return int(conn.execute(text("SELECT counter FROM lease")).scalar_one())

    def write() -> None:
        overtaken = []
        for _ in range(rounds):
            before = counter()
            with db.write() as conn:
                conn.execute(text("UPDATE lease SET counter = counter + 1"))
                now = conn.execute(text("SELECT counter FROM lease")).scalar_one()
            overtaken.append(now - before - 1)
        (tmp_path / f"{os.getpid()}.waits").write_text(" ".join(map(str, overtaken)))

    for child in [forked(write) for _ in range(writers)]:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    waits = sorted(int(n) for file in tmp_path.glob("*.waits") for n in file.read_text().split())
    assert counter() == len(waits) == writers * rounds
    p95 = waits[int(len(waits) * 0.95)]
    assert p95 <= 2 * writers, f"95 % of the writers were overtaken at most {p95} times: {waits}"
    db.close()


def forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        failed = 1
        try:
            work()
            failed = 0
        finally:
            os._exit(failed)
    return child
