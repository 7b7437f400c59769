"""The commands of `tradewind pools`."""

from __future__ import annotations

import click
import msgspec

from tradewind.cli import output as printing
from tradewind.cli.session import database
from tradewind.clock import SystemClock
from tradewind.model.run import Pool
from tradewind.store import inbox
from tradewind.store import pools as rows
from tradewind.store.signal import Signal


@click.group()
def pools() -> None:
    """List and change pools."""


@pools.command("list")
@printing.option
def list_(output: str) -> None:
    """List the pools."""
    with database() as db:
        printing.show([msgspec.to_builtins(pool) for pool in rows.all_pools(db)], output)


@pools.command("set")
@click.argument("name")
@click.argument("slots", type=int)
@click.argument("description", default="")
@click.option("--include-deferred", is_flag=True, help="Deferred tasks hold their slots.")
def set_(name: str, slots: int, description: str, include_deferred: bool) -> None:
    """Make or change a pool; SLOTS below 0 is unlimited."""
    pool = Pool(name=name, slots=slots, description=description, include_deferred=include_deferred)
    with database() as db:
        with db.write() as conn:
            rows.set_pool(conn, pool)
            inbox.append(conn, "pools_changed", None, {}, SystemClock().now())
        Signal(db).ring()
    click.echo(f"pool {name} has {slots} slots")


@pools.command()
@click.argument("name")
def delete(name: str) -> None:
    """Remove a pool."""
    with database() as db:
        with db.write() as conn:
            rows.delete_pool(conn, name)
            inbox.append(conn, "pools_changed", None, {}, SystemClock().now())
        Signal(db).ring()
    click.echo(f"pool {name} is gone")
