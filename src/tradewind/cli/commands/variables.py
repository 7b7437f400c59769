"""`tradewind variables`."""

from __future__ import annotations

import json
from typing import Any

import click

from tradewind.cli.main import Group
from tradewind.cli.output import emit, output_option, progress
from tradewind.cli.shell import Shell, missing
from tradewind.cli.transfer import read_file, write_file
from tradewind.errors import NotFound, UserError


@click.group("variables", cls=Group)
def variables_command() -> None:
    """Keep values that DAGs read.

    A variable TRADEWIND_VAR_KEY (or AIRFLOW_VAR_KEY) in the environment wins over a stored one.
    """


@variables_command.command("list")
@click.option("--show-values", is_flag=True, help="Show the values, too.")
@output_option
@click.pass_obj
def list_variables(shell: Shell, show_values: bool, output: str) -> None:
    """List the stored variables."""
    rows = [
        {"key": key, "value": shell.secrets.get_variable(key)} if show_values else {"key": key}
        for key in shell.secrets.variable_keys()
    ]
    emit(rows, output, none="no variables")


@variables_command.command("get")
@click.argument("key")
@click.option("-j", "--json", "as_json", is_flag=True, help="Print the value as indented JSON.")
@click.option("-d", "--default", help="Print this if there is no such variable.")
@click.pass_obj
def get_variable(shell: Shell, key: str, as_json: bool, default: str | None) -> None:
    """Print the value of a variable."""
    try:
        value = shell.secrets.get_variable(key)
    except NotFound as error:
        if default is None:
            known = shell.secrets.variable_keys()
            raise NotFound(missing("variable", key, known, "tradewind variables list")) from error
        value = default
    if as_json:
        value = json.dumps(_parse(key, value), indent=2, ensure_ascii=False)
    click.echo(value)


@variables_command.command("set")
@click.argument("key")
@click.argument("value")
@click.option("--description", help="What it is for.")
@click.option("-j", "--json", "as_json", is_flag=True, help="Refuse a value that is not JSON.")
@click.pass_obj
def set_variable(
    shell: Shell, key: str, value: str, description: str | None, as_json: bool
) -> None:
    """Make or change a variable."""
    if as_json:
        _parse(key, value)
    shell.secrets.set_variable(key, value, description)
    click.echo(f"variable {key} is set", err=True)


@variables_command.command("delete")
@click.argument("key")
@click.pass_obj
def delete_variable(shell: Shell, key: str) -> None:
    """Delete a variable."""
    if not shell.secrets.delete_variable(key):
        known = shell.secrets.variable_keys()
        raise NotFound(missing("variable", key, known, "tradewind variables list"))
    click.echo(f"variable {key} is deleted", err=True)


@variables_command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "-a",
    "--action-on-existing-key",
    type=click.Choice(["overwrite", "fail", "skip"]),
    default="overwrite",
    show_default=True,
    help="What to do with variables that exist.",
)
@click.pass_obj
def import_variables(shell: Shell, file: str, action_on_existing_key: str) -> None:
    """Set variables from a JSON, YAML or .env file of keys and values."""
    given = read_file(file)
    existing = set(shell.secrets.variable_keys()) & given.keys()
    if existing and action_on_existing_key == "fail":
        raise UserError(f"these variables exist already: {', '.join(sorted(existing))}")
    left = existing if action_on_existing_key == "skip" else set[str]()
    wanted = [(key, value) for key, value in given.items() if key not in left]
    with progress(wanted, "Importing") as each:
        for key, given_value in each:
            value, description = _parts(given_value)
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            shell.secrets.set_variable(key, text, description)
    click.echo(f"{len(wanted)} variables imported, {len(left)} skipped", err=True)


@variables_command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.pass_obj
def export_variables(shell: Shell, file: str) -> None:
    """Write all stored variables to a JSON, YAML or .env file ("-": JSON to stdout)."""
    values = {key: shell.secrets.get_variable(key) for key in shell.secrets.variable_keys()}
    write_file(file, values)
    click.echo(f"{len(values)} variables exported", err=True)


def _parts(value: Any) -> tuple[Any, str | None]:
    """Return value and description: Airflow exports those with a description as both."""
    if isinstance(value, dict) and value.keys() == {"value", "description"}:
        return value["value"], value["description"]
    return value, None


def _parse(key: str, value: str) -> object:
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise UserError(f"the value of variable {key!r} is not JSON: {error}") from error
