"""Print rows as a table, JSON, YAML or plain text."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
import msgspec

Row = Mapping[str, Any]
_Command = TypeVar("_Command", bound=Callable[..., Any])

FORMATS = ("table", "json", "yaml", "plain")
_UNLIMITED = 10_000
"""Columns of a table that no person reads: nothing is cut off."""

STATE_COLOURS = {
    "success": "green",
    "failed": "red",
    "upstream_failed": "yellow",
    "running": "cyan",
    "queued": "bright_black",
    "scheduled": "bright_black",
    "deferred": "magenta",
    "up_for_retry": "yellow",
    "up_for_reschedule": "blue",
    "skipped": "bright_magenta",
    "healthy": "green",
    "unhealthy": "red",
}


def output_option(command: _Command) -> _Command:
    """Add `-o table|json|yaml|plain`."""
    option = click.option(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How to print the result.",
    )
    return option(command)


def emit(rows: Sequence[Row], output: str, *, none: str = "nothing found") -> None:
    """Print rows; for people also that there are none."""
    plain = msgspec.to_builtins(rows, builtin_types=(datetime,))
    if output == "json":
        click.echo(json.dumps(plain, indent=2, default=_text, ensure_ascii=False))
    elif output == "yaml":
        click.echo(_yaml(plain), nl=False)
    elif not rows:
        click.echo(none, err=True)
    elif output == "plain":
        _print_plain(rows)
    else:
        _print_table(rows)


def emit_one(row: Row, output: str) -> None:
    """Print one thing: its fields below each other, or as one object."""
    if output in {"json", "yaml"}:
        plain = msgspec.to_builtins(row, builtin_types=(datetime,))
        if output == "json":
            click.echo(json.dumps(plain, indent=2, default=_text, ensure_ascii=False))
        else:
            click.echo(_yaml(plain), nl=False)
        return
    emit([{"property": name, "value": value} for name, value in row.items()], output)


def progress(things: Sequence[Any], label: str) -> Any:
    """Return a context manager over things that shows a bar on a terminal."""
    return click.progressbar(things, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


def counting(length: int, label: str) -> Any:
    """Return a context manager with a bar that is told of each step: `bar.update(3)`."""
    return click.progressbar(
        length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    )


def _print_table(rows: Sequence[Row]) -> None:
    # A twentieth of a second that JSON need not pay.
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else _UNLIMITED, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(v), style=_style(n, v)) for n, v in row.items()))
    console.print(table)


def _print_plain(rows: Sequence[Row]) -> None:
    lines = [list(rows[0]), *([_cell(v) for v in row.values()] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo(text.rstrip())


def _style(name: str, value: object) -> str:
    return STATE_COLOURS.get(str(value), "") if name in {"state", "status"} else ""


def _cell(value: object) -> str:
    """Return a value for people."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(sep=" ", timespec="seconds")
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(part) for part in value)
    if isinstance(value, dict):
        return json.dumps(value, default=_text, ensure_ascii=False)
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return str(value)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _yaml(plain: object) -> str:
    import yaml

    text = json.loads(json.dumps(plain, default=_text))
    return yaml.safe_dump(text, sort_keys=False, allow_unicode=True)
