"""Write an attempt's log: what the task prints in, masked JSON lines out.

Standard output and error arrive through a pipe each, in pieces of any size; they become lines
first, so that a secret that was written in two pieces is found. Lines that Python's logging
made are JSON already and start with `STRUCTURED`. A line without an end is cut at `MAX_LINE`;
a piece that goes on in the next line is marked (`"goes_on": true`). A task that prints faster than
its lines can be written waits, as at any full pipe; when its log has reached its limit, the log
says so and what follows is counted, not kept.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tradewind.wire import logs
from tradewind.worker.masking import Masker

STRUCTURED = b"\x1e"
"""First byte of a line that is a JSON object (RFC 7464's record separator)."""

MAX_LINE = 64 * 1024
MAX_RECORD = 1024 * 1024
"""Of a structured line: a record of logging may have a long traceback."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


NO_LIMIT = 0


class Lines:
    """Cut a stream into lines."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._rest = b""
        self.cut = 0
        """How many of the lines that were returned last are pieces that go on in the next one."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are whole now."""
        self.cut = 0
        *lines, rest = (self._rest + data).split(b"\n")
        while len(rest) > (MAX_RECORD if rest.startswith(STRUCTURED) else MAX_LINE):
            rest = self._cut(rest, lines)
        self._rest = rest
        return lines

    def end(self) -> list[bytes]:
        """Return what is left."""
        self.cut = 0
        rest, self._rest = self._rest, b""
        return [rest] if rest else []

    def _cut(self, line: bytes, lines: list[bytes]) -> bytes:
        """Take a piece off an endless line, so that no secret is cut in two."""
        if self._masker and not line.startswith(STRUCTURED):
            line = self._masker.text(line.decode("utf-8", "surrogateescape")).encode(
                "utf-8", "surrogateescape"
            )
        # The beginning of a secret whose end has not come yet must stay. Four bytes a character.
        at = max(MAX_LINE - 4 * self._masker.longest, MAX_LINE // 2)
        while at > 1 and line[at : at + 1] and 0x80 <= line[at] < 0xC0:  # within a character
            at -= 1
        lines.append(line[:at])
        self.cut += 1
        return line[at:]


class LogSink:
    """One attempt's log file. Made at the first line."""

    def __init__(self, root: Path, path: Path, masker: Masker, limit_bytes: int = NO_LIMIT) -> None:
        """Write nothing yet.

        Args:
            root: the log folder.
            path: the file in it.
            masker: knows the secrets.
            limit_bytes: so much of what the task prints is kept.
        """
        self._root = root
        self._limit_bytes = limit_bytes
        self._kept_bytes = 0
        self._left_out = 0
        self._path = path
        self._masker = masker
        self._out = Lines(masker)
        self._err = Lines(masker)
        self._fd = -1
        self._lost = 0
        self.dirty = False
        """Whether there are lines that are not known to be on disk."""

    @property
    def fd(self) -> int:
        """Return the file's descriptor; -1 before the first line."""
        return self._fd

    def output(self, data: bytes, now: datetime) -> None:
        """Take what came through the pipe of standard output."""
        self._take(self._out.feed(data), "stdout", now, self._out.cut)

    def error(self, data: bytes, now: datetime) -> None:
        """Take what came through the pipe of standard error."""
        self._take(self._err.feed(data), "stderr", now, self._err.cut)

    def note(self, event: str, now: datetime, level: str = "info", **more: str) -> None:
        """Write a line of the supervisor's own."""
        event = self._masker.text(event)
        self._write(logs.line_of(now, level, "tradewind", event, **more), 1, now)

    def end_lines(self, now: datetime) -> None:
        """Write lines that have no end yet as they are."""
        self._take(self._out.end(), "stdout", now)
        self._take(self._err.end(), "stderr", now)

    def finish(self, now: datetime) -> int:
        """Write what is left and give the descriptor away; -1 when there is no file."""
        self.end_lines(now)
        if self._left_out:
            text = f"{self._left_out} more lines were printed and are not kept"
            self.note(text, now, "warning")
        fd, self._fd = self._fd, -1
        return fd

    def _take(self, lines: list[bytes], source: str, now: datetime, cut: int = 0) -> None:
        if not lines:
            return
        if self._limit_bytes and self._kept_bytes >= self._limit_bytes:
            if not self._left_out:
                text = (
                    f"this log has reached {self._limit_bytes >> 20} MiB (logging.max_attempt_mib);"
                    " what the task prints from here on is not kept"
                )
                self.note(text, now, "warning")
            self._left_out += len(lines)
            return
        ts = _stamp(now)
        whole = len(lines) - cut
        data = b"".join(self._lines(line, source, ts, i >= whole) for i, line in enumerate(lines))
        self._kept_bytes += len(data)
        self._write(data, len(lines), now)

    def _lines(self, line: bytes, source: str, ts: str, goes_on: bool = False) -> bytes:
        if goes_on:
            return self._printed(line, source, ts, goes_on=True)
        printed, mark, structured = line.partition(STRUCTURED)
        if not mark:
            return self._printed(line, source, ts)
        record = self._structured(structured)
        if record is None:
            return self._printed(line, source, ts)
        # Something printed without an end of line stands before the record.
        return (self._printed(printed, source, ts) if printed else b"") + record

    def _structured(self, line: bytes) -> bytes | None:
        try:
            record = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return (_encode(self._masker.value(record)) if self._masker else line) + b"\n"

    def _printed(self, line: bytes, source: str, ts: str, **more: bool) -> bytes:
        text = self._masker.text(line.decode("utf-8", "backslashreplace"))
        level = "warning" if source == "stderr" else "info"
        return _encode({"ts": ts, "level": level, "source": source, "event": text, **more}) + b"\n"

    def _write(self, data: bytes, lines: int, now: datetime) -> None:
        # A full disk must not stop the task: lines are dropped, and counted when there is room.
        try:
            if self._fd < 0:
                self._fd = logs.open_to_append(self._root, self._path)
            if self._lost:
                text = f"{self._lost} lines are missing here: they could not be written"
                os.write(self._fd, logs.line_of(now, "warning", "tradewind", text))
                self._lost = 0
            while data:
                data = data[os.write(self._fd, data) :]
            self.dirty = True
        except OSError:
            self._lost += lines


def stamp(seconds: float) -> str:
    """Return a time of the log, given in seconds since 1970."""
    return _stamp(datetime.fromtimestamp(seconds, UTC))


def _stamp(now: datetime) -> str:
    return now.isoformat(timespec="microseconds").replace("+00:00", "Z")
