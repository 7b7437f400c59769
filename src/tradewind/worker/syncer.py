"""Bring logs to disk off the hot path: a process that does nothing but sync.

A sync may take as long as the disk likes, and the supervisor must not wait for it. A thread
would wait in its place, but the supervisor forks, and what forks has no threads. The process is
forked when there is something to sync, and ends when there was nothing for a while.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from collections.abc import Iterable

from tradewind import kernel

_BATCH = 200
"""Descriptors in one message; the kernel's limit is 253."""

_MAX_WAITING = 2_000
"""When the disk is this far behind, finished logs are closed without a sync."""

_IDLE_S = 10.0
"""It ends after so long without work."""

_BYTE = b"s"


class Syncer:
    """Hand descriptors to the syncing process."""

    def __init__(self, idle_s: float = _IDLE_S) -> None:
        self._idle_s = idle_s
        self._sock: socket.socket | None = None
        self._pids: set[int] = set()
        self._finished: list[int] = []

    @property
    def pids(self) -> set[int]:
        """Return the processes that sync, and those that have ended and were not reaped."""
        return self._pids

    def reaped(self, pid: int) -> None:
        """Take note that a child of this process was reaped, whichever it was."""
        self._pids.discard(pid)

    def finish(self, fd: int) -> None:
        """Take over a descriptor: to be synced at the next `sync`, then closed."""
        self._finished.append(fd)
        if len(self._finished) >= _BATCH:
            self.sync(())

    def sync(self, live: Iterable[int]) -> bool:
        """Have these synced, and those that are finished; False when the disk is behind."""
        done = self._send(self._finished[:_BATCH])
        if done or len(self._finished) > _MAX_WAITING:
            for fd in self._finished[:_BATCH]:
                os.close(fd)
            del self._finished[:_BATCH]
        fds = list(live)
        for at in range(0, len(fds), _BATCH):
            done = self._send(fds[at : at + _BATCH]) and done
        return done

    @property
    def waiting(self) -> bool:
        """Tell whether finished logs wait to be synced."""
        return bool(self._finished)

    def close(self) -> None:
        """Sync what is left and wait for the process."""
        while self._finished:
            if self._sock is not None:
                self._sock.setblocking(True)  # noqa: FBT003  the stdlib's signature
            self.sync(())
        if self._sock is not None:
            self._sock.close()
        for pid in self._pids:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)

    def _send(self, fds: list[int]) -> bool:
        if not fds:
            return True
        for _ in range(2):
            if self._sock is None:
                self._sock = self._start()
            try:
                socket.send_fds(self._sock, [_BYTE], fds)
            except BlockingIOError:  # behind: the logs are in the page cache all the same
                return False
            except OSError:  # it ended for want of work, or was killed
                self._sock.close()
                self._sock = None
            else:
                return True
        return False

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            try:
                kernel.close_all_but([theirs.fileno()])
                _serve(theirs, self._idle_s)
            finally:
                os._exit(0)
        self._pids.add(pid)
        theirs.close()
        ours.setblocking(False)  # noqa: FBT003  the stdlib's signature
        return ours


def _serve(sock: socket.socket, idle_s: float) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        if not select.select([sock], [], [], idle_s)[0]:
            # From here on the supervisor is refused; what it sent before that is still there.
            sock.shutdown(socket.SHUT_RD)
        data, fds, _, _ = socket.recv_fds(sock, 1, _BATCH)
        if not data:
            return
        for fd in fds:
            with contextlib.suppress(OSError):
                os.fdatasync(fd)
            os.close(fd)
