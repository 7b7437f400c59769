"""`tradewind config`."""

from __future__ import annotations

from typing import Any

import click

from tradewind.cli.main import Group
from tradewind.cli.output import emit, output_option
from tradewind.cli.shell import Shell
from tradewind.config import Setting, settings, show, unknown_setting


@click.group("config", cls=Group)
def config_command() -> None:
    """Show settings and where they come from.

    A setting is set in the environment as TRADEWIND__SECTION__KEY (also ..._CMD: the output of a
    command, and ..._SECRET: the content of a file), or in tradewind.toml under TRADEWIND_HOME.
    Settings of an Airflow deployment that mean the same (AIRFLOW__SECTION__KEY, airflow.cfg) are
    taken where nothing is set for Tradewind.
    """


@config_command.command("list")
@click.option("--section", help="Only this section.")
@click.option("--show-origin", is_flag=True, help="Say where each value comes from.")
@click.option("--changed", is_flag=True, help="Only settings that are not at their default.")
@click.option("--describe", is_flag=True, help="Say what each setting means.")
@output_option
@click.pass_obj
def list_settings(
    shell: Shell, section: str | None, show_origin: bool, changed: bool, describe: bool, output: str
) -> None:
    """List the settings; passwords and keys are hidden."""
    if section is not None and section not in {s.section for s in settings()}:
        raise unknown_setting(section)
    rows = []
    for setting in settings():
        origin = shell.config.origins[setting.name]
        if (section not in {None, setting.section}) or (changed and origin == "default"):
            continue
        rows.append(_row(setting, shell, origin if show_origin else None, describe=describe))
    emit(rows, output, none="every setting is at its default")


@config_command.command("get-value")
@click.argument("section")
@click.argument("option")
@click.pass_obj
def get_value(shell: Shell, section: str, option: str) -> None:
    """Print the value of one setting, secrets too."""
    for setting in settings():
        if (setting.section, setting.key) == (section.lower(), option.lower()):
            click.echo(show(setting.value(shell.config)))
            return
    raise unknown_setting(f"{section}.{option}".lower())


def _row(setting: Setting, shell: Shell, origin: str | None, *, describe: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "section": setting.section,
        "key": setting.key,
        "value": setting.shown(shell.config),
    }
    if setting.unit:
        row["value"] += f" {setting.unit}"
    if origin is not None:
        row["origin"] = origin
    if describe:
        row["description"] = setting.description
    return row
