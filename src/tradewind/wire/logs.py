"""Where task logs are, and how they are written and read.

One folder per task instance and try, one file per attempt (a "segment"), named by its fence:
the lines of an attempt that was fenced stand apart from those of the one that took its place.

    dag_id=…/run_id=…/[task_id=…/[map_index=…/]]attempt=<try>/<fence>.jsonl
                                                             /callback-<id>.jsonl

Without a task id it is a callback of the DAG. Each line is a JSON object with `ts`, `level`,
`source` (a logger, stdout, stderr, or tradewind for what the worker adds) and `event`, and
sometimes `exc`, a traceback. Files only grow, by whole lines: an offset that a reader was
given stays good.

Names from outside are percent-encoded, so that no id can leave the folder. Tasks can write to
this folder too; therefore no link is followed below the root, and nothing but a regular file
with a single name is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from tradewind.model.ids import UNMAPPED
from tradewind.wire.messages import Assignment

SUFFIX = ".jsonl"
FETCHING = ".fetching"
"""The end of the name of what is on its way back from object storage."""

_CHUNK = 1 << 18
_MAX_LINE = 16 << 20
"""A longer line could only be a fault; it is passed over in pieces."""

_MAX_NAME = 180
"""Longest encoded name; file systems take 255 bytes."""

_LEVELS = ("dag_id=", "run_id=", "task_id=", "map_index=", "attempt=")

_SEGMENT = re.compile(r"(?:(?P<fence>\d+)|callback-(?P<callback>\d+))\.jsonl")


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The log of one attempt (fence) or of one callback (callback_id)."""

    try_number: int
    path: Path
    size: int
    fence: int | None = None
    callback_id: int | None = None


class Chunk(msgspec.Struct, frozen=True):
    """Whole lines of a segment, without their ends. start, end: their place in the file."""

    lines: list[bytes]
    start: int
    end: int


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line, as far as it can be understood; a line that cannot is all `event`."""

    ts: str = ""
    level: str = "info"
    source: str = ""
    event: str = ""
    exc: str | None = None
    stack: str | None = None


# ---- where ----------------------------------------------------------------------------------


def instance_folder(
    root: Path, dag_id: str, run_id: str, task_id: str, map_index: int = UNMAPPED
) -> Path:
    """Return the folder of a task instance's logs; of the run's own with an empty task id."""
    folder = root / f"dag_id={_safe(dag_id)}" / f"run_id={_safe(run_id)}"
    if task_id:
        folder /= f"task_id={_safe(task_id)}"
    return folder if map_index < 0 else folder / f"map_index={map_index}"


def segment_path(folder: Path, try_number: int, fence: int) -> Path:
    """Return the file of one attempt."""
    return folder / f"attempt={try_number}" / f"{fence}{SUFFIX}"


def callback_path(folder: Path, try_number: int, callback_id: int) -> Path:
    """Return the file of one callback."""
    return folder / f"attempt={try_number}" / f"callback-{callback_id}{SUFFIX}"


def log_path(log_folder: Path, assignment: Assignment) -> Path:
    """Return the file of an attempt's or a callback's log."""
    run = assignment.run
    folder = instance_folder(
        log_folder, run.dag_id, run.run_id, assignment.task_id, assignment.map_index
    )
    if assignment.callback is not None:
        return callback_path(folder, assignment.try_number, assignment.callback.callback_id)
    return segment_path(folder, assignment.try_number, assignment.fence)


def segments(folder: Path, try_number: int | None = None) -> list[Segment]:
    """Return the segments of a task instance in order: all, or those of one try."""
    found: list[Segment] = []
    for attempt in _entries(folder):
        number = attempt.name.removeprefix("attempt=")
        if attempt.name == number or not number.isdigit():
            continue
        if try_number is not None and int(number) != try_number:
            continue
        for entry in _entries(folder / attempt.name):
            match = _SEGMENT.fullmatch(entry.name)
            if match is not None and entry.is_file(follow_symlinks=False):
                fence, callback = match["fence"], match["callback"]
                found.append(
                    Segment(
                        try_number=int(number),
                        path=folder / attempt.name / entry.name,
                        size=entry.stat(follow_symlinks=False).st_size,
                        fence=int(fence) if fence else None,
                        callback_id=int(callback) if callback else None,
                    )
                )
    return sorted(found, key=_order)


def is_segment(name: str) -> bool:
    """Tell whether a file of this name is a segment; others beside them are notes on them."""
    return _SEGMENT.fullmatch(name) is not None


def every_file(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield every regular file among the tasks' logs: segments and notes."""
    for entry in _entries(root):
        path = root / entry.name
        if entry.is_dir(follow_symlinks=False):
            if entry.name.startswith(_LEVELS):
                yield from every_file(path)
        elif entry.is_file(follow_symlinks=False):
            with contextlib.suppress(FileNotFoundError):
                yield path, entry.stat(follow_symlinks=False)


def _order(segment: Segment) -> tuple[int, bool, int]:
    number = segment.fence if segment.fence is not None else segment.callback_id
    return segment.try_number, segment.fence is None, number or 0


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        yield from entries


def _safe(name: str) -> str:
    quoted = quote(name, safe="+:@,= ").replace("~", "%7E")
    if not quoted.strip("."):
        quoted = quoted.replace(".", "%2E")
    if len(quoted) > _MAX_NAME:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        quoted = f"{quoted[: _MAX_NAME - len(digest) - 1]}~{digest}"
    return quoted


