"""The triggerer's connection to the scheduler, in a thread of its own.

A thread, so that heartbeats, and the calls that a trigger makes synchronously from the event
loop, work while user code holds the loop. A message that wants an answer is kept until it is
answered: after a reconnection, and when no answer comes for a while, it is sent again. The
scheduler answers a repeated message as it answered the first.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from tradewind.clock import Clock
from tradewind.errors import Unavailable
from tradewind.triggerer.connection import Connection
from tradewind.wire.messages import (
    Beat,
    Claim,
    Hello,
    Reply,
    Request,
    RunningAttempt,
    ToServer,
    ToWorker,
    TriggerFinish,
    WatcherEvent,
)

RECONNECT_S = 0.2
"""Pause between two tries to reach the scheduler on this machine."""
RESEND_S = 10.0
"""An answer that takes longer was lost with the turn that should have given it."""

_WantsAnswer = Claim | TriggerFinish | WatcherEvent | Request


class _Sent(msgspec.Struct):
    """A message that waits for its answer. answered: set when a thread waits for it."""

    message: _WantsAnswer
    at: float
    answered: threading.Event | None = None
    reply: Reply | None = None


class Link:
    """Exchange messages with the scheduler until closed.

    `hello` and `running` are called in the link's thread and must not block; `receive` is
    called there with every message but answers to `request`; `tick` at every heartbeat.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        heartbeat_s: float,
        *,
        hello: Callable[[], Hello],
        running: Callable[[], tuple[RunningAttempt, ...]],
        receive: Callable[[ToWorker, _WantsAnswer | None], None],
        tick: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._heartbeat_s = heartbeat_s
        self._hello = hello
        self._running = running
        self._receive = receive
        self._tick = tick
        self._lock = threading.Lock()
        self._seq = 0
        self._outbox: deque[ToServer] = deque()
        self._sent: dict[int, _Sent] = {}
        self._closing = False
        self._woken, self._waker = socket.socketpair()
        self._connection = Connection(path)
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    def start(self) -> None:
        """Connect, now and whenever the connection is lost."""
        for end in (self._woken, self._waker):
            end.setblocking(False)  # noqa: FBT003  the stdlib's signature
        self._thread.start()

    def close(self) -> None:
        """Close the connection."""
        self._closing = True
        self._wake()
        self._thread.join()
        self._woken.close()
        self._waker.close()

    def next_seq(self) -> int:
        """Return a number for a message that wants an answer."""
        with self._lock:
            self._seq += 1
            return self._seq

    def send(self, message: Claim | TriggerFinish | WatcherEvent) -> None:
        """Send a message, now or when the scheduler is back."""
        with self._lock:
            self._sent[message.seq] = _Sent(message, self._clock.monotonic())
            self._outbox.append(message)
        self._wake()

    def request(self, message: Request, timeout_s: float) -> Reply:
        """Send a call of user code and wait for its answer.

        Raises:
            Unavailable: there is none in time.
        """
        sent = _Sent(message, self._clock.monotonic(), threading.Event())
        with self._lock:
            self._sent[message.seq] = sent
            self._outbox.append(message)
        self._wake()
        assert sent.answered is not None
        sent.answered.wait(timeout_s)
        with self._lock:
            self._sent.pop(message.seq, None)
        if sent.reply is None:
            raise Unavailable(f"the scheduler did not answer within {timeout_s:.0f} s")
        return sent.reply

    def unanswered(self) -> list[_WantsAnswer]:
        """Return the messages that wait for an answer."""
        with self._lock:
            return [sent.message for sent in self._sent.values()]

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: the thread has been woken already
            self._waker.send(b"!")

    # ---- everything below runs in the link's thread -----------------------------------------

    def _run(self) -> None:
        beat_at = self._clock.monotonic() + self._heartbeat_s
        connect_at = 0.0
        while not self._closing:
            now = self._clock.monotonic()
            if self._connection.sock is None and now >= connect_at:
                self._connect()
                connect_at = now + RECONNECT_S
            if now >= beat_at:
                beat_at = now + self._heartbeat_s
                self._beat(now)
            self._write_outbox()
            wake_at = beat_at if self._connection.sock is not None else min(beat_at, connect_at)
            self._wait(max(0.0, wake_at - self._clock.monotonic()))
        self._write_outbox()
        self._connection.drop()

    def _wait(self, timeout_s: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            sock = self._connection.sock
            if sock is not None:
                write = selectors.EVENT_WRITE if self._connection.wants_to_write else 0
                selector.register(sock, selectors.EVENT_READ | write)
            ready = {key.fileobj for key, _ in selector.select(timeout_s)}
        if self._woken in ready:
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(4096)
        if sock is not None and sock in ready:
            self._connection.flush()
            for message in self._connection.read():
                self._take(message)

    def _connect(self) -> None:
        if not self._connection.connect():
            return
        self._connection.put(self._hello())
        with self._lock:
            self._outbox.clear()
            for sent in self._sent.values():
                self._connection.put(sent.message)

    def _beat(self, now: float) -> None:
        self._tick()
        self._connection.look()
        running = self._running()
        with self._lock:
            late = [sent for sent in self._sent.values() if now - sent.at >= RESEND_S]
            for sent in late:
                sent.at = now
                self._outbox.append(sent.message)
        if self._connection.sock is not None:
            self._connection.put(Beat(seq=self.next_seq(), attempts=running))

    def _write_outbox(self) -> None:
        if self._connection.sock is None:
            return
        with self._lock:
            while self._outbox:
                self._connection.put(self._outbox.popleft())
        self._connection.flush()

    def _take(self, message: ToWorker) -> None:
        if not isinstance(message, Reply):
            self._receive(message, None)
            return
        with self._lock:
            sent = self._sent.pop(message.seq, None)
        if sent is not None and sent.answered is not None:
            sent.reply = message
            sent.answered.set()
        else:
            self._receive(message, sent.message if sent is not None else None)
