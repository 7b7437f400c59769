"""The program `tradewind`: find the command, run it, turn errors into exit codes.

Commands are imported when they are used, so that `tradewind version` does not pay for a
database. Data goes to stdout, everything else to stderr.

Exit codes: 0 done; 1 it failed; 2 the command line is not right; 3 there is no such thing;
130 and 143 ended by Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from tradewind.cli.shell import Shell
from tradewind.errors import NotFound, TradewindError

FAILED, USAGE, NOT_FOUND, INTERRUPTED = 1, 2, 3, 130

COMMANDS: dict[str, tuple[str, str]] = {
    "standalone": ("standalone", "Run everything on this machine, in one command."),
    "run": ("run", "Run a DAG file with no server, and watch it."),
    "python": ("python", "Run a program whose `import airflow` is Tradewind."),
    "dags": ("dags", "List, trigger, pause, backfill and inspect DAGs."),
    "tasks": ("tasks", "Clear, mark and inspect tasks, and read their logs."),
    "variables": ("variables", "Keep values that DAGs read."),
    "connections": ("connections", "Keep what DAGs need to reach other systems."),
    "pools": ("pools", "Limit how many tasks use something at once."),
    "providers": ("providers", "Show the installed provider packages and what they bring."),
    "assets": ("assets", "List assets and who makes and uses them, and make one."),
    "users": ("users", "Keep the accounts that sign in to the web server."),
    "db": ("db", "Make, check, clean and export the metadata database."),
    "migrate": ("migrate", "Come over from Airflow."),
    "config": ("config", "Show settings and where they come from."),
    "jobs": ("jobs", "Check that the parts of Tradewind are alive."),
    "scheduler": ("services", "Run the scheduler."),
    "dag-processor": ("services", "Run the DAG processor."),
    "worker": ("services", "Run the worker of this machine."),
    "celery": ("celery", "Run and look after workers on any number of machines."),
    "kubernetes": ("kubernetes", "Look at the pods of tasks before they run, and after."),
    "triggerer": ("services", "Run the triggerer, for deferred tasks."),
    "api-server": ("services", "Run the web server."),
    "doctor": ("doctor", "Look for what could be wrong with this installation."),
    "completion": ("completion", "Print the shell's completion script."),
    "version": ("version", "Print the version."),
}
"""By name: the module under `tradewind.cli.commands`, and one line of help."""


class LazyGroup(click.Group):
    """A group that imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"tradewind.cli.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_") + "_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise no_such_command(args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


class Group(click.Group):
    """A group whose errors name the nearest command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise no_such_command(args[0], self.commands)
        return super().resolve_command(ctx, args)


def no_such_command(name: str, known: Mapping[str, Any]) -> click.UsageError:
    """Return the error about an unknown command."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
    return click.UsageError(f"There is no command {name!r}. {hint}")


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Tradewind runs workflows that are written in Python."""


def main() -> None:
    """Run the program."""
    sys.exit(run(sys.argv[1:], os.environ))


def run(args: Sequence[str], env: Mapping[str, str]) -> int:
    """Run one command line and return the exit code."""
    try:
        code = cli.main(list(args), prog_name="tradewind", standalone_mode=False, obj=Shell(env))
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except TradewindError as error:
        click.echo(f"{click.style('error:', fg='red')} {error}", err=True)
        return NOT_FOUND if isinstance(error, NotFound) else FAILED
    # click hands over what `Exit` carried; commands themselves return nothing.
    return code if isinstance(code, int) else 0
