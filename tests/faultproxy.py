"""A TCP proxy that fails on request: cut, refuse, swallow, hold back.

A test puts it between two real processes and then makes the network misbehave. One thread
serves all connections; orders are taken from any thread and hold for connections that are open
and for those to come.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections import deque
from typing import Self

from tradewind.clock import SystemClock

_READ = 1 << 16
_CLOCK = SystemClock()


class _Pipe:
    """One direction of one connection."""

    def __init__(self, source: socket.socket, target: socket.socket, *, reply: bool) -> None:
        self.source, self.target, self.reply = source, target, reply
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.other: _Pipe | None = None


class FaultProxy:
    """Forward connections to a port of this machine, and fail on request.

    The orders, each until `heal`:
      * `cut()`: reset what is open, once
      * `refuse()`: reset what is open and whatever comes
      * `swallow_replies()`, `swallow_requests()`: take the bytes and pass none on: half open
      * `delay_s`: hold every byte back this long
      * `cut_at(pattern)`: reset a connection when these bytes come by, before or after they pass
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.delay_s = 0.0
        self.accepted = 0
        self._swallow = {True: False, False: False}
        self._refusing = False
        self._pattern: bytes | None = None
        self._pattern_in_reply = self._pass_pattern = False
        self.cuts = 0
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._pipes: set[_Pipe] = set()
        self._wake_out, self._wake_in = socket.socketpair()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._done = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._listener.settimeout(0)
        self._wake_out.settimeout(0)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done = True
        self._wake()
        self._thread.join(10)
        with self._lock:
            self._reset_all()
        self._selector.close()
        for sock in (self._listener, self._wake_in, self._wake_out):
            sock.close()

    # ---- orders ---------------------------------------------------------------------------

    def cut(self) -> None:
        """Reset every open connection."""
        with self._lock:
            self._reset_all()
        self._wake()

    def refuse(self) -> None:
        """Reset every open connection, and each new one at once."""
        with self._lock:
            self._refusing = True
            self._reset_all()
        self._wake()

    def swallow_replies(self) -> None:
        """Pass requests on, and none of the answers."""
        self._swallow[True] = True

    def swallow_requests(self) -> None:
        """Pass nothing on: a black hole that takes connections."""
        self._swallow[False] = True

    def cut_at(self, pattern: bytes, *, in_reply: bool = False, passed: bool = True) -> None:
        """Reset a connection, once, when these bytes come by; passed: after they went through."""
        with self._lock:
            self._pattern, self._pattern_in_reply = pattern, in_reply
            self._pass_pattern = passed

    def heal(self) -> None:
        """Be a good network again. What was swallowed stays lost, so its connections end."""
        with self._lock:
            lossy = any(self._swallow.values())
            self._swallow = {True: False, False: False}
            self._refusing, self._pattern, self.delay_s = False, None, 0.0
            if lossy:
                self._reset_all()
        self._wake()

    # ---- the thread -----------------------------------------------------------------------

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._wake_in.send(b"!")

    def _serve(self) -> None:
        while not self._done:
            ready = self._selector.select(self._next_due())
            with self._lock:
                for key, _ in ready:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.fileobj is self._wake_out:
                        with contextlib.suppress(BlockingIOError):
                            self._wake_out.recv(4096)
                    elif key.data in self._pipes:
                        self._read(key.data)
                for pipe in list(self._pipes):
                    self._pass_due(pipe)

    def _next_due(self) -> float:
        now = _CLOCK.monotonic()
        dues = [pipe.waiting[0][0] for pipe in list(self._pipes) if pipe.waiting]
        return max(0.0, min(dues) - now) if dues else 1.0

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        if self._refusing:
            _reset(client)
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
        except OSError:
            _reset(client)
            return
        self.accepted += 1
        there = _Pipe(client, server, reply=False)
        back = _Pipe(server, client, reply=True)
        there.other, back.other = back, there
        for pipe in (there, back):
            pipe.source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pipes.add(pipe)
            self._selector.register(pipe.source, selectors.EVENT_READ, pipe)

    def _read(self, pipe: _Pipe) -> None:
        try:
            data = pipe.source.recv(_READ, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(pipe)
            return
        if self._swallow[pipe.reply]:
            return
        hit = (
            self._pattern is not None
            and self._pattern_in_reply is pipe.reply
            and self._pattern in data
        )
        if hit:
            self.cuts += 1
            self._pattern = None
            if self._pass_pattern:
                with contextlib.suppress(OSError):
                    pipe.target.sendall(data)
            self._close(pipe)
            return
        pipe.waiting.append((_CLOCK.monotonic() + self.delay_s, data))

    def _pass_due(self, pipe: _Pipe) -> None:
        now = _CLOCK.monotonic()
        while pipe.waiting and pipe.waiting[0][0] <= now:
            _, data = pipe.waiting.popleft()
            try:
                pipe.target.sendall(data)
            except OSError:
                self._close(pipe)
                return

    def _reset_all(self) -> None:
        for pipe in list(self._pipes):
            if pipe in self._pipes:
                self._close(pipe)

    def _close(self, pipe: _Pipe) -> None:
        assert pipe.other is not None
        for each in (pipe, pipe.other):
            self._pipes.discard(each)
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(each.source)
        for each in (pipe, pipe.other):
            _reset(each.source)


def _reset(sock: socket.socket) -> None:
    """Close with RST, as a crashed peer or an impatient firewall does."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    sock.close()
