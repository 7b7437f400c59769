"""Tickets over the local socket between who takes them from a broker and this host's supervisor.

    consumer → supervisor    `Ticket`: run this; `CancelAttempt`: stop it at once
    supervisor → consumer    `TicketDone`, once for each ticket

Frames are those of `framing`. The end of the socket is the end of the other side.
"""

from __future__ import annotations

import msgspec

from tradewind.model.ids import AttemptId
from tradewind.wire import framing
from tradewind.wire.messages import CancelAttempt
from tradewind.wire.remote import Ticket


class TicketDone(msgspec.Struct, frozen=True, kw_only=True, tag="ticket_done"):
    """The attempt is over here: its outcome was accepted, or it was refused.

    how: in a word, for people.
    """

    attempt_id: AttemptId
    how: str


_to_supervisor: msgspec.msgpack.Decoder[Ticket | CancelAttempt] = msgspec.msgpack.Decoder(
    Ticket | CancelAttempt
)
_to_consumer: msgspec.msgpack.Decoder[TicketDone] = msgspec.msgpack.Decoder(TicketDone)


def encode(message: Ticket | CancelAttempt | TicketDone) -> bytes:
    """Return the frame of one message."""
    return framing.frame(message)


def decode_to_supervisor(body: bytes) -> Ticket | CancelAttempt:
    """Return what a consumer said."""
    return _to_supervisor.decode(body)


def decode_to_consumer(body: bytes) -> TicketDone:
    """Return what the supervisor said."""
    return _to_consumer.decode(body)
