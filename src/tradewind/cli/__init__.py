"""The command line: `tradewind`.

Commands are imported when they are called, so that `tradewind version` costs no more than
Python itself.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from tradewind import __version__
from tradewind.errors import NotFound, TradewindError

_COMMANDS = {
    "config": ("tradewind.cli.configuration:config", "Show settings."),
    "connections": ("tradewind.cli.secrets:connections", "List and change connections."),
    "dag-processor": ("tradewind.cli.parts:dag_processor", "Run a DAG processor."),
    "dags": ("tradewind.cli.dags:dags", "List, trigger and look at DAGs."),
    "db": ("tradewind.cli.database:db", "Make and check the metadata database."),
    "jobs": ("tradewind.cli.database:jobs", "Check that parts are alive."),
    "pools": ("tradewind.cli.pools:pools", "List and change pools."),
    "run": ("tradewind.cli.commands.run:run_command", "Run a DAG file with no server."),
    "scheduler": ("tradewind.cli.parts:scheduler", "Run a scheduler."),
    "standalone": ("tradewind.cli.parts:standalone", "Run everything in one command."),
    "tasks": ("tradewind.cli.tasks:tasks", "Look at task instances and their logs."),
    "triggerer": ("tradewind.cli.parts:triggerer", "Run this machine's triggerer."),
    "variables": ("tradewind.cli.secrets:variables", "List and change variables."),
    "worker": ("tradewind.cli.parts:worker", "Run this machine's worker."),
}
_EXIT_NOT_FOUND = 3


class _Lazy(click.Group):
    """A group whose commands live in modules of their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names."""
        return sorted([*_COMMANDS, *super().list_commands(ctx)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        rows = [(name, text) for name, (_, text) in sorted(_COMMANDS.items())]
        with formatter.section("Commands"):
            formatter.write_dl([*rows, ("version", "Show the version.")])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Tradewind: a workflow orchestrator for Python."""


@cli.command()
def version() -> None:
    """Show the version."""
    click.echo(__version__)


def main(argv: list[str] | None = None) -> Any:
    """Run the command line; our own errors are one line on stderr and an exit code.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the thing does not exist.
    """
    try:
        return cli.main(args=argv, prog_name="tradewind")
    except TradewindError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_EXIT_NOT_FOUND if isinstance(error, NotFound) else 1)
