"""`tradewind assets`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tradewind.cli.main import Group
from tradewind.cli.output import emit, emit_one, output_option
from tradewind.cli.shell import Shell, conf_of, missing
from tradewind.errors import NotFound, UserError

if TYPE_CHECKING:
    from tradewind.store.read.asset_list import AssetRow

_MOST = 10_000
"""Assets that are listed or searched."""


@click.group("assets", cls=Group)
def assets_command() -> None:
    """List assets and who makes and uses them, and make one."""


@assets_command.command("list")
@output_option
@click.pass_obj
def list_assets(shell: Shell, output: str) -> None:
    """List the assets that DAGs name."""
    rows = [
        {
            "name": asset.name,
            "uri": asset.uri,
            "group": asset.group,
            "made_by": _dags(asset, "outlet"),
            "used_by": _dags(asset, "schedule"),
            "last_event": asset.last_event_at,
        }
        for asset in _all(shell)
    ]
    emit(rows, output, none="no assets")


@assets_command.command("details")
@click.argument("name", required=False)
@click.option("--uri", help="Find it by its URI.")
@output_option
@click.pass_obj
def details(shell: Shell, name: str | None, uri: str | None, output: str) -> None:
    """Show an asset, named by its name or its URI."""
    asset = _one(shell, name, uri)
    emit_one(
        {
            "name": asset.name,
            "uri": asset.uri,
            "group": asset.group,
            "extra": asset.extra,
            "made_by": _dags(asset, "outlet"),
            "read_by": _dags(asset, "inlet"),
            "used_by": _dags(asset, "schedule"),
            "last_event": asset.last_event_at,
        },
        output,
    )


@assets_command.command("materialize")
@click.argument("name", required=False)
@click.option("--uri", help="Find it by its URI.")
@click.option("-c", "--conf", help="Configuration of the run, as a JSON object.")
@click.option("--note", help="A note to keep with the run.")
@output_option
@click.pass_obj
def materialize(
    shell: Shell, name: str | None, uri: str | None, conf: str | None, note: str | None, output: str
) -> None:
    """Start a run of the DAG that makes an asset."""
    from tradewind.actions.asset_news import maker_of
    from tradewind.actions.trigger import trigger
    from tradewind.cli.commands.dags import run_row

    run = trigger(
        shell.db,
        shell.signal,
        shell.clock,
        maker_of(_one(shell, name, uri)),
        conf=conf_of(conf),
        note=note,
        user=shell.actor,
    )
    emit([run_row(run)], output)


def _all(shell: Shell) -> list[AssetRow]:
    from tradewind.store.read.asset_list import AssetFilter, find
    from tradewind.store.read.paging import Slice

    found, _ = find(shell.db, AssetFilter(), Slice(limit=_MOST, order_by=("name",)), None)
    return found


def _one(shell: Shell, name: str | None, uri: str | None) -> AssetRow:
    if (name is None) == (uri is None):
        raise UserError("name the asset, or give its --uri")
    known = _all(shell)
    for asset in known:
        if uri == asset.uri if uri is not None else name == asset.name:
            return asset
    names = [asset.uri if uri is not None else asset.name for asset in known]
    raise NotFound(missing("asset", uri or name or "", names, "tradewind assets list"))


def _dags(asset: AssetRow, role: str) -> list[str]:
    return sorted({reference.dag_id for reference in asset.references if reference.role == role})
