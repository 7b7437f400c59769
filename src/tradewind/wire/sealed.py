"""A conversation that only two who share a key can hold or understand. No I/O.

    both ways: 32 random bytes, once, as they are
    then:      frames; each is AES-256-GCM under a key of this conversation and direction

The keys are derived from the shared key and both sides' random bytes (HKDF-SHA256), and the nonce
is the number of the frame. So a frame that was recorded, left out, repeated or moved to another
conversation does not open, and whoever has said one frame that opens has the key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tradewind.errors import Bug
from tradewind.wire import framing

KEY_BYTES = 32
_GREETING_BYTES = 32
_NONCE_BYTES = 12
_LONGEST = 1 << 16
"""Tickets and what is said of them are short: a stranger fills no memory."""


class Unreadable(Exception):
    """What the other side says was not sealed with the same key, for this conversation, now."""


class Sealed:
    """One side of a conversation."""

    def __init__(self, key: bytes, *, caller: bool) -> None:
        """Begin.

        Args:
            key: `KEY_BYTES` that both sides have.
            caller: whether this side opened the connection.
        """
        self.greeting = os.urandom(_GREETING_BYTES)
        """What to send before anything else."""
        self._key = key
        self._caller = caller
        self._heard = b""
        self._in: AESGCM | None = None
        self._out: AESGCM | None = None
        self._received = self._sent = 0
        self._reader = framing.FrameReader(_LONGEST)

    @property
    def ready(self) -> bool:
        """Tell whether the other side has greeted, so that `seal` can be called."""
        return self._out is not None

    def seal(self, body: bytes) -> bytes:
        """Return a message as it is sent."""
        assert self._out is not None, "the other side has not greeted yet"
        self._sent += 1
        return framing.frame(self._out.encrypt(_nonce(self._sent), body, None))

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes as received and yield each message that is whole now.

        Raises:
            Unreadable: they are not from somebody with the key.
        """
        if self._in is None:
            self._heard += data
            if len(self._heard) < _GREETING_BYTES:
                return
            greeting, data = self._heard[:_GREETING_BYTES], self._heard[_GREETING_BYTES:]
            self._derive(greeting)
        assert self._in is not None
        try:
            for frame in self._reader.feed(data):
                self._received += 1
                yield self._in.decrypt(_nonce(self._received), frame, None)
        except (InvalidTag, Bug) as error:
            raise Unreadable from error

    def _derive(self, theirs: bytes) -> None:
        pair = self.greeting + theirs if self._caller else theirs + self.greeting
        both = derive(self._key, pair, b"tradewind conversation", 2 * KEY_BYTES)
        of_caller, of_called = AESGCM(both[:KEY_BYTES]), AESGCM(both[KEY_BYTES:])
        self._out, self._in = (of_caller, of_called) if self._caller else (of_called, of_caller)


def derive(secret: bytes, salt: bytes, purpose: bytes, length: int = KEY_BYTES) -> bytes:
    """Return a key that follows from a secret and tells nothing about it (HKDF-SHA256)."""
    return HKDF(SHA256(), length, salt, purpose).derive(secret)


def _nonce(number: int) -> bytes:
    return number.to_bytes(_NONCE_BYTES, "big")
