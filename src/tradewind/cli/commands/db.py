"""`tradewind db`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tradewind.cli.main import FAILED, Group
from tradewind.cli.output import emit, output_option
from tradewind.cli.shell import Moment, Shell, confirm
from tradewind.errors import UserError

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
@click.option("--deep", is_flag=True, help="Also look for rows that do not fit together.")
@click.pass_obj
def check_command(shell: Shell, deep: bool) -> None:
    """Fail unless the database can be reached and has this version's schema."""
    from tradewind.store.checking import faults
    from tradewind.store.migrate import current

    # `shell.db` has checked the schema.
    click.echo(f"{_where(shell.db)} is reachable and at revision {current(shell.db)}")
    found = faults(shell.db) if deep else []
    for fault in found:
        click.echo(f"{click.style('fault:', fg='red')} {fault}", err=True)
    if found:
        raise click.exceptions.Exit(FAILED)


@db_command.command("shell")
@click.pass_obj
def shell_command(shell: Shell) -> None:
    """Open the database's own command line, sqlite3 or psql."""
    url = shell.db.engine.url
    if shell.db.sqlite_path is not None:
        program, command = "sqlite3", [str(shell.db.sqlite_path)]
    else:
        program, command = (
            "psql",
            [url.set(drivername="postgresql", password=None).render_as_string()],
        )
    found = shutil.which(program, path=shell.env.get("PATH"))
    if found is None:
        raise UserError(f"{program} is not installed here; it is what `db shell` starts")
    env = {**shell.env, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    code = subprocess.run([found, *command], env=env, check=False).returncode
    if code:
        raise click.exceptions.Exit(code)


@db_command.command("clean")
@click.option(
    "--clean-before-timestamp", "before", type=Moment(), required=True, help="What ended before."
)
@click.option("--all", "everything", is_flag=True, help="Also the latest run of each DAG.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
@click.pass_obj
def clean_command(
    shell: Shell, before: datetime, everything: bool, dry_run: bool, yes: bool, output: str
) -> None:
    """Delete runs that ended before a time, with all that belongs to them."""
    from tradewind.store.cleaning import clean

    if not dry_run:
        confirm(f"Delete everything that ended before {before.isoformat()}?", yes=yes)
    removed = clean(shell.db, before, keep_latest=not everything, dry_run=dry_run, progress=_tell())
    rows = [{"table": str(name), "rows": count} for name, count in sorted(removed.items())]
    emit(rows, output, none="nothing is that old")


@db_command.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@output_option
@click.pass_obj
def export_command(shell: Shell, folder: Path, output: str) -> None:
    """Write every table to a new folder, as of one moment; secrets stay encrypted."""
    from tradewind.store.export import export

    counts = export(shell.db, folder, _tell())
    emit([{"table": str(name), "rows": count} for name, count in counts.items()], output)


@db_command.command("rotate-keys")
@click.pass_obj
def rotate_command(shell: Shell) -> None:
    """Encrypt variables and connections again, with the first encryption key."""
    count = shell.secrets.rotate()
    click.echo(f"{count} values encrypted with the first key; older keys can go now", err=True)


def _migrate(shell: Shell) -> None:
    from tradewind.store.connect import open_database
    from tradewind.store.migrate import current, migrate
    from tradewind.store.secrets import configured_keys

    config = shell.config
    configured_keys(config)
    db = open_database(config.database.sql_alchemy_conn)
    before = migrate(db, config.core.default_pool_task_slot_count)
    after = current(db)
    if before == after:
        click.echo(f"{_where(db)} is at revision {after} already")
    elif before is None:
        click.echo(f"{_where(db)} is made, at revision {after}")
    else:
        click.echo(f"{_where(db)} migrated from revision {before} to {after}")


def _tell() -> Callable[[str, int], None] | None:
    """Return what shows progress on a terminal; nothing is shown to programs."""
    if not sys.stderr.isatty():
        return None

    def tell(table: str, rows: int) -> None:
        click.echo(f"\r{table}: {rows} rows".ljust(60), nl=False, err=True)

    return tell


def _where(db: Database) -> str:
    return db.engine.url.render_as_string(hide_password=True)
