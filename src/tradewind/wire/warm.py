"""What a scheduler and a warm pod say to each other, sealed (`tradewind.wire.sealed`).

Hold           →   tell me how it stands, and of every change
Standing       ←   what is run, and what has been run so far
Ticket         →   run this attempt: its claim decides whether you may
CancelAttempt  →   stop it
TurnedDown     ←   the ticket was not taken: another attempt is run, or the pod is ending
TicketDone     ←   the attempt is over and an API server knows, or it was not to be had
"""

from __future__ import annotations

import msgspec

from tradewind.model.ids import AttemptId
from tradewind.wire.messages import CancelAttempt
from tradewind.wire.remote import Ticket, TicketDone

KEY_NAME = "key"
"""Name of the pod's key in its Secret."""


class Hold(msgspec.Struct, frozen=True, tag="hold"):
    """Whoever says this gives tickets; a pod that nobody holds ends by itself."""


class Standing(msgspec.Struct, frozen=True, kw_only=True, tag="standing"):
    """How a pod stands.

    served: attempts that it has taken. age_s: since its start. ending: it takes no more.
    """

    running: AttemptId | None
    served: int
    age_s: float
    ending: bool = False


class TurnedDown(msgspec.Struct, frozen=True, kw_only=True, tag="turned_down"):
    """A ticket that was not taken, and why."""

    attempt_id: AttemptId
    why: str


ToPod = Hold | Ticket | CancelAttempt
FromPod = Standing | TurnedDown | TicketDone

_encoder = msgspec.msgpack.Encoder()
_to_pod: msgspec.msgpack.Decoder[ToPod] = msgspec.msgpack.Decoder(ToPod)
_from_pod: msgspec.msgpack.Decoder[FromPod] = msgspec.msgpack.Decoder(FromPod)


def encode(message: ToPod | FromPod) -> bytes:
    """Return a message's body."""
    return _encoder.encode(message)


def decode_to_pod(body: bytes) -> ToPod:
    """Return what a scheduler said.

    Raises:
        msgspec.MsgspecError: it is not understood.
    """
    return _to_pod.decode(body)


def decode_from_pod(body: bytes) -> FromPod:
    """Return what a pod said.

    Raises:
        msgspec.MsgspecError: it is not understood.
    """
    return _from_pod.decode(body)
