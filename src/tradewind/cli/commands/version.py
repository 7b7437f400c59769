"""`tradewind version`."""

from __future__ import annotations

import click

from tradewind import __version__


@click.command("version")
def version_command() -> None:
    """Print the version."""
    click.echo(__version__)
