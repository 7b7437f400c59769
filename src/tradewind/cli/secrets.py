"""The commands of `tradewind variables` and `tradewind connections`."""

from __future__ import annotations

import click

from tradewind.cli import output as printing
from tradewind.cli.session import database, secrets
from tradewind.errors import NotFound
from tradewind.store.secrets import parse_connection


@click.group()
def variables() -> None:
    """List and change variables."""


@variables.command("list")
@printing.option
def list_variables(output: str) -> None:
    """List the keys."""
    with database() as db:
        printing.show([{"key": key} for key in secrets(db).variable_keys()], output)


@variables.command("get")
@click.argument("key")
def get_variable(key: str) -> None:
    """Print a variable's value."""
    with database() as db:
        click.echo(secrets(db).get_variable(key))


@variables.command("set")
@click.argument("key")
@click.argument("value")
@click.option("--description")
def set_variable(key: str, value: str, description: str | None) -> None:
    """Make or change a variable."""
    with database() as db:
        secrets(db).set_variable(key, value, description)
    click.echo(f"variable {key} is set")


@variables.command("delete")
@click.argument("key")
def delete_variable(key: str) -> None:
    """Remove a variable."""
    with database() as db:
        if not secrets(db).delete_variable(key):
            raise NotFound(f"there is no variable {key!r}")
    click.echo(f"variable {key} is gone")


@click.group()
def connections() -> None:
    """List and change connections."""


@connections.command("list")
@printing.option
def list_connections(output: str) -> None:
    """List ids and types."""
    with database() as db:
        found = secrets(db).connection_ids()
    printing.show([{"conn_id": conn_id, "conn_type": kind} for conn_id, kind in found], output)


@connections.command("add")
@click.argument("conn_id")
@click.option("--conn-uri", required=True, help="The connection as a URI or as JSON.")
def add_connection(conn_id: str, conn_uri: str) -> None:
    """Make or change a connection."""
    with database() as db:
        secrets(db).set_connection(parse_connection(conn_id, conn_uri))
    click.echo(f"connection {conn_id} is set")


@connections.command("delete")
@click.argument("conn_id")
def delete_connection(conn_id: str) -> None:
    """Remove a connection."""
    with database() as db:
        if not secrets(db).delete_connection(conn_id):
            raise NotFound(f"there is no connection {conn_id!r}")
    click.echo(f"connection {conn_id} is gone")
