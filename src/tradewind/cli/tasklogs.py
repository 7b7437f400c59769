"""Print task logs for people."""

from __future__ import annotations

import select
from collections.abc import Callable
from pathlib import Path

import click

from tradewind.wire import logs

_PAUSE_S = 0.2
_COLOURS = {"error": "red", "critical": "red", "warning": "yellow", "debug": "bright_black"}


def print_logs(
    root: Path,
    folder: Path,
    *,
    try_number: int | None,
    follow: bool,
    ended: Callable[[], bool],
) -> bool:
    """Print the log of a task instance, attempt by attempt; False when there is none.

    Args:
        root: the folder of all logs.
        folder: of the task instance's logs.
        try_number: only this try; None is all.
        follow: go on until `ended` says that nothing more comes.
        ended: tells whether the task instance is at its end.
    """
    offsets: dict[Path, int] = {}
    while True:
        last = not follow or ended()
        for segment in logs.segments(folder, try_number):
            _print_new(root, segment, offsets)
        if last:
            return bool(offsets)
        select.select([], [], [], _PAUSE_S)


def _print_new(root: Path, segment: logs.Segment, offsets: dict[Path, int]) -> None:
    if segment.path not in offsets:
        what = f"callback {segment.callback_id}" if segment.fence is None else "attempt"
        click.secho(f"── try {segment.try_number}, {what} {segment.fence or ''}".rstrip(), dim=True)
        offsets[segment.path] = 0
    while True:
        chunk = logs.read(root, segment.path, offsets[segment.path])
        for line in chunk.lines:
            click.echo(shown(line))
        offsets[segment.path] = chunk.end
        if chunk.end == chunk.start:
            return


def shown(line: bytes) -> str:
    """Return one log line for people."""
    parsed = logs.parse(line)
    level = parsed.level.lower()
    label = "" if level == "info" else click.style(f"{level.upper()} ", fg=_COLOURS.get(level))
    more = "".join(f"\n{text.rstrip()}" for text in (parsed.exc, parsed.stack) if text)
    return f"{click.style(parsed.ts[11:23], dim=True)} {label}{parsed.event}{more}"
