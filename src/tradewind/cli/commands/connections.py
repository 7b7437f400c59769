"""`tradewind connections`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from tradewind.cli.main import Group
from tradewind.cli.output import emit, emit_one, output_option, progress
from tradewind.cli.shell import Shell, missing
from tradewind.cli.transfer import read_file, write_file
from tradewind.errors import AlreadyExists, NotFound, UserError

if TYPE_CHECKING:
    from tradewind.store.secrets import ConnectionValue


@click.group("connections", cls=Group)
def connections_command() -> None:
    """Keep what DAGs need to reach other systems.

    A connection TRADEWIND_CONN_ID (or AIRFLOW_CONN_ID) in the environment, as a URI or JSON,
    wins over a stored one.
    """


@connections_command.command("list")
@output_option
@click.pass_obj
def list_connections(shell: Shell, output: str) -> None:
    """List the stored connections."""
    found = shell.secrets.connection_ids()
    rows = [{"conn_id": conn_id, "conn_type": kind} for conn_id, kind in found]
    emit(rows, output, none="no connections")


@connections_command.command("get")
@click.argument("conn_id")
@click.option("--show-password", is_flag=True, help="Show the password and the extra, too.")
@output_option
@click.pass_obj
def get_connection(shell: Shell, conn_id: str, show_password: bool, output: str) -> None:
    """Show a connection."""
    fields = _plain(_get(shell, conn_id))
    if not show_password:
        fields |= {name: "***" for name in ("password", "extra") if fields[name]}
    emit_one(fields, output)


@connections_command.command("add")
@click.argument("conn_id")
@click.option("--conn-uri", help="Everything, as a URI: type://login:password@host:port/schema.")
@click.option("--conn-json", help="Everything, as JSON.")
@click.option("--conn-type", help="Its type: postgres, http, ….")
@click.option("--conn-description", help="What it is for.")
@click.option("--conn-host", help="Host name.")
@click.option("--conn-login", help="User name.")
@click.option("--conn-password", help="Password.")
@click.option("--conn-schema", help="Schema or database.")
@click.option("--conn-port", type=int, help="Port.")
@click.option("--conn-extra", help="Anything else, as JSON.")
@click.option("--overwrite", is_flag=True, help="Replace the connection if it exists.")
@click.pass_obj
def add_connection(shell: Shell, /, conn_id: str, overwrite: bool, **given: Any) -> None:
    """Store a connection."""
    from tradewind.store.secrets import ConnectionValue, parse_connection

    whole = given.pop("conn_uri"), given.pop("conn_json")
    fields = {name.removeprefix("conn_"): v for name, v in given.items() if v is not None}
    fields = {{"type": "conn_type"}.get(name, name): value for name, value in fields.items()}
    if sum(map(bool, (*whole, fields))) != 1:
        raise UserError("give the connection as --conn-uri, as --conn-json, or part by part")
    if not overwrite and conn_id in dict(shell.secrets.connection_ids()):
        raise AlreadyExists(f"there is a connection {conn_id!r} already; --overwrite replaces it")
    text = whole[0] or whole[1]
    if text:
        value = parse_connection(conn_id, text)
    elif "conn_type" not in fields:
        raise UserError("--conn-type says what kind of connection it is")
    else:
        value = ConnectionValue(conn_id=conn_id, **fields)
    shell.secrets.set_connection(value)
    click.echo(f"connection {conn_id} is stored", err=True)


@connections_command.command("delete")
@click.argument("conn_id")
@click.pass_obj
def delete_connection(shell: Shell, conn_id: str) -> None:
    """Delete a connection."""
    if not shell.secrets.delete_connection(conn_id):
        known = dict(shell.secrets.connection_ids())
        raise NotFound(missing("connection", conn_id, known, "tradewind connections list"))
    click.echo(f"connection {conn_id} is deleted", err=True)


@connections_command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--overwrite", is_flag=True, help="Replace connections that exist.")
@click.pass_obj
def import_connections(shell: Shell, file: str, overwrite: bool) -> None:
    """Store connections from a JSON, YAML or .env file of ids with URIs or fields."""
    from tradewind.store.secrets import parse_connection

    given = {
        conn_id: parse_connection(conn_id, v if isinstance(v, str) else json.dumps(v))
        for conn_id, v in read_file(file).items()
    }
    existing = dict(shell.secrets.connection_ids())
    wanted = [value for conn_id, value in given.items() if overwrite or conn_id not in existing]
    with progress(wanted, "Importing") as each:
        for value in each:
            shell.secrets.set_connection(value)
    skipped = len(given) - len(wanted)
    click.echo(f"{len(wanted)} connections imported, {skipped} existing ones left alone", err=True)


@connections_command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.pass_obj
def export_connections(shell: Shell, file: str) -> None:
    """Write all stored connections, with passwords, to a JSON, YAML or .env file."""
    found = {}
    for conn_id, _ in shell.secrets.connection_ids():
        fields = _plain(shell.secrets.get_connection(conn_id))
        del fields["conn_id"]
        found[conn_id] = fields
    write_file(file, found)
    click.echo(f"{len(found)} connections exported", err=True)


def _get(shell: Shell, conn_id: str) -> ConnectionValue:
    try:
        return shell.secrets.get_connection(conn_id)
    except NotFound as error:
        known = dict(shell.secrets.connection_ids())
        where = "tradewind connections list"
        raise NotFound(missing("connection", conn_id, known, where)) from error


def _plain(value: ConnectionValue) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}
