"""Take the log lines that remote workers send.

A worker numbers the bytes of its attempt's log from 0. Others may write into the same segment
(a triggerer, whoever says why an attempt was given up), so the file's size says nothing about
what the worker has sent: that stands in a small file beside it. Lines are appended first and
counted then; a server that dies in between takes the same lines twice, and none is lost.

The small file is locked meanwhile: another server of this machine may take lines of the same log,
or delete it because all of it is in object storage (`wire.log_archive`).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from tradewind.wire import logs


class LogIntake:
    """Append to the segments of a log folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def append(self, path: str, offset: int, lines: bytes) -> int:
        """Add the lines that are new; return how many bytes of the worker's log are here.

        Args:
            path: of the segment, relative to the log folder.
            offset: of the first of these bytes in the worker's own log.
            lines: whole lines.

        Raises:
            OSError: they cannot be written.
        """
        segment = self._root / path
        counter = logs.open_beside(self._root, segment, f".{segment.stem}.received")
        try:
            fcntl.flock(counter, fcntl.LOCK_EX)
            received = int(os.pread(counter, 32, 0) or b"0")
            if offset > received:
                return received
            fresh = lines[received - offset :]
            if fresh:
                self._append(segment, fresh)
                received += len(fresh)
                os.pwrite(counter, b"%-32d" % received, 0)
            return received
        finally:
            os.close(counter)

    def _append(self, segment: Path, data: bytes) -> None:
        fd = logs.open_to_append(self._root, segment)
        try:
            while data:
                data = data[os.write(fd, data) :]
        finally:
            os.close(fd)
