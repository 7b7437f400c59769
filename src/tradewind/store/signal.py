"""A waking signal between processes that share a database.

It cuts latency from the poll interval to milliseconds and nothing depends on it: a lost
signal costs one poll. SQLite: a datagram to a socket beside the file. PostgreSQL: NOTIFY.

The descriptor to wait on is an epoll of our own, so that it stays the same when a lost
connection to PostgreSQL is replaced behind it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tradewind.errors import Bug
from tradewind.store.connect import Database

_CHANNEL = "tradewind"
_ASKING = "announce"


class Signal:
    """Ring, and hear others ring (when built to listen)."""

    def __init__(self, db: Database, *, listen: bool = False) -> None:
        self._db = db
        self.askings = 0
        """How often somebody asked this listener to announce what it commits."""
        self._bell = _bell(db.sqlite_path) if db.sqlite_path is not None else None
        self._socket: socket.socket | None = None
        self._connection: Any = None
        self._epoll: select.epoll | None = None
        self._own = -1
        if listen:
            self._epoll = select.epoll()
            self._own = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._epoll.register(self._own, select.EPOLLIN)
            self._listen()

    def ring(self) -> None:
        """Wake the listeners. Never fails and never blocks for long."""
        with contextlib.suppress(Exception):
            if self._bell is not None:
                _ring(self._bell)
            else:
                self._notify()

    def ask(self) -> None:
        """Ask the listener to announce what it commits; see `commits`. PostgreSQL only."""
        with contextlib.suppress(Exception):
            self._notify(_ASKING)

    def wake(self) -> None:
        """Wake whoever listens through this object, and nobody else.

        Without the database, so that a signal handler may call it in the middle of a query.
        """
        if self._own >= 0:
            os.eventfd_write(self._own, 1)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when somebody rang."""
        if self._epoll is None:
            raise Bug("this signal was not built to listen")
        return self._epoll.fileno()

    def drain(self) -> bool:
        """Take what has arrived; tell whether there was anything.

        A lost connection counts as a ring: whoever waits looks at the database, and this
        listens anew.
        """
        if self._epoll is None:
            return False
        woken = self._drain_own()
        if self._socket is not None:
            return _drain(self._socket) or woken
        if self._connection is None:
            self._listen()
            return woken or self._connection is not None
        if not self._epoll.poll(0):
            return woken
        try:
            server: Any = self._connection.pgconn
            server.consume_input()
            while (heard := server.notifies()) is not None:
                self.askings += heard.extra == _ASKING.encode()
        except Exception:  # noqa: BLE001  of whatever kind: the connection is no good any more
            self._hang_up()
            self._listen()
        return True

    def wait(self, timeout_s: float) -> None:
        """Wait until somebody rings, at most this long."""
        if self._epoll is None:
            raise Bug("this signal was not built to listen")
        self._epoll.poll(timeout_s)
        self.drain()

    def close(self) -> None:
        """Stop listening."""
        self._hang_up()
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None
            os.close(self._own)
            self._own = -1
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            if self._bell is not None:
                self._bell.unlink(missing_ok=True)

    def _drain_own(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            return os.eventfd_read(self._own) > 0
        return False

    def _listen(self) -> None:
        assert self._epoll is not None
        if self._bell is not None:
            self._socket = _bind(self._bell)
            if self._socket is not None:
                self._epoll.register(self._socket.fileno(), select.EPOLLIN)
            return
        with contextlib.suppress(Exception):
            # Taken out of the pool for good: it waits for as long as this process lives.
            pooled = self._db.engine.raw_connection()
            self._connection = pooled.driver_connection
            pooled.detach()
            self._connection.autocommit = True
            self._connection.execute(f"LISTEN {_CHANNEL}")
            self._epoll.register(self._connection.fileno(), select.EPOLLIN)
            return
        self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is None:
            return
        with contextlib.suppress(Exception):
            assert self._epoll is not None
            self._epoll.unregister(self._connection.fileno())
        with contextlib.suppress(Exception):
            self._connection.close()
        self._connection = None

    def _notify(self, said: str = "") -> None:
        with self._db.engine.connect() as conn:
            conn.execution_options(isolation_level="AUTOCOMMIT")
            conn.exec_driver_sql(f"NOTIFY {_CHANNEL}, '{said}'")


# ---- SQLite: a socket beside the file -----------------------------------------------------


def _bell(database: Path) -> Path:
    return database.with_name(database.name + ".bell")


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """Yield a name of the path that fits into a socket's address (107 bytes)."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _ring(bell: Path) -> None:
    with _short(bell) as name, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)  # noqa: FBT003  the stdlib's signature
        sender.sendto(b"!", name)


def _bind(bell: Path) -> socket.socket | None:
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bound.setblocking(False)  # noqa: FBT003  the stdlib's signature
    try:
        bell.unlink(missing_ok=True)
        with _short(bell) as name:
            bound.bind(name)
    except OSError:
        # Some file systems have no sockets; then there is only the poll.
        bound.close()
        return None
    return bound


def _drain(bound: socket.socket) -> bool:
    rang = False
    while True:
        try:
            bound.recv(64)
        except BlockingIOError:
            return rang
        rang = True
