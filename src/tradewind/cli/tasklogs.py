"""Print task logs for people."""

from __future__ import annotations

import json
import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tradewind.wire import logs

_PAUSE_S = 0.2
_COLOURS = {"error": "red", "critical": "red", "warning": "yellow", "debug": "bright_black"}


def print_logs(
    folder: Path, *, try_number: int | None, follow: bool, ended: Callable[[], bool]
) -> bool:
    """Print the log of a task instance, attempt by attempt; False when there is none.

    Args:
        folder: of the task instance's logs.
        try_number: only this try; None is all.
        follow: go on until `ended` says that nothing more comes.
        ended: tells whether the task instance is at its end.
    """
    offsets: dict[Path, int] = {}
    while True:
        last = not follow or ended()
        for segment in logs.segments(folder):
            if try_number is None or segment.try_number == try_number:
                _print_new(segment, offsets)
        if last:
            return bool(offsets)
        select.select([], [], [], _PAUSE_S)


def _print_new(segment: logs.Segment, offsets: dict[Path, int]) -> None:
    if segment.path not in offsets:
        click.secho(f"── try {segment.try_number}, attempt {segment.fence}", dim=True)
        offsets[segment.path] = 0
    while True:
        lines, end = logs.read(segment.path, offsets[segment.path])
        for line in lines:
            click.echo(shown(line))
        if end == offsets[segment.path]:
            return
        offsets[segment.path] = end


def shown(line: bytes) -> str:
    """Return one log line for people; one that cannot be understood is shown as it is."""
    try:
        fields: Any = json.loads(line)
    except ValueError:
        return line.decode(errors="backslashreplace")
    if not isinstance(fields, dict):
        return line.decode(errors="backslashreplace")
    level = str(fields.get("level", "info")).lower()
    label = "" if level == "info" else click.style(f"{level.upper()} ", fg=_COLOURS.get(level))
    trace = str(fields.get("exc") or fields.get("exception") or "").rstrip()
    more = f"\n{trace}" if trace else ""
    time = click.style(str(fields.get("ts", ""))[11:23], dim=True)
    return f"{time} {label}{fields.get('event', '')}{more}"
