"""Tell an author what is wrong with a file, in the terms of that file.

A traceback begins at the author's first line: the frames of the import machinery above it say
nothing to anybody. Of errors that our SDK raises about a DAG (`DagError`), its own frames are
left out as well, so that the last line of code shown is the author's.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import tradewind
from tradewind.errors import DagError

MAX_TEXT = 64 * 1024
_OURS = str(Path(tradewind.__file__).parent) + "/"
_MACHINERY = ("<frozen ", _OURS)


def describe(error: BaseException, folder: str, memory_bytes: int) -> str:
    """Return the text of an error that importing a file raised."""
    if isinstance(error, MemoryError):
        limit = memory_bytes >> 20
        return (
            f"MemoryError: importing this file needs more than the {limit} MB that "
            "dag_processor.memory_limit_mb allows\n"
        )
    shown = traceback.TracebackException.from_exception(error, limit=-200)
    roots = (folder.rstrip("/") + "/", os.path.realpath(folder) + "/")
    waiting: list[traceback.TracebackException | None] = [shown]
    while waiting:
        part = waiting.pop()
        if part is not None:
            part.stack = _trimmed(part.stack, roots, keep_ours=not isinstance(error, DagError))
            waiting += [part.__cause__, part.__context__]
    text = "".join(shown.format())
    if isinstance(error, SystemExit):
        text += "The file ends the program while it is imported; remove the call of exit().\n"
    return shorten(text)


def shorten(text: str) -> str:
    """Return a text without its middle when it is too long."""
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    return f"{text[:half]}\n… {len(text) - MAX_TEXT} characters left out …\n{text[-half:]}"


def _trimmed(
    stack: traceback.StackSummary, roots: tuple[str, ...], *, keep_ours: bool
) -> traceback.StackSummary:
    first = next((n for n, frame in enumerate(stack) if frame.filename.startswith(roots)), None)
    frames = list(stack)[first:] if first is not None else list(stack)
    machinery = ("<frozen ",) if keep_ours and first is not None else _MACHINERY
    kept = [frame for frame in frames if not frame.filename.startswith(machinery)]
    return traceback.StackSummary.from_list(kept)
