"""Bring logs to disk off the hot path: a process that does nothing but sync.

A sync may take as long as the disk likes, and the supervisor must not wait for it. A thread
would wait in its place, but the supervisor forks, and what forks has no threads.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterable

from tradewind import kernel

_BATCH = 200
"""Descriptors in one message; the kernel's limit is 253."""

_MAX_WAITING = 2_000
"""When the disk is this far behind, finished logs are closed without a sync."""

_BYTE = b"s"


class Syncer:
    """Hand descriptors to the syncing process."""

    def __init__(self) -> None:
        """Fork the process. The caller has nothing open yet that it must not inherit."""
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                kernel.close_all_but([theirs.fileno()])
                _serve(theirs)
            finally:
                os._exit(0)
        theirs.close()
        self._sock.setblocking(False)  # noqa: FBT003  the stdlib's signature
        self._finished: list[int] = []

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
        self._sock.setblocking(True)  # noqa: FBT003
        while self._finished:
            self.sync(())
        self._sock.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _send(self, fds: list[int]) -> bool:
        if not fds:
            return True
        try:
            socket.send_fds(self._sock, [_BYTE], fds)
        except OSError:  # behind, or dead: the logs are in the page cache all the same
            return False
        return True


def _serve(sock: socket.socket) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        data, fds, _, _ = socket.recv_fds(sock, 1, _BATCH)
        if not data:
            return
        for fd in fds:
            with contextlib.suppress(OSError):
                os.fdatasync(fd)
            os.close(fd)