# ---- opening --------------------------------------------------------------------------------


def open_to_append(root: Path, path: Path) -> int:
    """Open a segment for writing at its end; make it and its folders where they are missing.

    Raises:
        OSError: the disk says no, or there is a link in the way.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    with _parent(root, path, make=True) as folder:
        return _regular(os.open(path.name, flags | _GUARD, 0o640, dir_fd=folder))


def open_beside(root: Path, path: Path, name: str) -> int:
    """Open a file of another name in a segment's folder for reading and writing; make it.

    Raises:
        OSError: the disk says no, or there is a link in the way.
    """
    with _parent(root, path, make=True) as folder:
        return _regular(os.open(name, os.O_RDWR | os.O_CREAT | _GUARD, 0o640, dir_fd=folder))


def open_to_read(root: Path, path: Path) -> int:
    """Open a segment for reading.

    Raises:
        OSError: there is no such file (FileNotFoundError), or there is a link in the way.
    """
    with _parent(root, path, make=False) as folder:
        return _regular(os.open(path.name, os.O_RDONLY | _GUARD, dir_fd=folder))


def size(root: Path, path: Path) -> int:
    """Return the bytes of a file.

    Raises:
        OSError: as `open_to_read`.
    """
    fd = open_to_read(root, path)
    try:
        return os.fstat(fd).st_size
    finally:
        os.close(fd)


def remove(root: Path, path: Path) -> None:
    """Delete a file.

    Raises:
        OSError: there is none (FileNotFoundError), or there is a link in the way.
    """
    with _parent(root, path, make=False) as folder:
        os.unlink(path.name, dir_fd=folder)


def put_in_place(root: Path, path: Path, name: str) -> None:
    """Give a file that was written beside a segment the segment's name, at once and whole.

    Raises:
        OSError: there is none, or there is a link in the way.
    """
    with _parent(root, path, make=False) as folder:
        os.replace(name, path.name, src_dir_fd=folder, dst_dir_fd=folder)


_GUARD = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Not through a link; not waiting for the other end of a FIFO."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextlib.contextmanager
def _parent(root: Path, path: Path, *, make: bool) -> Iterator[int]:
    """Open the folder of a file, step by step, following no link below the root."""
    if make:
        root.mkdir(parents=True, exist_ok=True, mode=0o750)
    fd = os.open(root, _FOLDER)
    try:
        for name in path.relative_to(root).parts[:-1]:
            try:
                below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)
            except FileNotFoundError:
                if not make:
                    raise
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o750, dir_fd=fd)
                below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def _regular(fd: int) -> int:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(fd)
        raise PermissionError("a log is a regular file with a single name; this is not")
    return fd


# ---- reading and writing --------------------------------------------------------------------


def append(root: Path, path: Path, event: str, at: datetime, level: str = "info") -> None:
    """Add one line that no process of the attempt could write: why it ended, or was given up.

    Raises:
        OSError: it cannot be written.
    """
    fd = open_to_append(root, path)
    try:
        os.write(fd, line_of(at, level, "tradewind", event))
    finally:
        os.close(fd)


def line_of(at: datetime, level: str, source: str, event: str, **more: Any) -> bytes:
    """Return the bytes of a line. at: aware and in UTC."""
    ts = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return (
        msgspec.json.encode({"ts": ts, "level": level, "source": source, "event": event, **more})
        + b"\n"
    )


def read(root: Path, path: Path, offset: int = 0, limit: int = 1 << 20) -> Chunk:
    """Return whole lines from an offset on, about `limit` bytes; go on from the chunk's end.

    Raises:
        OSError: as `open_to_read`.
    """
    fd = open_to_read(root, path)
    try:
        data = os.pread(fd, limit, offset)
        while b"\n" not in data[-limit:] and len(data) < _MAX_LINE:
            more = os.pread(fd, limit, offset + len(data))
            if not more:
                break
            data += more
    finally:
        os.close(fd)
    whole = data.rfind(b"\n") + 1
    if whole == 0 and len(data) >= _MAX_LINE:
        return Chunk([data], offset, offset + len(data))
    return Chunk(_lines(data[:whole]), offset, offset + whole)


def tail(root: Path, path: Path, count: int) -> Chunk:
    """Return the last lines without reading what comes before.

    Raises:
        OSError: as `open_to_read`.
    """
    fd = open_to_read(root, path)
    try:
        position = os.fstat(fd).st_size
        blocks: list[bytes] = []
        ends = 0
        # One more than asked for: the end of the line before the first.
        while position > 0 and ends <= count:
            size = min(_CHUNK, position)
            position -= size
            block = os.pread(fd, size, position)
            ends += block.count(b"\n")
            blocks.append(block)
    finally:
        os.close(fd)
    data = b"".join(reversed(blocks))
    end = data.rfind(b"\n") + 1
    start = end
    while count > 0 and start > 0:
        start = data.rfind(b"\n", 0, start - 1) + 1
        count -= 1
    return Chunk(_lines(data[start:end]), position + start, position + end)


def _lines(data: bytes) -> list[bytes]:
    return data[:-1].split(b"\n") if data else []


_decode = msgspec.json.Decoder(LogLine).decode


def parse(line: bytes) -> LogLine:
    """Understand a line; what is no line of ours is shown as it is."""
    try:
        return _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return LogLine(event=line.decode("utf-8", "backslashreplace"))
