"""`tradewind pools`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from tradewind.cli.main import Group
from tradewind.cli.output import emit, emit_one, output_option
from tradewind.cli.shell import Shell, missing
from tradewind.cli.transfer import read_file, write_file
from tradewind.errors import NotFound, UserError

if TYPE_CHECKING:
    from tradewind.model.run import Pool


@click.group("pools", cls=Group)
def pools_command() -> None:
    """Limit how many tasks use something at once."""


@pools_command.command("list")
@output_option
@click.pass_obj
def list_pools(shell: Shell, output: str) -> None:
    """List the pools."""
    from tradewind.store.pools import all_pools

    emit([_row(pool) for pool in all_pools(shell.db)], output)


@pools_command.command("get")
@click.argument("pool")
@output_option
@click.pass_obj
def get_pool(shell: Shell, pool: str, output: str) -> None:
    """Show a pool."""
    from tradewind.store.pools import all_pools

    found = {p.name: p for p in all_pools(shell.db)}
    if pool not in found:
        raise NotFound(missing("pool", pool, found, "tradewind pools list"))
    emit_one(_row(found[pool]), output)


@pools_command.command("set")
@click.argument("pool")
@click.argument("slots", type=click.IntRange(min=-1))
@click.argument("description", default="")
@click.option("--include-deferred", is_flag=True, help="Deferred tasks hold their slots.")
@click.pass_obj
def set_pool_command(
    shell: Shell, pool: str, slots: int, description: str, include_deferred: bool
) -> None:
    """Make or change a pool; -1 slots are any number."""
    from tradewind.model.run import Pool

    changed = Pool(
        name=pool, slots=slots, description=description, include_deferred=include_deferred
    )
    _set(shell, [changed])
    click.echo(f"pool {pool} has {slots} slots", err=True)


@pools_command.command("delete")
@click.argument("pool")
@click.pass_obj
def delete_pool_command(shell: Shell, pool: str) -> None:
    """Delete a pool. Tasks that name it wait until there is one again."""
    from tradewind.store import inbox
    from tradewind.store.pools import all_pools, delete_pool

    known = [p.name for p in all_pools(shell.db)]
    if pool not in known:
        raise NotFound(missing("pool", pool, known, "tradewind pools list"))
    with shell.db.write() as conn:
        delete_pool(conn, pool)
        inbox.append(conn, "pools_changed", None, {}, shell.clock.now())
    shell.signal.ring()
    click.echo(f"pool {pool} is deleted", err=True)


@pools_command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.pass_obj
def import_pools(shell: Shell, file: str) -> None:
    """Make or change pools from a JSON or YAML file: {name: {slots, description, …}}."""
    from tradewind.model.run import Pool

    found = []
    for name, fields in read_file(file).items():
        try:
            found.append(msgspec.convert({**fields, "name": name}, Pool))
        except (msgspec.ValidationError, TypeError) as error:
            raise UserError(f"pool {name!r} in {file}: {error}") from error
    _set(shell, found)
    click.echo(f"{len(found)} pools imported", err=True)


@pools_command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.pass_obj
def export_pools(shell: Shell, file: str) -> None:
    """Write all pools to a JSON or YAML file."""
    from tradewind.store.pools import all_pools

    rows = {pool.name: _row(pool) for pool in all_pools(shell.db)}
    for row in rows.values():
        del row["pool"]
    write_file(file, rows)
    click.echo(f"{len(rows)} pools exported", err=True)


def _set(shell: Shell, pools: list[Pool]) -> None:
    from tradewind.store import inbox
    from tradewind.store.pools import set_pool

    with shell.db.write() as conn:
        for pool in pools:
            set_pool(conn, pool)
        inbox.append(conn, "pools_changed", None, {}, shell.clock.now())
    shell.signal.ring()


def _row(pool: Pool) -> dict[str, Any]:
    return {
        "pool": pool.name,
        "slots": pool.slots,
        "description": pool.description,
        "include_deferred": pool.include_deferred,
    }
