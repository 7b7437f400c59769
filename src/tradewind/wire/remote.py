"""How a worker on another machine speaks to an API server: batches of messages over HTTP.

    POST /execution/v1/messages        MessagePack, a `Batch`  →  MessagePack, `Answers`

A worker host keeps one connection. While a batch is on its way, what its attempts want to say
next gathers; the answer sends it off as the next batch. So a quiet host has no delay and a busy
one pays for one request and one transaction however many tasks it runs.

A worker is told an attempt id and a claim token (a `Ticket`), by a broker or a file, and nothing
else. Its claim is answered with the assignment and with a token for this attempt alone; every
later message about the attempt must come with that token, and with the nonce of the claim. A
token lasts minutes and is renewed by a beat, and only by a beat of an attempt that is still
current. A batch of one message that is refused has the refusal's status: 409 when it is fenced.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from tradewind.errors import ConfigError, UserError
from tradewind.model.ids import AttemptId
from tradewind.wire import framing
from tradewind.wire.messages import (
    WIRE_VERSION,
    AppendLog,
    Assignment,
    Beat,
    CallbackDone,
    CancelAttempt,
    Claim,
    Finish,
    GetObjects,
    Reply,
    Request,
)

NOT_OURS = 75
"""Exit code of a worker whose only ticket was not to be had: that its process ends is no sign that
the attempt does."""

PATH = "/execution/v1/messages"
CONTENT_TYPE = "application/vnd.msgpack"

STATUS = {
    "fenced": 409,
    "already_exists": 409,
    "not_found": 404,
    "expired": 401,
    "paused": 400,
    "invalid": 400,
    "unavailable": 503,
}
"""HTTP status of a batch of one message that is refused."""

Message = Claim | Beat | Finish | CallbackDone | Request | GetObjects | AppendLog
"""What a remote worker may say."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True, tag="ticket"):
    """All that a broker or a pod is told about an attempt."""

    attempt_id: AttemptId
    claim_token: str


class TicketDone(msgspec.Struct, frozen=True, kw_only=True, tag="ticket_done"):
    """A ticket is done with: its attempt is over, or was not to be had. how: in words."""

    attempt_id: AttemptId
    how: str


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Messages of one worker host. tokens: of every attempt that they are about."""

    worker: str
    messages: tuple[Message, ...]
    tokens: dict[AttemptId, str] = {}
    wire: int = WIRE_VERSION


class Answers(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reply for each message. tokens: new ones, for attempts that were claimed or beaten."""

    replies: tuple[Reply, ...]
    tokens: dict[AttemptId, str] = {}


_encoder = msgspec.msgpack.Encoder()
_batch: msgspec.msgpack.Decoder[Batch] = msgspec.msgpack.Decoder(Batch)
_answers: msgspec.msgpack.Decoder[Answers] = msgspec.msgpack.Decoder(Answers)
_assignment: msgspec.msgpack.Decoder[Assignment] = msgspec.msgpack.Decoder(Assignment)


def encode(message: Batch | Answers | Assignment) -> bytes:
    """Return a body."""
    return _encoder.encode(message)


def frame(message: Ticket | TicketDone | CancelAttempt) -> bytes:
    """Return a message as it goes over a socket within a host; see `tradewind.wire.framing`."""
    return framing.frame(_encoder.encode(message))


def read_ticket(file: Path) -> Ticket:
    """Return the ticket in a file: JSON, {"attempt_id": …, "claim_token": …}.

    Raises:
        ConfigError: there is none.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=Ticket)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{file} has no ticket of an attempt in it: {error}") from error


def decode_batch(body: bytes) -> Batch:
    """Return what a worker sent.

    Raises:
        UserError: it is no batch, or of another version of the protocol.
    """
    try:
        batch = _batch.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UserError(f"this is not a batch of a worker's messages: {error}") from error
    if batch.wire != WIRE_VERSION:
        raise UserError(
            f"worker {batch.worker} speaks version {batch.wire} of the protocol and this server "
            f"version {WIRE_VERSION}: install the same version of Tradewind on both"
        )
    return batch


def decode_answers(body: bytes) -> Answers:
    """Return what a server answered.

    Raises:
        msgspec.MsgspecError: it is no answer of an API server.
    """
    return _answers.decode(body)


def decode_assignment(body: bytes) -> Assignment:
    """Return an assignment as it was stored."""
    return _assignment.decode(body)
