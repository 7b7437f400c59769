"""A waking signal between processes that share a database.

It cuts latency from the poll interval to milliseconds and nothing depends on it: a lost
signal costs one poll. SQLite: a datagram to a socket beside the file. PostgreSQL: NOTIFY.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any

from tradewind.store.connect import Database

_CHANNEL = "tradewind"


class Signal:
    """Ring, and hear others ring (when built to listen)."""

    def __init__(self, db: Database, *, listen: bool = False) -> None:
        self._db = db
        self._path = f"{db.sqlite_path}.bell" if db.sqlite_path is not None else None
        self._socket: socket.socket | None = None
        self._listener: Any = None
        if listen and self._path is not None:
            self._socket = self._bind(self._path)
        elif listen:
            self._listener = self._subscribe()

    def ring(self) -> None:
        """Wake the listener. Never fails and never blocks for long."""
        if self._path is not None:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)  # noqa: FBT003  the stdlib's signature
                with contextlib.suppress(OSError):
                    sender.sendto(b"!", self._path)
            return
        with contextlib.suppress(Exception), self._db.write() as conn:
            conn.exec_driver_sql(f"NOTIFY {_CHANNEL}")

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when somebody rang."""
        if self._socket is not None:
            return self._socket.fileno()
        if self._listener is not None:
            return int(self._listener.fileno())
        raise ValueError("this signal does not listen")

    def drain(self) -> bool:
        """Take what has arrived; tell whether there was anything."""
        if self._socket is not None:
            return self._drain_socket(self._socket)
        if self._listener is None:
            return False
        try:
            rang = bool(list(self._listener.notifies(timeout=0)))
        except Exception:  # noqa: BLE001  a lost connection is a signal too: look, and listen anew
            self._resubscribe()
            return True
        return rang

    def close(self) -> None:
        """Stop listening."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            if self._path is not None:
                with contextlib.suppress(OSError):
                    os.unlink(self._path)  # noqa: PTH108
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    @staticmethod
    def _bind(path: str) -> socket.socket:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        bound.setblocking(False)  # noqa: FBT003
        bound.bind(path)
        return bound

    @staticmethod
    def _drain_socket(bound: socket.socket) -> bool:
        rang = False
        while True:
            try:
                bound.recv(64)
            except BlockingIOError:
                return rang
            rang = True

    def _subscribe(self) -> Any:
        import psycopg  # noqa: PLC0415  only with the postgres extra

        url = self._db.engine.url.set(drivername="postgresql")
        listener = psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)
        listener.execute(f"LISTEN {_CHANNEL}")
        return listener

    def _resubscribe(self) -> None:
        # The descriptor must stay the one that is watched: dup the new connection over it.
        with contextlib.suppress(Exception):
            fresh = self._subscribe()
            os.dup2(fresh.fileno(), self._listener.fileno())
            self._listener = fresh
