"""Connections to warm pods, all on one thread.

A pod that is called is called again whenever its connection breaks, at growing intervals, until
it is hung up on. What is said to a pod that cannot be reached is lost: `Leasing` says it again
when the pod tells how it stands.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Self

import msgspec

from tradewind.clock import Clock
from tradewind.wire import warm
from tradewind.wire.sealed import Sealed, Unreadable
from tradewind.wire.warm import FromPod, Hold, ToPod

log = logging.getLogger(__name__)

_READ = 1 << 16
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_UNANSWERED_MS = 20_000
"""A peer that acknowledges nothing for so long is taken for gone (TCP_USER_TIMEOUT)."""
_KEEPALIVE = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 2}
_LONGEST_WAIT_S = 1.0


class Listener:
    """Who hears what pods say; called on the line's thread."""

    def __init__(
        self,
        heard: Callable[[str, FromPod], None],
        cut_off: Callable[[str], None],
        turn: Callable[[], float | None],
    ) -> None:
        """Take callables.

        Args:
            heard: a pod's name and what it says.
            cut_off: the name of a pod that cannot be spoken to any more.
            turn: called at each turn; returns when it wants the next, in monotonic seconds.
        """
        self.heard = heard
        self.cut_off = cut_off
        self.turn = turn


class _Call:
    """A pod that is called. sock: None between two tries."""

    def __init__(self, name: str, address: tuple[str, int], key: bytes) -> None:
        self.name = name
        self.sock: socket.socket | None = None
        self.holding = False
        self.failures = 0
        self.retry_at = 0.0
        self._address = address
        self._key = key
        self._sealed = Sealed(key, caller=True)

    def connect(self) -> socket.socket | None:
        """Begin to connect; None when that fails at once."""
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)  # noqa: FBT003  the stdlib's signature
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)
        for option, value in _KEEPALIVE.items():
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        try:
            sock.connect(self._address)
        except BlockingIOError:
            pass
        except OSError:
            sock.close()
            return None
        self.sock, self.holding, self._sealed = sock, False, Sealed(self._key, caller=True)
        return sock

    def greet(self) -> bool:
        """Send what comes before all else; False when the connection broke."""
        return self._send(self._sealed.greeting)

    def say(self, message: ToPod) -> bool:
        """Send a message; False when the connection broke."""
        return self._send(self._sealed.seal(warm.encode(message)))

    def receive(self) -> list[FromPod] | None:
        """Return what the pod says; None when the connection broke."""
        assert self.sock is not None
        try:
            data = self.sock.recv(_READ)
            found = [warm.decode_from_pod(body) for body in self._sealed.feed(data)]
        except BlockingIOError:
            return []
        except (Unreadable, msgspec.MsgspecError):
            log.warning("warm pod %s has another key, or another version of Tradewind", self.name)
            return None
        except OSError:
            return None
        return found if data else None

    @property
    def greeted(self) -> bool:
        """Tell whether the pod has greeted, so that it can be spoken to."""
        return self._sealed.ready

    def close(self) -> None:
        """Close the connection."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def _send(self, data: bytes) -> bool:
        try:
            return self.sock is not None and self.sock.send(data) == len(data)
        except OSError:
            return False


class Line:
    """Speak to warm pods."""

    def __init__(self, port: int, listener: Listener, clock: Clock) -> None:
        self._port = port
        self._listener = listener
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._calls: dict[str, _Call] = {}
        self._jobs: deque[Callable[[], None]] = deque()
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)  # noqa: FBT003  the stdlib's signature
        self._woken.setblocking(False)  # noqa: FBT003
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="kubernetes-warm", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Close all connections; attempts in pods go on."""
        self._stopped = True
        self.wake()
        self._thread.join()

    def wake(self) -> None:
        """Make a turn soon. From any thread, as the methods below."""
        with contextlib.suppress(OSError):  # full: it is awake
            self._waker.send(b"w")

    def call(self, name: str, address: str, key: bytes) -> None:
        """Keep a connection to a pod."""
        self._do(lambda: self._begin(_Call(name, (address, self._port), key)))

    def hang_up(self, name: str) -> None:
        """Close the connection to a pod and keep none."""
        self._do(lambda: self._end(name))

    def say(self, name: str, message: ToPod) -> None:
        """Tell a pod something, if it can be reached now."""
        self._do(lambda: self._say(name, message))

    # ---- on the thread -----------------------------------------------------------------------

    def _do(self, job: Callable[[], None]) -> None:
        self._jobs.append(job)
        self.wake()

    def _run(self) -> None:
        self._selector.register(self._woken, selectors.EVENT_READ, lambda: _drain(self._woken))
        while not self._stopped:
            try:
                self._turn()
            except Exception:
                log.exception("speaking to warm pods failed by a fault of ours")
        for name in list(self._calls):
            self._end(name)
        self._woken.close()
        self._waker.close()
        self._selector.close()

    def _turn(self) -> None:
        while self._jobs:
            self._jobs.popleft()()
        now = self._clock.monotonic()
        due = [] if (asked := self._listener.turn()) is None else [asked]
        for call in list(self._calls.values()):
            if call.sock is None and call.retry_at <= now:
                self._connect(call)
            if call.sock is None:
                due.append(call.retry_at)
        wait_s = min(max(0.0, min(due) - now), _LONGEST_WAIT_S) if due else None
        if self._jobs:
            wait_s = 0.0
        for key, _ in self._selector.select(wait_s):
            key.data()

    def _begin(self, call: _Call) -> None:
        self._end(call.name)
        self._calls[call.name] = call

    def _end(self, name: str) -> None:
        call = self._calls.pop(name, None)
        if call is not None:
            _close(call, self._selector)

    def _connect(self, call: _Call) -> None:
        sock = call.connect()
        if sock is None:
            self._broke(call)
        else:
            self._selector.register(sock, selectors.EVENT_WRITE, lambda: self._connected(call))

    def _connected(self, call: _Call) -> None:
        if call.sock is None:
            return
        self._selector.modify(call.sock, selectors.EVENT_READ, lambda: self._hear(call))
        if not call.greet():
            self._broke(call)

    def _hear(self, call: _Call) -> None:
        messages = call.receive() if call.sock is not None else []
        for message in messages or ():
            call.failures = 0
            self._listener.heard(call.name, message)
        if messages is None:
            self._broke(call)
        elif call.greeted and not call.holding:
            call.holding = True
            if not call.say(Hold()):
                self._broke(call)

    def _say(self, name: str, message: ToPod) -> None:
        call = self._calls.get(name)
        if call is not None and call.holding and not call.say(message):
            self._broke(call)

    def _broke(self, call: _Call) -> None:
        _close(call, self._selector)
        call.failures += 1
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(call.failures, 10), _LONGEST_PAUSE_S)
        call.retry_at = self._clock.monotonic() + pause_s
        self._listener.cut_off(call.name)


def _close(call: _Call, selector: selectors.BaseSelector) -> None:
    if call.sock is not None:
        selector.unregister(call.sock)
    call.close()


def _drain(sock: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while sock.recv(_READ):
            pass
