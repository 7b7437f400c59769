"""`tradewind providers`."""

from __future__ import annotations

import click

from tradewind.cli.main import Group
from tradewind.cli.output import emit, output_option
from tradewind.cli.shell import Shell


@click.group("providers", cls=Group)
def providers_command() -> None:
    """Show the installed provider packages and what they bring."""


@providers_command.command("list")
@output_option
@click.pass_obj
def list_providers(shell: Shell, output: str) -> None:
    """List the installed provider packages."""
    from tradewind.actions.provider_facts import provider_facts

    emit(provider_facts(shell.env)["providers"], output)


@providers_command.command("hooks")
@output_option
@click.pass_obj
def list_hooks(shell: Shell, output: str) -> None:
    """List the types of connections that provider packages bring, and their hooks."""
    from tradewind.actions.provider_facts import provider_facts

    emit(provider_facts(shell.env)["connection_types"], output)
