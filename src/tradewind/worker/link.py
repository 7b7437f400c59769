"""The supervisor's connection to whoever leads it: lost, found again, nothing forgotten.

Here is the one to the scheduler of the same machine; `http_link` has the one to an API server.

Whoever asks something gives the function that takes the answer. A question is kept until it
is answered and is asked again after a reconnection, in its old place and under its old
number; the scheduler answers a repeated claim, request or outcome as it answered the first.
"""

from __future__ import annotations

import logging
import selectors
import socket
from collections.abc import Callable
from typing import Protocol

import msgspec

from tradewind.errors import Bug
from tradewind.model.ids import AttemptId
from tradewind.wire import framing
from tradewind.wire.listening import LOOK_S, Listener
from tradewind.wire.messages import (
    AppendLog,
    Beat,
    CallbackDone,
    Claim,
    Finish,
    GetObjects,
    Hello,
    Reply,
    Request,
    ToWorker,
)
from tradewind.worker.timers import Timers

_Local = Claim | Beat | Finish | CallbackDone | Request | GetObjects
Question = _Local | AppendLog
Answered = Callable[[Reply], None]

_READ = 1 << 18

log = logging.getLogger(__name__)


class Link(Protocol):
    """The way to whoever leads this supervisor."""

    @property
    def connected(self) -> bool:
        """Tell whether it is there."""
        ...

    def connect(self, hello: Hello) -> bool:
        """Try to reach it; tell whether it is there now."""
        ...

    def ask(self, question: Question, answered: Answered) -> int:
        """Send a question, now or when it is back; return its number."""
        ...

    def fetch(self, names: tuple[str, ...], got: Callable[[dict[str, bytes]], None]) -> None:
        """Get objects of code snapshots."""
        ...

    def forget(self, seq: int) -> None:
        """Stop waiting for an answer."""
        ...

    def release(self, attempt_id: AttemptId) -> None:
        """Take note that nothing more will be said about an attempt."""
        ...

    def keep(self) -> None:
        """Bring to disk what a later supervisor needs to deliver outcomes."""
        ...

    def drop(self) -> None:
        """Give the connection up; what is unanswered stays."""
        ...


class SocketLink:
    """Messages to and from the scheduler over its local socket."""

    def __init__(
        self,
        path: str,
        selector: selectors.BaseSelector,
        timers: Timers,
        received: Callable[[ToWorker], None],
        lost: Callable[[], None],
    ) -> None:
        """Make a link that is not connected yet.

        Args:
            path: the scheduler's socket.
            selector: where the socket is registered, with a function of the event mask.
            timers: call back later.
            received: takes what the scheduler says of itself, and every reply's side of it.
            lost: called when the connection ends.
        """
        self._path = path
        self._selector = selector
        self._timers = timers
        self._listener = Listener(path)
        self._received = received
        self._lost = lost
        self._sock: socket.socket | None = None
        self._reader = framing.FrameReader()
        self._outgoing = bytearray()
        self._writing = False
        self._unanswered: dict[int, tuple[_Local, Answered]] = {}
        self._seq = 0

    @property
    def connected(self) -> bool:
        """Tell whether the scheduler is connected."""
        return self._sock is not None

    def connect(self, hello: Hello) -> bool:
        """Try to reach the scheduler; say hello and repeat what is unanswered."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.note()
        try:
            sock.setblocking(False)  # noqa: FBT003  the stdlib's signature
            sock.connect(self._path)
        except OSError:
            sock.close()
            return False
        self._sock = sock
        self._timers.after(LOOK_S, lambda: self._look(sock))
        self._reader = framing.FrameReader()
        self._writing = False
        self._selector.register(sock, selectors.EVENT_READ, self._ready)
        self._outgoing = bytearray(framing.encode(hello))
        beats: list[tuple[int, Answered]] = []
        for seq, (question, answered) in list(self._unanswered.items()):
            if isinstance(question, Beat):
                del self._unanswered[seq]
                beats.append((seq, answered))
            else:
                self._outgoing += framing.encode(question)
        self._flush()
        for seq, answered in beats:
            answered(Reply(seq=seq, error="unavailable", message="the scheduler was restarted"))
        return True

    def ask(self, question: Question, answered: Answered) -> int:
        """Send a question, now or when the scheduler is back; return its number."""
        self._seq += 1
        if isinstance(question, AppendLog):
            raise Bug("a local worker's log is where it is read; nothing is to be sent")
        numbered = msgspec.structs.replace(question, seq=self._seq)
        self._unanswered[self._seq] = (numbered, answered)
        if self._sock is not None:
            self._outgoing += framing.encode(numbered)
            # At once: what the scheduler does with it is on the way of every task.
            self._flush()
        return self._seq

    def fetch(self, names: tuple[str, ...], got: Callable[[dict[str, bytes]], None]) -> None:
        """Get objects of code snapshots, in as many replies as it takes.

        Args:
            names: which.
            got: called with those that there are.
        """
        fetch_objects(self.ask, names, got)

    def forget(self, seq: int) -> None:
        """Stop waiting for an answer: who asked is gone."""
        self._unanswered.pop(seq, None)

    def release(self, attempt_id: AttemptId) -> None:
        """Nothing is kept of an attempt here."""

    def keep(self) -> None:
        """Nothing is needed beside the outcomes."""

    def drop(self) -> None:
        """Give the connection up; what is unanswered stays."""
        if self._sock is not None:
            self._selector.unregister(self._sock)
            self._sock.close()
            self._sock = None
            self._outgoing.clear()
            self._lost()

    def _look(self, sock: socket.socket) -> None:
        """Go to the one that listens now, whatever became of the one that did."""
        if self._sock is not sock:
            return
        if self._listener.is_another():
            log.warning("another scheduler listens at %s", self._path)
            self.drop()
        else:
            self._timers.after(LOOK_S, lambda: self._look(sock))

    def _ready(self, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush()
        if mask & selectors.EVENT_READ:
            for message in self._receive():
                if isinstance(message, Reply):
                    self._received(message)
                    _, answered = self._unanswered.pop(message.seq, (None, None))
                    if answered is not None:
                        answered(message)
                else:
                    self._received(message)

    def _receive(self) -> list[ToWorker]:
        if self._sock is None:
            return []
        try:
            data = self._sock.recv(_READ)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if data:
            try:
                return [framing.decode_to_worker(body) for body in self._reader.feed(data)]
            except (msgspec.MsgspecError, Bug) as error:
                log.warning("the scheduler says what this worker does not understand: %s", error)
        self.drop()
        return []

    def _flush(self) -> None:
        if self._sock is None:
            return
        try:
            while self._outgoing:
                sent = self._sock.send(self._outgoing)
                del self._outgoing[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self.drop()
            return
        if self._writing != bool(self._outgoing):
            self._writing = not self._writing
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._writing else 0)
            self._selector.modify(self._sock, events, self._ready)


def fetch_objects(
    ask: Callable[[Question, Answered], int],
    names: tuple[str, ...],
    got: Callable[[dict[str, bytes]], None],
) -> None:
    """Ask for objects until all have come, or are known not to exist."""
    found: dict[str, bytes] = {}

    def answered(reply: Reply) -> None:
        found.update(reply.body.get("objects", {}))
        rest = tuple(reply.body.get("rest", ()))
        if rest:
            ask(GetObjects(seq=0, names=rest), answered)
        else:
            got(found)

    ask(GetObjects(seq=0, names=names), answered)
