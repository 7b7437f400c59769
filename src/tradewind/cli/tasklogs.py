"""Print task logs for people."""

from __future__ import annotations

import select
from collections.abc import Callable
from pathlib import Path

import click

from tradewind.wire import logs

_PAUSE_S = 0.2
_COLOURS = {"error": "red", "critical": "red", "warning": "yellow", "debug": "bright_black"}


class LogPrinter:
    """Print the log of a task instance, attempt by attempt, each line once."""

    def __init__(self, root: Path, folder: Path, try_number: int | None = None) -> None:
        """Remember what to print.

        Args:
            root: of all logs.
            folder: of the task instance's logs.
            try_number: only this try; None is all.
        """
        self._root = root
        self._folder = folder
        self._try_number = try_number
        self._ends: dict[Path, int] = {}

    def run(self, *, tail: int | None = None, until: Callable[[], bool]) -> bool:
        """Print what there is and what comes until the end; False when there is nothing.

        Args:
            tail: of each attempt's lines so far only the last so many.
            until: tells whether nothing more comes.
        """
        while True:
            last = until()
            for segment in logs.segments(self._folder, self._try_number):
                self._print_new(segment, tail)
            if last:
                return bool(self._ends)
            tail = None
            select.select([], [], [], _PAUSE_S)

    def _print_new(self, segment: logs.Segment, tail: int | None) -> None:
        path = segment.path
        if path not in self._ends:
            of = f"callback {segment.callback_id}" if segment.fence is None else f"{segment.fence}"
            click.secho(f"── try {segment.try_number}, attempt {of}", dim=True)
            self._ends[path] = 0
            if tail is not None:
                self._print(path, logs.tail(self._root, path, tail))
        while (chunk := logs.read(self._root, path, self._ends[path])).lines:
            self._print(path, chunk)

    def _print(self, path: Path, chunk: logs.Chunk) -> None:
        for line in chunk.lines:
            click.echo(shown(line))
        self._ends[path] = chunk.end


def shown(raw: bytes) -> str:
    """Return one log line for people; one that cannot be understood is shown as it is."""
    line = logs.parse(raw)
    level = line.level.lower()
    label = "" if level == "info" else click.style(f"{level.upper()} ", fg=_COLOURS.get(level))
    time = click.style(line.ts[11:23], dim=True) + " " if line.ts else ""
    more = "".join(f"\n{text.rstrip()}" for text in (line.exc, line.stack) if text)
    return f"{time}{label}{line.event}{more}"
