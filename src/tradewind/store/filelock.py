"""One writer of an SQLite file at a time, in the order in which they asked.

SQLite's own waiting for a busy writer is a back-off that starves the third writer. A writer
here first takes a lock among its process's threads, then a kernel lock (flock) on a file
beside the database: the kernel queues whoever waits and wakes the next.

flock has no time limit of its own, so a contended wait is done by a helper thread on a
descriptor of its own: whoever gives up leaves it behind, and it lets go as soon as it gets
the lock. Without contention there is no thread: one system call.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradewind.errors import Bug, Unavailable
from tradewind.store.failures import full_disk

PATIENCE_S = 30.0
"""A write takes milliseconds; a writer that holds the lock this long is stopped or stuck."""


class FileLock:
    """The lock of one database file, for all threads of this process."""

    def __init__(self, path: Path, patience_s: float = PATIENCE_S) -> None:
        self._path = path
        self._patience_s = patience_s
        self._threads = threading.Lock()
        self._owner: int | None = None
        self._descriptor: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the block.

        Raises:
            Unavailable: somebody else has held it for too long.
            Bug: this thread holds it already.
        """
        if self._owner == threading.get_ident():
            raise Bug("a write inside a write of the same thread")
        if not self._threads.acquire(timeout=self._patience_s):
            raise Unavailable(f"another thread has kept {self._path} for {self._patience_s:g} s")
        self._owner = threading.get_ident()
        try:
            descriptor = self._take()
            try:
                yield
            finally:
                self._let_go(descriptor)
        finally:
            self._owner = None
            self._threads.release()

    def close(self) -> None:
        """Close the descriptor."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def after_fork(self) -> None:
        """Forget the parent's lock: an inherited descriptor would keep it alive."""
        self._threads = threading.Lock()
        self._owner = None
        self.close()

    def _take(self) -> int:
        if self._descriptor is None:
            self._descriptor = self._open()
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _Waiter(self._open()).wait(self._patience_s, self._path)
        return self._descriptor

    def _let_go(self, descriptor: int) -> None:
        if descriptor == self._descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        else:
            os.close(descriptor)

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            fix = full_disk(self._path) if error.errno == errno.ENOSPC else None
            fix = fix or "the database's folder must be writable"
            raise Unavailable(f"{self._path} cannot be opened ({error.strerror}); {fix}") from error


class _Waiter:
    """A thread that waits for the lock on a descriptor of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._mutex = threading.Lock()
        self._got = threading.Event()
        self._abandoned = False
        threading.Thread(target=self._run, name="database-lock", daemon=True).start()

    def wait(self, patience_s: float, path: Path) -> int:
        """Return the descriptor that holds the lock; closing it lets go."""
        self._got.wait(patience_s)
        with self._mutex:
            if self._got.is_set():
                return self._descriptor
            self._abandoned = True
        holder = _holder(path)
        who = f"process {holder}" if holder is not None else "another process"
        raise Unavailable(
            f"the metadata database is locked: {who} has kept {path} for {patience_s:g} s; "
            "if it hangs, end it"
        )

    def _run(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        with self._mutex:
            if not self._abandoned:
                self._got.set()
                return
        os.close(self._descriptor)


def _holder(path: Path) -> int | None:
    """Return the process that took the lock, as far as the kernel tells."""
    try:
        inode = path.stat().st_ino
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        # "1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF"; a waiter's line has "->".
        fields = line.split()
        if "->" not in fields and fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
            return int(fields[4]) or None
    return None
