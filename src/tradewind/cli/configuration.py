"""The commands of `tradewind config`."""

from __future__ import annotations

import click

from tradewind.cli import output as printing
from tradewind.cli.session import configuration
from tradewind.config.sections import SETTINGS, show


@click.group()
def config() -> None:
    """Show settings."""


@config.command("list")
@click.option("--show-origin", is_flag=True, help="Say where each value comes from.")
@printing.option
def list_(show_origin: bool, output: str) -> None:
    """List every setting and its value; secrets are hidden."""
    loaded = configuration()
    rows = []
    for setting in SETTINGS.values():
        row = {
            "setting": setting.name,
            "value": show(
                getattr(getattr(loaded, setting.section_attribute), setting.attribute),
                secret=setting.secret,
            ),
        }
        if show_origin:
            row["origin"] = loaded.origins.get(setting.name, "default")
        rows.append(row)
    printing.show(rows, output)
