"""Where tickets are handed to this host's supervisor, and where it says that they are done."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable

import msgspec

from tradewind.model.ids import AttemptId
from tradewind.wire import framing
from tradewind.wire.messages import CancelAttempt
from tradewind.wire.remote import Ticket, TicketDone, frame

_READ = 1 << 16

_decoder: msgspec.msgpack.Decoder[TicketDone] = msgspec.msgpack.Decoder(TicketDone)


class SupervisorGone(Exception):
    """The supervisor ended, and what it ran with it."""


class Supervisor:
    """The supervisor of this host, as whoever hears of tickets sees it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader = framing.FrameReader()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a ticket is done."""
        return self._sock.fileno()

    def hand_over(self, ticket: Ticket) -> None:
        """Give a ticket to the supervisor.

        Raises:
            SupervisorGone: there is none.
        """
        try:
            self._sock.sendall(frame(ticket))
        except OSError as error:
            raise SupervisorGone from error

    def cancel(self, attempts: Iterable[AttemptId], reason: str) -> None:
        """Ask the supervisor to stop those of these attempts that it runs."""
        with contextlib.suppress(OSError):
            for attempt_id in attempts:
                self._sock.sendall(frame(CancelAttempt(attempt_id=attempt_id, reason=reason)))

    def receive(self) -> list[TicketDone]:
        """Return the tickets that are done. Blocks when nothing is there.

        Raises:
            SupervisorGone: no more will come.
        """
        try:
            data = self._sock.recv(_READ)
        except OSError as error:
            raise SupervisorGone from error
        if not data:
            raise SupervisorGone
        return [_decoder.decode(body) for body in self._reader.feed(data)]
