"""Bring finished logs to disk off the hot path: a thread syncs and closes them in order.

The supervisor forks nothing itself once this thread runs (the zygote does), so a thread is
safe here.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading


class Syncer:
    """Sync and close descriptors in the background."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="log-sync", daemon=True)
        self._thread.start()

    def sync_and_close(self, fd: int) -> None:
        """Take over a descriptor."""
        self._queue.put(fd)

    def close(self) -> None:
        """Finish what was handed over."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (fd := self._queue.get()) is not None:
            with contextlib.suppress(OSError):
                os.fdatasync(fd)
            with contextlib.suppress(OSError):
                os.close(fd)
