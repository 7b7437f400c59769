"""Messages over a local stream socket: 4 bytes of length (big endian), then MessagePack.

A `FrameReader` is fed bytes as they come and yields whole frames; it holds at most one
unfinished frame. Frames over `MAX_FRAME` are refused: they could only be a fault.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from tradewind.errors import Bug
from tradewind.wire.messages import ToServer, ToWorker

MAX_FRAME = 256 * 1024 * 1024
"""An XCom over its size limit is refused before; this bounds a broken peer."""

_LENGTH = struct.Struct(">I")

_encoder = msgspec.msgpack.Encoder()
_to_server: msgspec.msgpack.Decoder[ToServer] = msgspec.msgpack.Decoder(ToServer)
_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)


def frame(body: bytes) -> bytes:
    """Return the frame of a message that is encoded already."""
    return _LENGTH.pack(len(body)) + body


def encode(message: ToServer | ToWorker) -> bytes:
    """Return the frame of one message."""
    return frame(_encoder.encode(message))


def decode_to_server(body: bytes | memoryview) -> ToServer:
    """Return the message that a worker sent."""
    return _to_server.decode(body)


def decode_to_worker(body: bytes | memoryview) -> ToWorker:
    """Return the message that the server sent."""
    return _to_worker.decode(body)


class FrameReader:
    """Cut a byte stream into frames."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes as received and yield each frame that is whole now.

        Raises:
            Bug: a frame announces more than the limit of bytes.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > self._limit:
                raise Bug(f"a peer announced a frame of {length} bytes; the limit is {self._limit}")
            end = start + _LENGTH.size + length
            if len(buffer) < end:
                break
            yield bytes(buffer[start + _LENGTH.size : end])
            start = end
        if start:
            del buffer[:start]
