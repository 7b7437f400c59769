"""Have logs brought to disk about once a second, and when they are finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tradewind.worker.logsink import LogSink
from tradewind.worker.syncer import Syncer
from tradewind.worker.timers import Timers

_SYNC_S = 0.8
"""Lines are on disk about a second after they were written."""


class LogKeeper:
    """Decide when which logs are synced."""

    def __init__(
        self, syncer: Syncer, timers: Timers, live: Callable[[], Iterable[LogSink]]
    ) -> None:
        self._syncer = syncer
        self._timers = timers
        self._live = live
        self._due = False

    def watch(self) -> None:
        """Sync from time to time, as long as there are live logs."""
        if not self._due:
            self._due = True
            self._timers.after(_SYNC_S, self._sync)

    def finish(self, fd: int) -> None:
        """Take over the descriptor of a log that is finished; -1: it never was begun."""
        if fd >= 0:
            self._syncer.finish(fd)
            self.watch()

    def _sync(self) -> None:
        self._due = False
        live = list(self._live())
        dirty = [sink for sink in live if sink.dirty and sink.fd >= 0]
        if self._syncer.sync([sink.fd for sink in dirty]):
            for sink in dirty:
                sink.dirty = False
        if live or self._syncer.waiting:
            self.watch()
