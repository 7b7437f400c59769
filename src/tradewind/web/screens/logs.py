"""A task's log: its end first, then earlier and later parts, and a search over all of it.

A place in a log is a byte offset of its file, so that no part of a large file is read to find
another. Lines go out as [offset, time, level, source, text, rest].
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import IO, Any

import msgspec

from tradewind.errors import NotFound
from tradewind.model.ids import UNMAPPED
from tradewind.web.screens.desk import Asked, Desk
from tradewind.wire.logs import Segment, instance_folder, open_to_read, segments

_LINES = 500
_MOST_LINES = 5_000
_CHUNK = 4 * 1024 * 1024
_BACK = 256 * 1024
_LONGEST_TEXT = 16_384
_MOST_HITS = 1_000
_PIECE = 256 * 1024

_Line = list[Any]


def log(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return part of a log.

    The query says which: `before` or `after` an offset, or neither for the end.
    """
    found, chosen = _choose(desk, asked)
    answer: dict[str, Any] = {"segments": [_segment(s) for s in found]}
    if chosen is None:
        return answer | {"segment": None, "lines": [], "start": 0, "end": 0, "size": 0}
    count = asked.number("lines", _LINES, _MOST_LINES, 1)
    with _open(desk, chosen) as handle:
        size = os.fstat(handle.fileno()).st_size
        if asked.text("after") is not None:
            start = asked.number("after", 0, size)
            data = os.pread(handle.fileno(), _CHUNK, start)
            lines, end = _forward(data, start, count)
        else:
            before = asked.number("before", size, size)
            start, data = _backward(handle.fileno(), before, count)
            lines, end = _forward(data, start, len(data) or 1)
    return answer | {
        "segment": _segment(chosen),
        "lines": lines,
        "start": start,
        "end": end,
        "size": size,
    }


def search(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return where a text or a level stands in the whole log: offsets of lines, and how many."""
    _, chosen = _choose(desk, asked)
    if chosen is None:
        return {"hits": [], "total": 0}
    level = asked.text("level")
    if level is not None:
        names = "error|critical" if level == "error" else re.escape(level)
        pattern = re.compile(rb'"level":\s*"(?:' + names.encode() + rb')"', re.IGNORECASE)
    else:
        # As it stands in the file: a JSON string without its quotes.
        text = msgspec.json.encode(asked.needed("text"))[1:-1]
        pattern = re.compile(re.escape(text), re.IGNORECASE)
    hits: list[int] = []
    total = 0
    for offset in _matching_lines(_open(desk, chosen), pattern):
        total += 1
        if len(hits) < _MOST_HITS:
            hits.append(offset)
    return {"hits": hits, "total": total}


def raw_log(desk: Desk, asked: Asked) -> tuple[str, Iterator[bytes]]:
    """Return the name and the bytes of a log, to be downloaded.

    Raises:
        NotFound: there is none.
    """
    _, chosen = _choose(desk, asked)
    if chosen is None:
        raise NotFound("this task instance has no log yet")
    return chosen.path.name, _pieces(_open(desk, chosen))


def _pieces(handle: IO[bytes]) -> Iterator[bytes]:
    with handle:
        while piece := handle.read(_PIECE):
            yield piece


def _choose(desk: Desk, asked: Asked) -> tuple[list[Segment], Segment | None]:
    dag_id, run_id, task_id = asked.dag_id(), asked.needed("run"), asked.needed("task")
    map_index = asked.number("map", UNMAPPED, 1_000_000, UNMAPPED)
    folder = instance_folder(desk.logs, dag_id, run_id, task_id, map_index)
    if desk.log_archive is not None:
        desk.log_archive.fetch(folder)
    found = [s for s in segments(folder) if s.fence is not None]
    attempt, fence = asked.number("try", 0, 1_000_000), asked.number("fence", 0, 1 << 62)
    wanted = [
        s
        for s in found
        if (not attempt or s.try_number == attempt) and (not fence or s.fence == fence)
    ]
    return found, wanted[-1] if wanted else None


def _segment(segment: Segment) -> dict[str, int]:
    return {"try": segment.try_number, "fence": segment.fence or 0, "size": segment.size}


def _open(desk: Desk, segment: Segment) -> IO[bytes]:
    try:
        return os.fdopen(open_to_read(desk.logs, segment.path), "rb")
    except OSError as error:
        raise NotFound("the log is not there any more") from error


def _backward(descriptor: int, before: int, count: int) -> tuple[int, bytes]:
    """Return the start and the bytes of the last whole lines that end before an offset."""
    data, position = b"", before
    while position > 0 and data.count(b"\n") <= count:
        step = min(_BACK, position)
        position -= step
        data = os.pread(descriptor, step, position) + data
    whole = data.rfind(b"\n") + 1
    cut = whole - 1
    for _ in range(count):
        if cut < 0:
            break
        cut = data.rfind(b"\n", 0, cut)
    return position + cut + 1, data[cut + 1 : whole]


def _forward(data: bytes, start: int, count: int) -> tuple[list[_Line], int]:
    lines: list[_Line] = []
    position = 0
    while len(lines) < count:
        end = data.find(b"\n", position)
        if end < 0:
            break
        lines.append(_parse(start + position, data[position:end]))
        position = end + 1
    return lines, start + position


def _parse(offset: int, line: bytes) -> _Line:
    try:
        record = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        record = {"event": line.decode("utf-8", "replace")}
    traces = (record.pop(name, None) for name in ("exc", "stack"))
    text = "\n".join([str(record.pop("event", "")), *(str(t) for t in traces if t)])
    text = text[:_LONGEST_TEXT]
    parts = [record.pop(name, None) for name in ("ts", "level", "source")]
    return [offset, *parts, text, record or None]


def _matching_lines(handle: IO[bytes], pattern: re.Pattern[bytes]) -> Iterator[int]:
    with handle:
        descriptor, start, rest = handle.fileno(), 0, b""
        while True:
            fresh = os.pread(descriptor, _CHUNK, start + len(rest))
            data = rest + fresh
            whole = data.rfind(b"\n") + 1 if fresh else len(data)
            yield from _lines_in(data, whole, start, pattern)
            if not fresh:
                return
            start, rest = start + whole, data[whole:]


def _lines_in(data: bytes, whole: int, start: int, pattern: re.Pattern[bytes]) -> Iterator[int]:
    position = 0
    while (match := pattern.search(data, position, whole)) is not None:
        yield start + data.rfind(b"\n", 0, match.start()) + 1
        end = data.find(b"\n", match.end(), whole)
        if end < 0:
            return
        position = end + 1
