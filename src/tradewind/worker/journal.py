"""Outcomes that no scheduler has acknowledged, kept on disk.

While the scheduler is connected an outcome is safe without this: once it is sent, it is in
the kernel's buffer, and the scheduler reads it even when the supervisor dies next. It is
written here when the scheduler goes away before it answered, or is not there; the next
supervisor sends it again under its old nonce, and the scheduler answers a repeated outcome as
it answered the first. The hot path pays nothing.

The file is a sequence of (length, CRC, MessagePack) records, one an outcome. It is emptied
when everything in it has been acknowledged; a record that was cut off by a crash ends it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tradewind.errors import ConfigError
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import CallbackDone, Finish

_HEAD = struct.Struct(">II")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Finish | CallbackDone).decode

Report = Finish | CallbackDone


class Journal:
    """The file of unacknowledged outcomes."""

    def __init__(self, folder: Path) -> None:
        """Open the journal of a state directory, for this process alone.

        Raises:
            ConfigError: another worker uses the directory.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._fd = os.open(folder / "outcomes", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._fd)
            raise ConfigError(
                f"another worker runs with the state directory {folder}; "
                "stop it, or give this one a --state-dir of its own"
            ) from error
        self._written: set[AttemptId] = set()

    def load(self) -> list[Report]:
        """Return what an earlier supervisor left unacknowledged."""
        size = os.fstat(self._fd).st_size
        data = os.pread(self._fd, size, 0)
        reports: dict[AttemptId, Report] = {}
        at = 0
        while at + _HEAD.size <= len(data):
            length, crc = _HEAD.unpack_from(data, at)
            body = data[at + _HEAD.size : at + _HEAD.size + length]
            if len(body) < length or zlib.crc32(body) != crc:
                break
            at += _HEAD.size + length
            with contextlib.suppress(msgspec.MsgspecError):  # of another version
                report = _decode(body)
                reports[report.attempt_id] = report
        os.ftruncate(self._fd, at)
        os.lseek(self._fd, at, os.SEEK_SET)
        self._written = set(reports)
        return list(reports.values())

    def write(self, reports: Iterable[Report]) -> None:
        """Bring outcomes to disk, each once. A disk that refuses costs the second safety only."""
        records = bytearray()
        for report in reports:
            if report.attempt_id not in self._written:
                self._written.add(report.attempt_id)
                body = _encode(report)
                records += _HEAD.pack(len(body), zlib.crc32(body)) + body
        if records:
            with contextlib.suppress(OSError):
                os.write(self._fd, records)
                os.fdatasync(self._fd)

    def acknowledged(self, attempt_id: AttemptId) -> None:
        """Forget an outcome; the file is emptied with the last one."""
        if attempt_id in self._written:
            self._written.discard(attempt_id)
            if not self._written:
                os.ftruncate(self._fd, 0)
                os.lseek(self._fd, 0, os.SEEK_SET)

    def close(self) -> None:
        """Close the file; another worker may use it."""
        os.close(self._fd)
