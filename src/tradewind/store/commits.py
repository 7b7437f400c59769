"""Hear that somebody committed to the database, without asking it again and again.

A commit to SQLite is a write to the log beside the file (WAL), and the kernel tells of writes.
It is a hint: that something was committed, not what; a file system without events gives none.

PostgreSQL tells what it is asked to tell. The leading scheduler announces its turns (NOTIFY, in
the turn's own transaction), but only while somebody watches: who watches asks for it every
`ASK_S` seconds through the signal that the leader listens to anyway, and for `ANNOUNCED_S`
seconds after the latest asking it announces. Where nobody watches nobody pays.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from sqlalchemy import func, select

from tradewind import kernel
from tradewind.store.batch import Batch, Prepared
from tradewind.store.connect import Database
from tradewind.store.signal import Signal

ASK_S = 20.0
"""Who watches asks this often."""
ANNOUNCED_S = 60.0
"""The leader announces for so long after it was asked: two askings may get lost."""

_CHANNEL = "tradewind_turns"
_ANNOUNCE = Prepared(select(func.pg_notify(_CHANNEL, "")))


def announce(batch: Batch, db: Database, *, wanted: bool) -> None:
    """Add the announcement of a turn; nothing where commits are heard without one."""
    if wanted and db.sqlite_path is None:
        batch.add("an announcement", _ANNOUNCE, [{}])


class Commits:
    """A descriptor that becomes readable after commits. Not for several threads at once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._inotify = -1
        self._connection: Any = None
        if db.sqlite_path is not None:
            self._watch(f"{db.sqlite_path}-wal")
        else:
            self._listen()

    @property
    def audible(self) -> bool:
        """Tell whether commits can be heard."""
        return self._inotify >= 0 or self._connection is not None

    @property
    def takes_asking(self) -> bool:
        """Tell whether they are heard only while somebody asks for it."""
        return self._connection is not None

    def ask(self) -> None:
        """Ask the leader to announce its turns from now on, for `ANNOUNCED_S` seconds."""
        Signal(self._db).ask()

    def fileno(self) -> int:
        """Return the descriptor; only when `audible`."""
        return self._inotify if self._connection is None else int(self._connection.fileno())

    def drain(self) -> None:
        """Take what was heard; stop hearing when the log was removed or the connection lost."""
        if self._connection is None:
            if any(event.is_end for event in kernel.read_inotify(self._inotify)):
                self.close()
            return
        try:
            server: Any = self._connection.pgconn
            server.consume_input()
            while server.notifies() is not None:
                pass
        except Exception:  # noqa: BLE001  of whatever kind: the connection is no good any more
            self.close()

    def recover(self) -> None:
        """Listen anew after a lost connection: for long, when the server is away."""
        if self._db.sqlite_path is None and self._connection is None:
            self._listen()

    def close(self) -> None:
        """Hear nothing any more."""
        if self._inotify >= 0:
            os.close(self._inotify)
            self._inotify = -1
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()

    def _watch(self, log: str) -> None:
        self._inotify = kernel.open_inotify()
        try:
            kernel.watch_writes(self._inotify, log)
        except OSError:
            self.close()

    def _listen(self) -> None:
        with suppress(Exception):  # of whatever kind: nothing is heard then
            # Out of the pool: it waits for as long as somebody watches.
            pooled = self._db.engine.raw_connection()
            self._connection = pooled.driver_connection
            pooled.detach()
            self._connection.autocommit = True
            self._connection.execute(f"LISTEN {_CHANNEL}")
            return
        self.close()
