"""A non-blocking stream of frames to the scheduler's socket, connected or not."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import msgspec

from tradewind.errors import Bug
from tradewind.wire import framing
from tradewind.wire.listening import Listener
from tradewind.wire.messages import ToServer, ToWorker

log = logging.getLogger(__name__)

_READ_SIZE = 1 << 18


class Connection:
    """Used by one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = framing.FrameReader()
        self._outgoing = bytearray()
        self._listener = Listener(path)
        self.sock: socket.socket | None = None

    @property
    def wants_to_write(self) -> bool:
        """Tell whether bytes wait to be written."""
        return bool(self._outgoing)

    def look(self) -> None:
        """Give the connection up when another scheduler listens at its path."""
        if self.sock is not None and self._listener.is_another():
            log.warning("another scheduler listens at %s", self._path)
            self.drop()

    def connect(self) -> bool:
        """Try to reach the scheduler."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.note()
        try:
            sock.connect(str(self._path))
        except OSError:
            sock.close()
            return False
        sock.setblocking(False)  # noqa: FBT003  the stdlib's signature
        log.info("connected to the scheduler")
        self.sock = sock
        self._reader = framing.FrameReader()
        self._outgoing.clear()
        return True

    def put(self, message: ToServer) -> None:
        """Queue a message; `flush` writes it."""
        self._outgoing += framing.encode(message)

    def flush(self) -> None:
        """Write what the socket takes."""
        try:
            while self.sock is not None and self._outgoing:
                sent = self.sock.send(self._outgoing)
                del self._outgoing[:sent]
        except BlockingIOError:
            return
        except OSError:
            self.drop()

    def read(self) -> list[ToWorker]:
        """Return messages that are whole; the connection may turn out to be lost."""
        if self.sock is None:
            return []
        try:
            data = self.sock.recv(_READ_SIZE)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.drop()
            return []
        try:
            return [framing.decode_to_worker(frame) for frame in self._reader.feed(data)]
        except (Bug, msgspec.MsgspecError) as error:
            log.warning("the scheduler sent something else than a message: %s", error)
            self.drop()
            return []

    def drop(self) -> None:
        """Give the connection up."""
        if self.sock is not None:
            log.info("the connection to the scheduler ended")
            self.sock.close()
            self.sock = None
        self._outgoing.clear()
