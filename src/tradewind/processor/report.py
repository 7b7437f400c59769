"""Tell an author what is wrong with a file, in the terms of that file.

A traceback begins at the author's first line: the frames of the import machinery above it say
nothing to anybody. Of errors that our SDK raises on purpose, its own frames are left out as
well, so that the last line of code shown is the author's.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import tradewind
from tradewind.errors import TradewindError

MAX_TEXT = 64 * 1024
_MAX_FRAMES = 200
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
    shown = traceback.TracebackException.from_exception(error, limit=-_MAX_FRAMES)
    roots = (folder.rstrip("/") + "/", os.path.realpath(folder) + "/")
    _trim(shown, roots, keep_ours=not isinstance(error, TradewindError))
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


def summary(text: str) -> str:
    """Return the line of an error's text that says most."""
    lines = [line for line in text.strip().splitlines() if line.strip()] or [""]
    is_traceback = any(line.startswith(("Traceback ", '  File "')) for line in lines[:1])
    return lines[-1] if is_traceback else lines[0]


def _trim(shown: traceback.TracebackException, roots: tuple[str, ...], *, keep_ours: bool) -> None:
    """Leave out frames, and causes that only say in our code what the error says itself."""
    shown.stack = _trimmed(shown.stack, roots, keep_ours=keep_ours)
    for cause in (shown.__cause__, shown.__context__):
        if cause is not None:
            _trim(cause, roots, keep_ours=keep_ours)
    if not keep_ours and shown.__cause__ is not None and not shown.__cause__.stack:
        shown.__cause__ = None
        shown.__suppress_context__ = True


def _trimmed(
    stack: traceback.StackSummary, roots: tuple[str, ...], *, keep_ours: bool
) -> traceback.StackSummary:
    frames = list(stack)
    first = next((n for n, frame in enumerate(frames) if frame.filename.startswith(roots)), None)
    left_out = ("<frozen ",) if keep_ours and first is not None else _MACHINERY
    kept = [frame for frame in frames[first:] if not frame.filename.startswith(left_out)]
    return traceback.StackSummary.from_list(kept)
