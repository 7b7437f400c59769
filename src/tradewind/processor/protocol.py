"""What the processor, its fork server and the children that import DAG files say to each other.

Three parties, no trust in the last one:

* *processor* → *fork server*: `Start` (with the two descriptors of the child as ancillary
  data) and `Kill`, one message a packet
* *fork server* → *processor*: `Ready`, then one `Ended` for each `Start`
* *child* ↔ *processor*, over a stream socket of their own: the child sends `Ask`s, each
  answered by an `Answer`, and at last one `Parsed`

Whatever a child sends is decoded into these types or not at all, and its size is bounded.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from tradewind.model.defaults import DagDefaults
from tradewind.model.spec import DagSpec
from tradewind.wire.messages import Call

MAX_RESULT = 64 * 1024 * 1024
"""Most bytes that a child may send in one message. A DAG with a million edges takes 5 MB."""

LENGTH = struct.Struct(">I")


class Limits(msgspec.Struct, frozen=True):
    """What importing one file may take. memory_bytes 0: no limit."""

    cpu_s: int
    memory_bytes: int


class Start(msgspec.Struct, frozen=True, tag="start"):
    """Fork a child that imports this file and sends its DAGs.

    dag_file: path inside the folder, maybe "a.zip/b.py".
    """

    job_id: int
    dag_folder: str
    dag_file: str
    limits: Limits
    defaults: DagDefaults = DagDefaults()


class Kill(msgspec.Struct, frozen=True, tag="kill"):
    """Kill the child with everything that it started. show_stack: let it write its stack first."""

    job_id: int
    show_stack: bool = False


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The fork server is warm."""


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The child and everything that it started are gone. signal 0: it exited by itself."""

    job_id: int
    exit_code: int
    signal: int


ToForkServer = Start | Kill
FromForkServer = Ready | Ended


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What importing a file depended on, as its child saw it.

    files: absolute paths that were read or looked for. listed: folders whose content was
    listed. missing: names of modules that were not found. unsteady: why the result may change
    although no file does ("clock", "network", "program", "outside").
    """

    files: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()


class Parsed(msgspec.Struct, frozen=True, kw_only=True, tag="parsed"):
    """What a file came to. error: text for people; specs: the DAGs that are right."""

    specs: tuple[DagSpec, ...] = ()
    error: str | None = None
    warnings: tuple[str, ...] = ()
    seen: Seen = Seen()
    duration_s: float = 0.0


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """A call that user code makes while it is imported."""

    call: Call


class Mask(msgspec.Struct, frozen=True, tag="mask"):
    """Hide this value in whatever is shown of this job."""

    secret: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an `Ask`; error as in `wire.messages.Reply`."""

    body: dict[str, Any] = {}
    error: str | None = None
    message: str | None = None


FromChild = Parsed | Ask | Mask

encoder = msgspec.msgpack.Encoder()
to_fork_server: msgspec.msgpack.Decoder[ToForkServer] = msgspec.msgpack.Decoder(ToForkServer)
from_fork_server: msgspec.msgpack.Decoder[FromForkServer] = msgspec.msgpack.Decoder(FromForkServer)
from_child: msgspec.msgpack.Decoder[FromChild] = msgspec.msgpack.Decoder(FromChild)
to_child: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def framed(message: FromChild | Answer) -> bytes:
    """Return a message with its length before it."""
    body = encoder.encode(message)
    return LENGTH.pack(len(body)) + body
