"""Print rows as a table, JSON or plain text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
import msgspec

option = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "yaml", "plain"]),
    default="table",
    help="How to print.",
)


def show(rows: Sequence[dict[str, Any]], output: str) -> None:
    """Print rows that have the same keys."""
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(list(rows)), indent=2).decode())
    elif output == "yaml":
        for row in rows:
            for number, (key, value) in enumerate(row.items()):
                text = msgspec.json.encode(value).decode()
                click.echo(f"{'- ' if number == 0 else '  '}{key}: {text}")
    elif output == "plain":
        for row in rows:
            click.echo("\t".join(_text(value) for value in row.values()))
    else:
        _table(rows)


def _table(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        click.echo("nothing to show", err=True)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    Console().print(table)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
