"""The local socket that supervisors and triggerers of this host connect to.

Non-blocking and single-threaded: `poll` reads what is there, `send` queues, and `flush` (or
the next `poll`) writes what the sockets take, all of a peer's messages at once: a write wakes the
peer, and to be woken for each of many messages is what costs. The rest goes out when `poll` finds
room. A peer that sends something undecodable is cut off (it reconnects and says `Hello` again).
"""

from __future__ import annotations

import logging
import selectors
import socket
import stat
from pathlib import Path

import msgspec

from tradewind.errors import Bug, ConfigError
from tradewind.wire import framing
from tradewind.wire.messages import WIRE_VERSION, Hello, ToServer, ToWorker

log = logging.getLogger(__name__)

_READ_SIZE = 1 << 18
_BACKLOG = 64


class Peer:
    """One connection."""

    __slots__ = ("awaits_room", "hello", "outgoing", "reader", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.reader = framing.FrameReader()
        self.outgoing = bytearray()
        self.hello: Hello | None = None
        self.awaits_room = False


class Message(msgspec.Struct, frozen=True):
    """Something a peer said. body None: the connection ended."""

    peer_id: str
    body: ToServer | None


class Channel:
    """Listen on a unix socket and exchange messages with whoever connects."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._inode = 0
        self._peers: dict[str, Peer] = {}
        self._new: set[Peer] = set()
        self._watched: set[int] = set()
        self._inbound: list[Message] = []
        self._unsent: set[Peer] = set()

    def open(self) -> None:
        """Start listening; the path is replaced when a dead scheduler left it.

        Raises:
            ConfigError: the path is too long or not a socket of ours.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            if not stat.S_ISSOCK(self._path.stat().st_mode):
                raise ConfigError(f"{self._path} is in the way: it should be a socket; remove it")
            self._path.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(self._path))
        except OSError as error:
            listener.close()
            raise ConfigError(
                f"cannot listen on {self._path} ({error}); a shorter TRADEWIND_HOME may help"
            ) from error
        self._path.chmod(0o600)
        listener.listen(_BACKLOG)
        listener.setblocking(False)  # noqa: FBT003  the stdlib's signature
        self._listener = listener
        self._inode = self._path.stat().st_ino
        self._selector.register(listener, selectors.EVENT_READ, None)

    def keep(self) -> None:
        """Listen anew when the path does not lead here any more; connections stay.

        A scheduler that was stopped while it took over takes the path when it goes on, before
        it learns that another leads by now.
        """
        try:
            mine = self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            mine = False
        if self._listener is not None and not mine:
            log.warning("%s was taken over by another scheduler; listening anew", self._path)
            self._close_listener()
            self.open()

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def close(self) -> None:
        """Close every connection, stop listening and watching; it may be opened again."""
        self.flush()
        for peer in [*self._peers.values(), *self._new]:
            self._drop(peer)
        self._close_listener()
        for fd in self._watched:
            self._selector.unregister(fd)
        self._watched.clear()
        self._inbound.clear()

    def watch(self, fd: int) -> None:
        """Also wake `poll` when this descriptor is readable."""
        self._selector.register(fd, selectors.EVENT_READ, "watched")
        self._watched.add(fd)

    def send(self, peer_id: str, message: ToWorker) -> bool:
        """Queue a message; False when the peer is not connected."""
        peer = self._peers.get(peer_id)
        if peer is None:
            return False
        peer.outgoing += framing.encode(message)
        self._unsent.add(peer)
        return True

    def flush(self) -> None:
        """Write what is queued, as far as the sockets take it."""
        unsent, self._unsent = self._unsent, set()
        for peer in unsent:
            self._flush(peer)

    def peers(self, kind: str) -> list[Hello]:
        """Return the hellos of connected peers of a kind."""
        return [
            p.hello for p in self._peers.values() if p.hello is not None and p.hello.kind == kind
        ]

    def poll(self, timeout_s: float | None) -> list[Message]:
        """Wait for something to happen, then return the messages that are whole.

        Watched descriptors end the wait; draining them is their owner's business.
        """
        self.flush()
        for key, mask in self._selector.select(timeout_s):
            if key.data is None:
                self._accept()
            elif isinstance(key.data, Peer):
                if mask & selectors.EVENT_WRITE:
                    self._flush(key.data)
                if mask & selectors.EVENT_READ:
                    self._read(key.data)
        inbound, self._inbound = self._inbound, []
        return inbound

    def _accept(self) -> None:
        if self._listener is None:
            return
        sock, _ = self._listener.accept()
        sock.setblocking(False)  # noqa: FBT003
        peer = Peer(sock)
        self._new.add(peer)
        self._selector.register(sock, selectors.EVENT_READ, peer)

    def _read(self, peer: Peer) -> None:
        try:
            data = peer.sock.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(peer)
            return
        try:
            for frame in peer.reader.feed(data):
                self._take(peer, framing.decode_to_server(frame))
        except (Bug, msgspec.DecodeError, msgspec.ValidationError) as error:
            log.warning("a local peer was cut off: %s", error)
            self._drop(peer)

    def _take(self, peer: Peer, message: ToServer) -> None:
        if peer.hello is None:
            if not isinstance(message, Hello) or message.wire != WIRE_VERSION:
                raise Bug(f"expected a Hello of wire version {WIRE_VERSION}, got {message!r:.200}")
            self._new.discard(peer)
            old = self._peers.get(message.peer_id)
            if old is not None:
                self._drop(old)
            peer.hello = message
            self._peers[message.peer_id] = peer
        self._inbound.append(Message(peer.hello.peer_id, message))

    def _flush(self, peer: Peer) -> None:
        try:
            while peer.outgoing:
                del peer.outgoing[: peer.sock.send(peer.outgoing)]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(peer)
            return
        if bool(peer.outgoing) != peer.awaits_room:
            peer.awaits_room = bool(peer.outgoing)
            room = selectors.EVENT_WRITE if peer.awaits_room else 0
            self._selector.modify(peer.sock, selectors.EVENT_READ | room, peer)

    def _drop(self, peer: Peer) -> None:
        self._new.discard(peer)
        self._unsent.discard(peer)
        try:
            self._selector.unregister(peer.sock)
        except KeyError:
            return
        peer.sock.close()
        peer.outgoing.clear()
        if peer.hello is not None and self._peers.get(peer.hello.peer_id) is peer:
            del self._peers[peer.hello.peer_id]
            self._inbound.append(Message(peer.hello.peer_id, None))
