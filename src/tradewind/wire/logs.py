"""Where task logs are, and how to read them.

One folder per task instance, one file per attempt ("segment"), named by try and fence; so a
fenced attempt's lines are shown apart from those of the attempt that took its place:

    dag_id=…/run_id=…/task_id=…[/map_index=…]/attempt=<try>/<fence>.jsonl

Each line is a JSON object: ts, level, source, event, and more by source. Names from outside
are percent-encoded, so that no id can leave the folder; files are opened without following
links.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import msgspec

_CHUNK = 1 << 16
SUFFIX = ".jsonl"


class Segment(msgspec.Struct, frozen=True):
    """The log of one attempt."""

    try_number: int
    fence: int
    path: Path


def instance_folder(root: Path, dag_id: str, run_id: str, task_id: str, map_index: int) -> Path:
    """Return the folder of a task instance's logs."""
    folder = root / f"dag_id={_safe(dag_id)}" / f"run_id={_safe(run_id)}"
    folder = folder / f"task_id={_safe(task_id)}"
    return folder if map_index < 0 else folder / f"map_index={map_index}"


def segment_path(folder: Path, try_number: int, fence: int) -> Path:
    """Return the file of one attempt."""
    return folder / f"attempt={try_number}" / f"{fence}{SUFFIX}"


def segments(folder: Path) -> list[Segment]:
    """Return the attempts' logs of a task instance, oldest first."""
    found: list[Segment] = []
    for path in folder.glob(f"attempt=*/*{SUFFIX}"):
        try_number = path.parent.name.partition("=")[2]
        if try_number.isdigit() and path.stem.isdigit() and not path.is_symlink():
            found.append(Segment(int(try_number), int(path.stem), path))
    return sorted(found, key=lambda s: (s.try_number, s.fence))


def read(path: Path, offset: int = 0, limit: int = 1 << 20) -> tuple[list[bytes], int]:
    """Return whole lines from an offset, and the offset to go on from.

    Raises:
        OSError: there is no such file, or it is a link.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as handle:
        handle.seek(offset)
        data = handle.read(limit)
    end = data.rfind(b"\n") + 1
    return data[:end].splitlines(), offset + end


def tail(path: Path, count: int) -> tuple[list[bytes], int]:
    """Return the last lines without reading what comes before, and the offset after them.

    Raises:
        OSError: there is no such file, or it is a link.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as handle:
        end = position = handle.seek(0, os.SEEK_END)
        data = b""
        while position > 0 and data.count(b"\n") <= count:
            step = min(_CHUNK, position)
            position -= step
            handle.seek(position)
            data = handle.read(step) + data
    whole = data.rfind(b"\n") + 1
    lines = data[:whole].splitlines()[-count:]
    return lines, end - (len(data) - whole)


def _safe(name: str) -> str:
    quoted = quote(name, safe="+:@ ")
    return quoted.replace(".", "%2E") if quoted.strip(".") == "" else quoted
