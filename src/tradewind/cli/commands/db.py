"""`tradewind db`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tradewind.cli.main import Group
from tradewind.cli.shell import Shell

if TYPE_CHECKING:
    from tradewind.store.connect import Database


@click.group("db", cls=Group)
def db_command() -> None:
    """Make, check, clean and export the metadata database."""


@db_command.command("migrate")
@click.pass_obj
def migrate_command(shell: Shell) -> None:
    """Make the database, or bring it to this version; also makes the encryption key."""
    _migrate(shell)


@db_command.command("init")
@click.pass_obj
def init_command(shell: Shell) -> None:
    """Make the database: the same as migrate."""
    _migrate(shell)


@db_command.command("check")
@click.pass_obj
def check_command(shell: Shell) -> None:
    """Fail unless the database can be reached and has this version's schema."""
    from tradewind.store.migrate import current

    # `shell.db` has checked the schema.
    click.echo(f"{_where(shell.db)} is reachable and at revision {current(shell.db)}")


@db_command.command("rotate-keys")
@click.pass_obj
def rotate_command(shell: Shell) -> None:
    """Encrypt variables and connections again, with the first encryption key."""
    count = shell.secrets.rotate()
    click.echo(f"{count} values encrypted with the first key; older keys can go now", err=True)


def _migrate(shell: Shell) -> None:
    from tradewind.store.connect import open_database
    from tradewind.store.migrate import current, migrate
    from tradewind.store.secrets import ensure_key_file

    config = shell.config
    if not config.database.encryption_keys:
        ensure_key_file(config.key_file)
    db = open_database(config.database.sql_alchemy_conn)
    before = migrate(db, config.core.default_pool_task_slot_count)
    after = current(db)
    if before == after:
        click.echo(f"{_where(db)} is at revision {after} already")
    elif before is None:
        click.echo(f"{_where(db)} is made, at revision {after}")
    else:
        click.echo(f"{_where(db)} migrated from revision {before} to {after}")


def _where(db: Database) -> str:
    return db.engine.url.render_as_string(hide_password=True)
