"""Hear that somebody committed to the database, without being told by whom.

A commit to SQLite is a write to the log beside the file (WAL), and the kernel tells of writes.
It is a hint: that something was committed, not what; a file system without events gives none.
PostgreSQL has no such thing for whoever only reads: there is nothing to hear.
"""

from __future__ import annotations

import os

from tradewind import kernel
from tradewind.store.connect import Database


class Commits:
    """A descriptor that becomes readable after commits."""

    def __init__(self, db: Database) -> None:
        self._inotify = -1
        if db.sqlite_path is None:
            return
        self._inotify = kernel.open_inotify()
        try:
            kernel.watch_writes(self._inotify, f"{db.sqlite_path}-wal")
        except OSError:
            self.close()

    @property
    def audible(self) -> bool:
        """Tell whether commits can be heard."""
        return self._inotify >= 0

    def fileno(self) -> int:
        """Return the descriptor; only when `audible`."""
        return self._inotify

    def drain(self) -> None:
        """Take what was heard; stop hearing when the log was removed."""
        if any(event.is_end for event in kernel.read_inotify(self._inotify)):
            self.close()

    def close(self) -> None:
        """Hear nothing any more."""
        if self._inotify >= 0:
            os.close(self._inotify)
            self._inotify = -1
