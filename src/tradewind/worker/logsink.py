"""Write an attempt's log: lines in, masked JSON lines out.

What a task writes to its standard output and error arrives here through a pipe, line by line;
lines that its logging made are JSON already and start with `STRUCTURED`. Secrets are masked
by value in the supervisor, before anything is stored, in their plain, URL-encoded, base64 and
JSON-escaped forms.
"""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, quote_plus

import msgspec

from tradewind.wire import logs

STRUCTURED = b"\x1e"
"""First byte of a line that is a JSON object already."""

MAX_LINE = 64 * 1024
MASK = b"***"
_SHORTEST_SECRET = 4
"""Shorter secrets would blot out half of the log."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, object]).decode


class Masker:
    """Replace secrets in bytes."""

    def __init__(self) -> None:
        self._forms: list[bytes] = []

    def add(self, secret: str) -> None:
        """Hide a value from now on."""
        if len(secret) < _SHORTEST_SECRET:
            return
        raw = secret.encode()
        forms = {
            raw,
            quote(secret, safe="").encode(),
            quote_plus(secret).encode(),
            base64.b64encode(raw),
            json.dumps(secret)[1:-1].encode(),
            json.dumps(json.dumps(secret)[1:-1])[1:-1].encode(),
            repr(secret)[1:-1].encode(),
        }
        self._forms = sorted({*self._forms, *forms}, key=len, reverse=True)

    def apply(self, data: bytes) -> bytes:
        """Return the data without secrets."""
        for form in self._forms:
            if form in data:
                data = data.replace(form, MASK)
        return data


class LogSink:
    """One attempt's log file."""

    def __init__(self, root: Path, path: Path, masker: Masker) -> None:
        self._fd = logs.open_to_append(root, path)
        self._masker = masker
        self._rest = b""
        self._failed = False

    def feed(self, data: bytes, now: datetime) -> None:
        """Take bytes as the task wrote them."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_LINE:
            lines.append(self._rest)
            self._rest = b""
        if lines:
            self._write(b"".join(self._line(line, now) for line in lines))

    def note(self, event: str, now: datetime, level: str = "info") -> None:
        """Write a line of the supervisor's own."""
        record = {"ts": _stamp(now), "level": level, "source": "tradewind", "event": event}
        self._write(self._masker.apply(_encode(record)) + b"\n")

    def finish(self, now: datetime) -> int:
        """Flush what is left and hand over the descriptor, to be synced and closed."""
        if self._rest:
            self._write(self._line(self._rest, now))
            self._rest = b""
        return self._fd

    def _line(self, line: bytes, now: datetime) -> bytes:
        line = self._masker.apply(line)
        if line.startswith(STRUCTURED):
            try:
                _decode(line[1:])
            except msgspec.DecodeError:
                pass
            else:
                return line[1:] + b"\n"
        text = line.lstrip(STRUCTURED).decode("utf-8", "backslashreplace")
        record = {"ts": _stamp(now), "level": "info", "source": "stdout", "event": text}
        return _encode(record) + b"\n"

    def _write(self, data: bytes) -> None:
        # A full disk must not stop the task: lines are dropped, and a marker says so when
        # there is room again.
        try:
            if self._failed:
                marker = {"level": "warning", "source": "tradewind", "event": "log lines were lost"}
                os.write(self._fd, _encode(marker) + b"\n")
                self._failed = False
            os.write(self._fd, data)
        except OSError:
            self._failed = True


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
