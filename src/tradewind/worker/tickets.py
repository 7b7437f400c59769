"""Tickets: what the program that hears a broker hands to the supervisor of its host.

    Ticket         →   an attempt to claim and run
    CancelAttempt  →   stop it, if it is here: a hint, for it is the beat's answer that counts
    TicketDone     ←   it is over and an API server knows its outcome, or it was not ours to run

Frames over a socket pair that was made before the supervisor was forked. When the other end
closes it, no more will come: the supervisor drains.
"""

from __future__ import annotations

import logging
import selectors
import socket
from collections.abc import Callable

import msgspec

from tradewind.errors import Bug
from tradewind.model.ids import AttemptId
from tradewind.wire.framing import FrameReader
from tradewind.wire.messages import CancelAttempt
from tradewind.wire.remote import Ticket, TicketDone, frame

_READ = 1 << 16

log = logging.getLogger(__name__)

_decoder: msgspec.msgpack.Decoder[Ticket | CancelAttempt] = msgspec.msgpack.Decoder(
    Ticket | CancelAttempt
)


class TicketDesk:
    """Take tickets and say when each is done."""

    def __init__(
        self,
        sock: socket.socket,
        selector: selectors.BaseSelector,
        take: Callable[[Ticket], None],
        cancel: Callable[[CancelAttempt], None],
        closed: Callable[[], None],
    ) -> None:
        """Listen for tickets.

        Args:
            sock: one end of a socket pair.
            selector: where it is registered.
            take: claims and runs an attempt.
            cancel: stops one.
            closed: called when no more tickets will come.
        """
        self._sock = sock
        self._selector = selector
        self._take = take
        self._cancel = cancel
        self._closed = closed
        self._reader = FrameReader()
        self._open: set[AttemptId] = set()
        sock.setblocking(False)  # noqa: FBT003  the stdlib's signature
        selector.register(sock, selectors.EVENT_READ, lambda _: self._receive())

    def done(self, attempt_id: AttemptId, how: str) -> None:
        """Say that a ticket is done, once. how: in words, for a log."""
        if attempt_id not in self._open:
            return
        self._open.discard(attempt_id)
        try:
            self._sock.sendall(frame(TicketDone(attempt_id=attempt_id, how=how)))
        except OSError as error:
            # Whoever gave the ticket has gone; the outcome is with the API server.
            log.debug("nobody hears that %s is done: %s", attempt_id, error)

    def _receive(self) -> None:
        try:
            data = self._sock.recv(_READ)
            messages = [_decoder.decode(body) for body in self._reader.feed(data)]
        except BlockingIOError:
            return
        except (OSError, msgspec.MsgspecError, Bug) as error:
            log.warning("tickets cannot be understood: %s", error)
            data, messages = b"", []
        for message in messages:
            if isinstance(message, CancelAttempt):
                self._cancel(message)
            else:
                self._open.add(message.attempt_id)
                self._take(message)
        if not data:
            self._selector.unregister(self._sock)
            self._closed()
