"""The supervisor's side of the process chain: which file host an attempt is forked from.

One file host per DAG file and source; one more, the clean host, for attempts that import
their file themselves (see `tradewind.worker.filehost` for which those are). Launches wait
here until their host has imported its file. A host is retired when its file's source changes,
when it was idle for long, and when there are too many idle ones.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
from collections import OrderedDict, deque
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from tradewind.clock import Clock
from tradewind.worker import inner
from tradewind.worker.attempt import Attempt
from tradewind.worker.timers import Timers

log = logging.getLogger(__name__)

_RETRY_S = 0.01
"""Pause before descriptors are sent again to a host that could take no more."""

_MAX_UNFIT = 1_000
"""Files that are known to need clean processes; beyond this the oldest is tried again."""


class HostKey(NamedTuple):
    """What a file host has imported; path "" for the clean host."""

    path: str
    folder: str
    source_hash: str


CLEAN = HostKey("", "", "")


class Host:
    """A file host."""

    def __init__(self, host_id: int, key: HostKey, sock: socket.socket, now: float) -> None:
        self.host_id = host_id
        self.key = key
        self.sock = sock
        self.used_at = now
        self.ready = key == CLEAN
        self.retired = self.timed_out = self.checked = False
        self.waiting: deque[Attempt] = deque()
        self.running: dict[str, Attempt] = {}

    @property
    def idle(self) -> bool:
        """Tell whether nothing runs or waits here."""
        return self.ready and not self.running and not self.waiting


class Owner(Protocol):
    """Who is told what becomes of attempts."""

    def exited(self, attempt: Attempt, status: int) -> None:
        """The process and all it left behind are gone."""
        ...

    def lost(self, attempt: Attempt, reason: str) -> None:
        """The process is dying with its host, or was never made."""
        ...

    def not_importable(self, attempt: Attempt, reason: str) -> None:
        """The DAG file took too long to import; there is no process."""
        ...


class Hosts:
    """All file hosts."""

    def __init__(
        self,
        owner: Owner,
        selector: selectors.BaseSelector,
        timers: Timers,
        clock: Clock,
        *,
        import_timeout_s: float,
        idle_hosts: int,
        idle_host_s: float,
    ) -> None:
        self._owner = owner
        self._selector = selector
        self._timers = timers
        self._clock = clock
        self._import_timeout_s = import_timeout_s
        self._idle_hosts = idle_hosts
        self._idle_host_s = idle_host_s
        self._zygote: socket.socket | None = None
        self._hosts: dict[HostKey, Host] = {}
        self._of: dict[str, Host] = {}
        self._unfit: OrderedDict[HostKey, str] = OrderedDict()
        self._last_id = 0

    def use(self, zygote: socket.socket | None) -> None:
        """Ask this zygote for file hosts from now on; None: there is none for the moment."""
        self._zygote = zygote

    def launch(self, attempt: Attempt, path: Path, folder: Path, source_hash: str) -> None:
        """Have an attempt's process forked, now or when its file is imported."""
        key = HostKey(str(path), str(folder), source_hash)
        if key in self._unfit:
            key = CLEAN
        host = self._hosts.get(key) or self._open(key)
        self._assign(host, attempt)

    def signal(self, attempt: Attempt, signum: int) -> bool:
        """Signal an attempt's process; False when it has none."""
        host = self._of.get(attempt.attempt_id)
        if host is None or attempt.attempt_id not in host.running:
            return False
        with contextlib.suppress(OSError):  # the host is gone, and its attempts with it
            host.sock.send(inner.pack(inner.Signal(attempt.attempt_id, signum)))
        return True

    def withdraw(self, attempt: Attempt) -> bool:
        """Take back an attempt that waits for its process; False when it has one."""
        host = self._of.get(attempt.attempt_id)
        if host is None or attempt not in host.waiting:
            return False
        host.waiting.remove(attempt)
        del self._of[attempt.attempt_id]
        if host.retired and host.idle:
            self._drop(host)
        return True

    # ---- hosts ------------------------------------------------------------------------------

    def _open(self, key: HostKey) -> Host:
        for other in [h for h in self._hosts.values() if key.path and h.key.path == key.path]:
            self._retire(other)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)  # noqa: FBT003  the stdlib's signature
        self._last_id += 1
        host = Host(self._last_id, key, ours, self._clock.monotonic())
        self._hosts[key] = host
        self._selector.register(ours, selectors.EVENT_READ, lambda _: self._spoke(host))
        with theirs, contextlib.suppress(OSError):
            # When it cannot be sent, closing their end makes this host end as it began.
            if self._zygote is not None:
                request = inner.pack(inner.OpenHost(host.host_id, key.path, key.folder))
                socket.send_fds(self._zygote, [request], [theirs.fileno()])
        if not host.ready:
            self._timers.after(self._import_timeout_s, lambda: self._import_overdue(host))
        return host

    def _assign(self, host: Host, attempt: Attempt) -> None:
        self._of[attempt.attempt_id] = host
        host.used_at = self._clock.monotonic()
        host.waiting.append(attempt)
        if host.ready:
            self._fork(host)

    def _fork(self, host: Host) -> None:
        while host.waiting:
            attempt = host.waiting[0]
            try:
                request = inner.pack(inner.Fork(attempt.attempt_id))
                socket.send_fds(host.sock, [request], attempt.child_ends)
            except (BrokenPipeError, ConnectionResetError):
                return  # the end of the socket tells the rest
            except OSError:  # its buffer is full, or too many descriptors are under way
                self._timers.after(_RETRY_S, lambda: self._fork(host))
                return
            host.waiting.popleft()
            host.running[attempt.attempt_id] = attempt
            attempt.close_child_ends()

    def _spoke(self, host: Host) -> None:
        while True:
            try:
                data = host.sock.recv(inner.MAX_PACKET)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._died(host)
                return
            message = inner.unpack_from_host(data)
            if isinstance(message, inner.Exited):
                self._exited(host, message)
            else:
                self._imported(host, message)

    def _imported(self, host: Host, message: inner.Imported) -> None:
        now = self._clock.now()
        first = host.waiting[0] if host.waiting else None
        if first is not None:
            if message.output:
                first.sink.output(message.output.rstrip(b"\n") + b"\n", now)
            if message.unfit is None:
                first.sink.note(f"imported the DAG file in {message.seconds:.3f} s", now)
        if message.unfit is None:
            host.ready = True
            self._fork(host)
            return
        log.info("%s gets clean processes: %s", host.key.path, message.unfit)
        if not message.broken:
            # A file that cannot be imported may be one day, without its source changing.
            self._unfit[host.key] = message.unfit
            if len(self._unfit) > _MAX_UNFIT:
                self._unfit.popitem(last=False)
        self._drop(host)
        self._to_clean_host(host.waiting)

    def _to_clean_host(self, attempts: Iterable[Attempt]) -> None:
        for attempt in list(attempts):
            self._assign(self._hosts.get(CLEAN) or self._open(CLEAN), attempt)

    def _exited(self, host: Host, message: inner.Exited) -> None:
        attempt = host.running.pop(message.attempt_id, None)
        self._of.pop(message.attempt_id, None)
        host.used_at = self._clock.monotonic()
        if attempt is not None:
            self._owner.exited(attempt, message.status)
        if host.idle:
            if host.retired:
                self._drop(host)
            else:
                self._became_idle(host)

    def _became_idle(self, host: Host) -> None:
        idle = sorted((h for h in self._hosts.values() if h.idle), key=lambda h: h.used_at)
        for old in idle[: max(0, len(idle) - self._idle_hosts)]:
            self._drop(old)
        if not host.checked:
            host.checked = True
            self._timers.after(self._idle_host_s, lambda: self._idle_overdue(host))

    def _idle_overdue(self, host: Host) -> None:
        host.checked = False
        if self._hosts.get(host.key) is not host:
            return
        left_s = host.used_at + self._idle_host_s - self._clock.monotonic()
        if host.idle and left_s <= 0:
            self._drop(host)
        else:
            host.checked = True
            self._timers.after(max(left_s, 1.0), lambda: self._idle_overdue(host))

    def _import_overdue(self, host: Host) -> None:
        if host.ready or host.sock.fileno() < 0:
            return
        host.timed_out = True
        if self._zygote is not None:
            with contextlib.suppress(OSError):
                self._zygote.send(inner.pack(inner.KillHost(host.host_id)))

    def _died(self, host: Host) -> None:
        self._drop(host)
        for attempt in list(host.running.values()):
            self._of.pop(attempt.attempt_id, None)
            self._owner.lost(attempt, "the process that its own was forked from died")
        for attempt in host.waiting:
            self._of.pop(attempt.attempt_id, None)
            if host.timed_out:
                self._owner.not_importable(
                    attempt, f"took longer than {self._import_timeout_s:g} s"
                )
            elif host.key == CLEAN or self._zygote is None:
                self._owner.lost(attempt, "its process could not be started")
        if host.key != CLEAN and not host.timed_out and self._zygote is not None:
            # The import killed the host; in a process of its own it harms the attempt only.
            self._to_clean_host(host.waiting)

    def _retire(self, host: Host) -> None:
        host.retired = True
        if host.idle:
            self._drop(host)
        elif self._hosts.get(host.key) is host:
            del self._hosts[host.key]

    def _drop(self, host: Host) -> None:
        """Close the socket: the host's process ends when it has no attempt, or is dead."""
        if self._hosts.get(host.key) is host:
            del self._hosts[host.key]
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(host.sock)
        host.sock.close()
