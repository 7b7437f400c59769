"""The supervisor's side of the process chain: which file host an attempt is forked from.

One file host per DAG file and source; one more, the clean host, for attempts that import
their file themselves (see `tradewind.worker.filehost` for which those are). Launches wait
here until their host has imported its file. A host is retired when its file's source changes,
when it was idle for long, and when there are too many idle ones.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from tradewind.clock import Clock
from tradewind.worker import inner
from tradewind.worker.attempt import Attempt
from tradewind.worker.code import Pin, Place
from tradewind.worker.timers import Timers

log = logging.getLogger(__name__)

_RETRY_S = 0.01
"""Pause before descriptors are sent again to a host that could take no more."""

_WARM_S = 30.0
"""A host that was used within this time …"""
_WARM_FACTOR = 8
"""… counts as busy, as long as there are not this many times the limit."""

_MAX_UNFIT = 1_000
"""Files that are known to need clean processes; beyond this the oldest is tried again."""


class HostKey(NamedTuple):
    """What a file host imports; a live path "" for the clean host.

    tree_hash: of the tree that it is imported from; "" for the live folder.
    """

    live: Place
    source_hash: str
    tree_hash: str


CLEAN = HostKey(Place("", ""), "", "")

Fetch = Callable[[tuple[str, ...], Callable[[dict[str, bytes]], None]], None]
"""Get objects of code snapshots by name, and call a function with those that there are."""


class Host:
    """A file host."""

    def __init__(self, host_id: int, key: HostKey, sock: socket.socket, now: float) -> None:
        self.host_id = host_id
        self.key = key
        self.sock = sock
        self.used_at = now
        self.ready = key == CLEAN
        self.retired = self.timed_out = False
        self.waiting: deque[Attempt] = deque()
        self.running: dict[str, Attempt] = {}

    @property
    def idle(self) -> bool:
        """Tell whether nothing runs or waits here."""
        return self.ready and not self.running and not self.waiting

    def give(self, objects: dict[str, bytes]) -> None:
        """Send it the objects that it wanted, in a file: there is no telling how large."""
        with os.fdopen(os.memfd_create("objects"), "wb") as file, contextlib.suppress(OSError):
            file.write(inner.encode_objects(objects))
            file.flush()
            file.seek(0)
            socket.send_fds(self.sock, [inner.pack(inner.Objects())], [file.fileno()])

    def fork_waiting(self, timers: Timers) -> None:
        """Have the processes forked that wait for it, if the file is imported."""
        while self.ready and self.waiting:
            attempt = self.waiting[0]
            try:
                request = inner.pack(inner.Fork(attempt.attempt_id, attempt.place))
                socket.send_fds(self.sock, [request], attempt.child_ends)
            except (BrokenPipeError, ConnectionResetError):
                return  # the end of the socket tells the rest
            except OSError:  # its buffer is full, or too many descriptors are under way
                if self.sock.fileno() >= 0:
                    timers.after(_RETRY_S, lambda: self.fork_waiting(timers))
                return
            self.waiting.popleft()
            self.running[attempt.attempt_id] = attempt
            attempt.close_child_ends()


class IdleHosts:
    """Decide which idle hosts are not worth their memory.

    One that was used a moment ago is likely to be used again: the next task of the same run. So
    many more of those are kept than of hosts that have been idle for a while.
    """

    def __init__(
        self,
        timers: Timers,
        clock: Clock,
        most: int,
        longest_s: float,
        drop: Callable[[Host], None],
    ) -> None:
        self._timers = timers
        self._clock = clock
        self._most = most
        self._longest_s = longest_s
        self._drop = drop
        self._due = False

    def watch(self, hosts: Collection[Host]) -> None:
        """Drop those beyond the limit, now and as time goes by."""
        if len(hosts) > self._most * _WARM_FACTOR:
            idle = _longest_idle_first(hosts)
            for host in idle[: max(0, len(idle) - self._most * _WARM_FACTOR)]:
                self._drop(host)
        if not self._due:
            self._due = True
            self._timers.after(min(_WARM_S, self._longest_s), lambda: self._look(hosts))

    def _look(self, hosts: Collection[Host]) -> None:
        """Drop what has been idle for too long, or for a while and beyond the limit."""
        self._due = False
        now = self._clock.monotonic()
        idle = _longest_idle_first(hosts)
        beyond = max(0, len(idle) - self._most)
        for at, host in enumerate(idle):
            idle_s = now - host.used_at
            if idle_s >= self._longest_s or (at < beyond and idle_s >= _WARM_S):
                self._drop(host)
        if any(host.idle for host in hosts):
            self.watch(hosts)


def _longest_idle_first(hosts: Collection[Host]) -> list[Host]:
    return sorted((host for host in hosts if host.idle), key=lambda host: host.used_at)


class Owner(Protocol):
    """Who is told what becomes of attempts."""

    def exited(self, attempt: Attempt, status: int) -> None:
        """The process and all it left behind are gone."""
        ...

    def lost(self, attempt: Attempt, reason: str) -> None:
        """The process is dying with its host, or was never made."""
        ...

    def not_importable(self, attempt: Attempt, reason: str) -> None:
        """The DAG file cannot be imported, and why; there is no process."""
        ...


class Hosts:
    """All file hosts."""

    def __init__(
        self,
        owner: Owner,
        selector: selectors.BaseSelector,
        timers: Timers,
        clock: Clock,
        fetch: Fetch,
        *,
        trees: Path,
        import_timeout_s: float,
        idle_hosts: int,
        idle_host_s: float,
    ) -> None:
        self._owner = owner
        self._selector = selector
        self._timers = timers
        self._clock = clock
        self._fetch = fetch
        self._trees = str(trees)
        self._import_timeout_s = import_timeout_s
        self._idle = IdleHosts(timers, clock, idle_hosts, idle_host_s, self._drop)
        self._zygote: socket.socket | None = None
        self._hosts: dict[HostKey, Host] = {}
        self._of: dict[str, Host] = {}
        self._unfit: OrderedDict[HostKey, Place] = OrderedDict()
        self._last_id = 0
        self._held: list[tuple[Attempt, HostKey]] = []
        """Launches that wait for a zygote."""

    def use(self, zygote: socket.socket | None, why_none: str | None = None) -> None:
        """Ask this zygote for file hosts from now on.

        Args:
            zygote: None: there is none for the moment.
            why_none: there will be none soon either; launches do not wait for one.
        """
        self._zygote = zygote
        if why_none is not None:
            held, self._held = self._held, []
            for attempt, _ in held:
                self._owner.lost(attempt, why_none)
        if zygote is not None:
            held, self._held = self._held, []
            for attempt, key in held:
                self._place(attempt, key)

    def launch(self, attempt: Attempt) -> None:
        """Have an attempt's process forked, now or when its file is imported."""
        pin = attempt.pin
        key = HostKey(attempt.place, pin.source_hash, "" if pin.in_place else pin.tree_hash)
        place = self._unfit.get(key)
        if place is not None:
            attempt.place = place
            key = CLEAN
        self._place(attempt, key)

    def _place(self, attempt: Attempt, key: HostKey) -> None:
        if self._zygote is None:
            self._held.append((attempt, key))
            return
        host = self._hosts.get(key) or self._open(key, attempt.pin)
        self._of[attempt.attempt_id] = host
        host.used_at = self._clock.monotonic()
        host.waiting.append(attempt)
        host.fork_waiting(self._timers)

    def signal(self, attempt: Attempt, signum: int) -> bool:
        """Signal an attempt's process; False when it has none."""
        host = self._of.get(attempt.attempt_id)
        if host is None or attempt.attempt_id not in host.running:
            return False
        with contextlib.suppress(OSError):  # the host is gone, and its attempts with it
            host.sock.send(inner.pack(inner.Signal(attempt.attempt_id, signum)))
        return True

    def _refuse(self, attempts: Iterable[Attempt], reason: str) -> None:
        for attempt in attempts:
            self._of.pop(attempt.attempt_id, None)
            self._owner.not_importable(attempt, reason)

    def withdraw(self, attempt: Attempt) -> bool:
        """Take back an attempt that waits for its process; False when it has one."""
        for at, (held, _) in enumerate(self._held):
            if held is attempt:
                del self._held[at]
                return True
        host = self._of.get(attempt.attempt_id)
        if host is None or attempt not in host.waiting:
            return False
        host.waiting.remove(attempt)
        del self._of[attempt.attempt_id]
        if host.retired and host.idle:
            self._drop(host)
        return True

    # ---- hosts ------------------------------------------------------------------------------

    def _open(self, key: HostKey, pin: Pin) -> Host:
        live = [h for h in self._hosts.values() if not h.key.tree_hash and not key.tree_hash]
        for other in [h for h in live if h.key.live == key.live]:
            # The live file has changed: what runs goes on, nothing new comes.
            other.retired = True
            del self._hosts[other.key]
            if other.idle:
                self._drop(other)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)  # noqa: FBT003  the stdlib's signature
        self._last_id += 1
        host = Host(self._last_id, key, ours, self._clock.monotonic())
        self._hosts[key] = host
        self._selector.register(ours, selectors.EVENT_READ, lambda _: self._spoke(host))
        with theirs, contextlib.suppress(OSError):
            # When it cannot be sent, closing their end makes this host end as it began.
            if self._zygote is not None:
                request = inner.pack(inner.OpenHost(host.host_id, key.live, pin, self._trees))
                socket.send_fds(self._zygote, [request], [theirs.fileno()])
        if not host.ready:
            self._timers.after(self._import_timeout_s, lambda: self._import_overdue(host))
        return host

    def _spoke(self, host: Host) -> None:
        while host.sock.fileno() >= 0:  # what it says may be the reason to drop it
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
            elif isinstance(message, inner.Wanted):
                self._fetch(message.names, host.give)
            elif message.place is None:
                self._drop(host)
                self._refuse(host.waiting, f"failed: {message.unfit}")
            else:
                self._imported(host, message, message.place)

    def _imported(self, host: Host, message: inner.Imported, place: Place) -> None:
        now = self._clock.now()
        first = host.waiting[0] if host.waiting else None
        if first is not None:
            if message.output:
                first.sink.output(message.output.rstrip(b"\n") + b"\n", now)
            if message.unfit is None:
                first.sink.note(f"imported the DAG file in {message.seconds:.3f} s", now)
        if message.unfit is None:
            host.ready = True
            host.fork_waiting(self._timers)
            return
        log.info("%s gets clean processes: %s", host.key.live.path, message.unfit)
        if not message.broken:
            # A file that cannot be imported may be one day, without its source changing.
            self._unfit[host.key] = place
            if len(self._unfit) > _MAX_UNFIT:
                self._unfit.popitem(last=False)
        for attempt in host.waiting:
            attempt.place = place
        self._drop(host)
        self._move(host, CLEAN)

    def _move(self, host: Host, key: HostKey) -> None:
        """Give what waits for a host that is no more to another."""
        waiting, host.waiting = host.waiting, deque()
        for attempt in waiting:
            del self._of[attempt.attempt_id]
            self._place(attempt, key)

    def _exited(self, host: Host, message: inner.Exited) -> None:
        attempt = host.running.pop(message.attempt_id, None)
        self._of.pop(message.attempt_id, None)
        host.used_at = self._clock.monotonic()
        if attempt is not None:
            self._owner.exited(attempt, message.status)
        if host.idle and host.retired:
            self._drop(host)
        elif host.idle:
            self._idle.watch(self._hosts.values())

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
        if host.timed_out:
            self._refuse(host.waiting, f"took longer than {self._import_timeout_s:g} s")
        elif self._zygote is None:
            self._move(host, host.key)
        else:
            # If it was the import that killed it: in a process of its own it harms the attempt
            # only.
            self._move(host, CLEAN)

    def _drop(self, host: Host) -> None:
        """Close the socket: the host's process ends when it has no attempt, or is dead."""
        if self._hosts.get(host.key) is host:
            del self._hosts[host.key]
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(host.sock)
        host.sock.close()
