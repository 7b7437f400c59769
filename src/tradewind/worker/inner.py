"""What the processes of the chain say to each other. See `tradewind.worker.zygote`.

Two kinds of socket:
  * supervisor ↔ zygote and supervisor ↔ file host: one message a packet (SOCK_SEQPACKET),
    descriptors beside it (SCM_RIGHTS); `pack` and `unpack_…`
  * supervisor ↔ attempt, the control socket: frames as on the wire; `frame` and `unframe_…`
"""

from __future__ import annotations

from typing import Any

import msgspec

from tradewind.wire import framing
from tradewind.wire.messages import Assignment, Call, CallbackDone, Finish
from tradewind.worker.code import Pin, Place

MAX_PACKET = 1 << 16
"""Packets name things; whatever may be large goes through a control socket or a pipe."""

# ---- supervisor → zygote ------------------------------------------------------------------


class OpenHost(msgspec.Struct, frozen=True, tag="open"):
    """Fork a file host that talks through the descriptor sent along.

    live: the DAG file that it imports; path "" for the host of clean processes, which imports
    none. pin: the code that is wanted. trees: where it may be written to.
    """

    host_id: int
    live: Place
    pin: Pin
    trees: str


class KillHost(msgspec.Struct, frozen=True, tag="kill"):
    """Kill a file host and everything below it."""

    host_id: int


# ---- supervisor → file host ---------------------------------------------------------------


class Fork(msgspec.Struct, frozen=True, tag="fork"):
    """Fork an attempt. Descriptors: its control socket, the pipes of standard output, error.

    place: the code to import, in a clean process.
    """

    attempt_id: str
    place: Place


class Signal(msgspec.Struct, frozen=True, tag="signal"):
    """Signal an attempt's process. SIGKILL goes to its whole process group."""

    attempt_id: str
    signum: int


class Objects(msgspec.Struct, frozen=True, tag="objects"):
    """The answer to `Wanted`. Descriptor: a file with the objects by name, in MessagePack."""


# ---- file host → supervisor ---------------------------------------------------------------


class Wanted(msgspec.Struct, frozen=True, tag="wanted"):
    """Fetch these objects of a code snapshot; nothing else is said before they come."""

    names: tuple[str, ...]


class Imported(msgspec.Struct, frozen=True, tag="imported"):
    """The import is over.

    place: where the code is that was imported; None: it cannot be had, and unfit says why.
    unfit: why attempts must not be forked from here and get clean processes; None: they may.
    broken: the import failed, so that it may go otherwise another time.
    output: what it printed.
    """

    place: Place | None
    unfit: str | None
    broken: bool
    seconds: float
    output: bytes


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """An attempt's process and all that it left behind are gone. status: as of waitpid."""

    attempt_id: str
    pid: int
    status: int


# ---- supervisor → attempt -----------------------------------------------------------------


class Assigned(msgspec.Struct, frozen=True, tag="assigned"):
    """What to run."""

    assignment: Assignment


class Go(msgspec.Struct, frozen=True, tag="go"):
    """The claim was accepted: user code may start."""


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, tag="answer"):
    """The answer to the call with this number."""

    seq: int
    error: str | None = None
    message: str | None = None
    body: dict[str, Any] = {}


# ---- attempt → supervisor -----------------------------------------------------------------


class Began(msgspec.Struct, frozen=True, tag="began"):
    """User code starts now. timeout_s: the task's execution_timeout."""

    pid: int
    timeout_s: float | None


class Asked(msgspec.Struct, frozen=True, tag="asked"):
    """User code makes a call and waits for its `Answer`."""

    seq: int
    call: Call


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """User code is done.

    report: what the scheduler is told; the supervisor adds seq and nonce.
    alone: no process was left behind, so that nothing of the attempt runs any more.
    """

    report: Finish | CallbackDone
    alone: bool


_encode = msgspec.msgpack.Encoder().encode

Packet = OpenHost | KillHost | Fork | Signal | Objects | Wanted | Imported | Exited
Framed = Assigned | Go | Answer | Began | Asked | Ended


def pack(packet: Packet) -> bytes:
    """Return the bytes of a packet."""
    return _encode(packet)


def frame(message: Framed) -> bytes:
    """Return the frame of a message on a control socket."""
    return framing.frame(_encode(message))


unpack_to_zygote = msgspec.msgpack.Decoder(OpenHost | KillHost).decode
unpack_to_host = msgspec.msgpack.Decoder(Fork | Signal | Objects).decode
unpack_from_host = msgspec.msgpack.Decoder(Wanted | Imported | Exited).decode
unframe_to_attempt = msgspec.msgpack.Decoder(Assigned | Go | Answer).decode
encode_objects = _encode
decode_objects = msgspec.msgpack.Decoder(dict[str, bytes]).decode
unframe_from_attempt = msgspec.msgpack.Decoder(Began | Asked | Ended).decode
