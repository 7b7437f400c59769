"""The supervisor's connection to the scheduler: lost, found again, nothing forgotten.

A claim or an outcome is kept until it is answered; after a reconnection it is sent again. The
scheduler answers a repeated message as it answered the first.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

import msgspec

from tradewind.wire import framing
from tradewind.wire.messages import (
    CallbackDone,
    Claim,
    Finish,
    Hello,
    Reply,
    Request,
    ToServer,
    ToWorker,
)

RECONNECT_S = 0.2
"""Pause between two tries to reach the scheduler on this machine."""

_KEPT = Claim | Finish | Request | CallbackDone


class Link:
    """Messages to and from the scheduler over its local socket."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._sock: socket.socket | None = None
        self._reader = framing.FrameReader()
        self._outgoing = bytearray()
        self._unanswered: dict[int, ToServer] = {}
        self._seq = 0

    @property
    def connected(self) -> bool:
        """Tell whether the scheduler is connected."""
        return self._sock is not None

    @property
    def writable_wanted(self) -> bool:
        """Tell whether bytes wait to be written."""
        return bool(self._outgoing)

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 when there is none."""
        return self._sock.fileno() if self._sock is not None else -1

    def next_seq(self) -> int:
        """Return a number for a message that wants an answer."""
        self._seq += 1
        return self._seq

    def connect(self, hello: Hello) -> bool:
        """Try to reach the scheduler; say hello and repeat what is unanswered."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(self._path)
        except OSError:
            sock.close()
            return False
        sock.setblocking(False)  # noqa: FBT003  the stdlib's signature
        self._sock = sock
        self._reader = framing.FrameReader()
        self._outgoing = bytearray(framing.encode(hello))
        for message in self._unanswered.values():
            self._outgoing += framing.encode(message)
        self.flush()
        return True

    def send(self, message: ToServer) -> None:
        """Send a message, now or when the scheduler is back."""
        if isinstance(message, _KEPT):
            self._unanswered[message.seq] = message
        if self._sock is not None:
            self._outgoing += framing.encode(message)
            self.flush()

    def forget(self, seqs: Iterable[int]) -> None:
        """Stop waiting for answers: who asked is gone."""
        for seq in seqs:
            self._unanswered.pop(seq, None)

    def receive(self) -> list[ToWorker]:
        """Return messages that are whole; the connection may turn out to be lost."""
        if self._sock is None:
            return []
        try:
            data = self._sock.recv(1 << 18)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.drop()
            return []
        try:
            messages = [framing.decode_to_worker(f) for f in self._reader.feed(data)]
        except msgspec.MsgspecError:
            self.drop()
            return []
        for message in messages:
            if isinstance(message, Reply):
                self._unanswered.pop(message.seq, None)
        return messages

    def flush(self) -> None:
        """Write what the socket takes."""
        if self._sock is None:
            return
        try:
            while self._outgoing:
                sent = self._sock.send(self._outgoing)
                del self._outgoing[:sent]
        except BlockingIOError:
            return
        except OSError:
            self.drop()

    def drop(self) -> None:
        """Give the connection up; what is unanswered stays."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        self._outgoing.clear()
