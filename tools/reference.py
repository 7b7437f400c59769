"""Write docs/configuration.md and docs/cli.md from the program itself.

`tests/docs/test_docs.py` fails when they are not what this would write.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import click

from tradewind.cli.main import COMMANDS, cli
from tradewind.config import SECTION_TITLES, settings, show

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTE = "<!-- Written by tools/reference.py; do not edit. -->\n"


def configuration() -> str:
    """Return the reference of settings."""
    parts = [f"# Configuration\n\n{NOTE}\n{importlib.import_module('tradewind.config').__doc__}"]
    section = None
    for setting in settings():
        if setting.section != section:
            section = setting.section
            parts.append(f"\n## [{section}]\n\n{SECTION_TITLES[section]}\n")
            parts.append("\n| key | default | unit | meaning |\n|---|---|---|---|\n")
        default = show(setting.default) or "(empty)"
        row = (f"`{setting.key}`", f"`{default}`", setting.unit or "", setting.description)
        parts.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n")
    return "".join(parts)


def commands() -> str:
    """Return the reference of commands."""
    parts = [f"# Commands\n\n{NOTE}\n{importlib.import_module('tradewind.cli.main').__doc__}"]
    root = click.Context(cli, info_name="tradewind", terminal_width=90, **cli.context_settings)
    for name in COMMANDS:
        command = cli.get_command(root, name)
        assert command is not None
        for context in walk(root, name, command):
            text = context.command.get_help(context)
            parts.append(f"\n## {context.command_path}\n\n```text\n{text}\n```\n")
    return "".join(parts)


def walk(above: click.Context, name: str, command: click.Command) -> Iterator[click.Context]:
    """Yield the contexts of a command and of those below it."""
    context = click.Context(command, above, name)
    yield context
    if isinstance(command, click.Group):
        for below_name, below in command.commands.items():
            yield from walk(context, below_name, below)


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    (DOCS / "configuration.md").write_text(configuration(), encoding="utf-8")
    (DOCS / "cli.md").write_text(commands(), encoding="utf-8")


if __name__ == "__main__":
    main()
