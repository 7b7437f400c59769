"""The door of a warm pod: schedulers knock here and hand tickets to the supervisor behind it.

    scheduler ──sealed──▶ door ──ticket──▶ supervisor ──claim──▶ API server

Rules
* One attempt at a time. Another ticket meanwhile is turned down; the same one is no news.
* The door decides nothing about attempts: whether one may run is decided by its claim. So a
  ticket that comes twice, from two schedulers, or late, does no harm.
* Every caller hears every change: whoever takes over from a scheduler that died needs nothing of
  what that one knew.
* A pod that runs nothing and that nobody holds ends by itself: it cannot be left behind.
"""

from __future__ import annotations

import logging
import selectors
import socket
from collections.abc import Callable

import msgspec

from tradewind.clock import Clock
from tradewind.model.ids import AttemptId
from tradewind.wire import warm
from tradewind.wire.messages import CancelAttempt
from tradewind.wire.remote import Ticket
from tradewind.wire.sealed import Sealed, Unreadable
from tradewind.wire.warm import FromPod, Hold, Standing, ToPod, TurnedDown
from tradewind.worker import reaping
from tradewind.worker.handover import Supervisor, SupervisorGone

log = logging.getLogger(__name__)

_READ = 1 << 16
_MOST_CALLERS = 8
"""Schedulers that take turns, and strangers who say nothing."""
_INTRODUCTION_S = 5.0
"""How long a caller has until it has shown that it has the key."""

WELL, DESERTED = 0, 1
"""Exit codes: an end in order; the supervisor died."""


class _Caller:
    """A connection to the door."""

    def __init__(self, sock: socket.socket, key: bytes, now: float) -> None:
        self.sock = sock
        self.sealed = Sealed(key, caller=False)
        self.since = now
        self.holds = False

    def send(self, data: bytes) -> bool:
        """Send; False when it does not read and is not worth keeping."""
        try:
            return self.sock.send(data) == len(data)
        except OSError:
            return False


class Door:
    """Take tickets from schedulers, one at a time."""

    def __init__(
        self,
        listener: socket.socket,
        supervisor: Supervisor,
        key: bytes,
        clock: Clock,
        unheld_s: float,
    ) -> None:
        """Open it.

        Args:
            listener: a socket that listens.
            supervisor: where tickets are handed on.
            key: that schedulers have, too.
            clock: for ages and deadlines.
            unheld_s: a pod that nobody holds for so long ends.
        """
        self._listener = listener
        self._supervisor = supervisor
        self._key = key
        self._clock = clock
        self._unheld_s = unheld_s
        self._selector = selectors.DefaultSelector()
        self._callers: list[_Caller] = []
        self._started = self._held_at = clock.monotonic()
        self._running: AttemptId | None = None
        self._served = 0
        self._deserted = self._ending = False

    def serve(self, wake: int, stop: Callable[[], bool], drain: Callable[[], None]) -> int:
        """Serve until told to stop or until nobody wants this pod; return the exit code.

        Args:
            wake: becomes readable when a signal has come.
            stop: tells whether one of them asks to end.
            drain: makes the supervisor end once its attempt has.
        """
        register = self._selector.register
        register(wake, selectors.EVENT_READ, lambda: reaping.drain(wake))
        register(self._listener, selectors.EVENT_READ, self._accept)
        register(self._supervisor, selectors.EVENT_READ, self._hear_supervisor)
        while not self._deserted:
            if not self._ending and (stop() or self._is_unwanted()):
                self._ending = True
                self._selector.unregister(self._listener)
                self._listener.close()
                self._tell_all(self._standing())
                drain()
            for key, _ in self._selector.select(self._wait_s()):
                key.data()
            self._show_out()
        for caller in list(self._callers):
            self._drop(caller)
        self._listener.close()
        self._selector.close()
        return WELL if self._ending else DESERTED

    # ---- callers -----------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return  # it has gone again
        if len(self._callers) >= _MOST_CALLERS:
            sock.close()
            return
        sock.setblocking(False)  # noqa: FBT003  the stdlib's signature
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        caller = _Caller(sock, self._key, self._clock.monotonic())
        self._callers.append(caller)
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._hear(caller))
        if not caller.send(caller.sealed.greeting):
            self._drop(caller)

    def _hear(self, caller: _Caller) -> None:
        try:
            data = caller.sock.recv(_READ)
            for body in caller.sealed.feed(data):
                self._take(caller, warm.decode_to_pod(body))
        except BlockingIOError:
            return
        except (Unreadable, msgspec.MsgspecError):
            log.warning("somebody without the key knocked, or spoke another version")
            data = b""
        except OSError:
            data = b""
        if not data:
            self._drop(caller)

    def _take(self, caller: _Caller, message: ToPod) -> None:
        match message:
            case Hold():
                caller.holds = True
                self._tell(caller, self._standing())
            case CancelAttempt(attempt_id=attempt_id, reason=reason):
                if attempt_id == self._running:
                    self._supervisor.cancel([attempt_id], reason)
            case Ticket(attempt_id=attempt_id) if attempt_id != self._running:
                if self._running is not None or self._ending:
                    why = "the pod is ending" if self._ending else "the pod is busy"
                    self._tell(caller, TurnedDown(attempt_id=attempt_id, why=why))
                    return
                self._running = attempt_id
                self._served += 1
                try:
                    self._supervisor.hand_over(message)
                except SupervisorGone:
                    self._deserted = True
                self._tell_all(self._standing())

    def _hear_supervisor(self) -> None:
        try:
            done = self._supervisor.receive()
        except SupervisorGone:
            self._deserted = True
            return
        for each in done:
            if each.attempt_id == self._running:
                self._running = None
                self._held_at = self._clock.monotonic()
                self._tell_all(each)

    def _standing(self) -> Standing:
        age_s = self._clock.monotonic() - self._started
        return Standing(
            running=self._running, served=self._served, age_s=age_s, ending=self._ending
        )

    def _tell_all(self, message: FromPod) -> None:
        for caller in list(self._callers):
            if caller.holds:
                self._tell(caller, message)

    def _tell(self, caller: _Caller, message: FromPod) -> None:
        if not caller.send(caller.sealed.seal(warm.encode(message))):
            self._drop(caller)

    def _drop(self, caller: _Caller) -> None:
        if caller in self._callers:
            self._callers.remove(caller)
            self._selector.unregister(caller.sock)
            caller.sock.close()

    # ---- time --------------------------------------------------------------------------------

    def _is_unwanted(self) -> bool:
        now = self._clock.monotonic()
        if self._running is not None or any(caller.holds for caller in self._callers):
            self._held_at = now
        return now - self._held_at >= self._unheld_s

    def _show_out(self) -> None:
        """Close connections of those who do not introduce themselves."""
        latest = self._clock.monotonic() - _INTRODUCTION_S
        for caller in list(self._callers):
            if not caller.holds and caller.since <= latest:
                self._drop(caller)

    def _wait_s(self) -> float | None:
        now = self._clock.monotonic()
        ends = [c.since + _INTRODUCTION_S for c in self._callers if not c.holds]
        if not self._ending:
            ends.append(self._held_at + self._unheld_s)
        return max(0.05, min(ends) - now) if ends else None
