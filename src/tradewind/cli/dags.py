"""The commands of `tradewind dags`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from tradewind.actions.pause import pause
from tradewind.actions.trigger import trigger as trigger_run
from tradewind.cli import output as printing
from tradewind.cli.session import database
from tradewind.clock import SystemClock
from tradewind.errors import NotFound, UserError
from tradewind.model.run import Run
from tradewind.store.read import dags as dag_rows
from tradewind.store.read import overview, scheduling
from tradewind.store.read import runs as run_rows
from tradewind.store.signal import Signal


@click.group()
def dags() -> None:
    """List, trigger and look at DAGs."""


@dags.command("list")
@printing.option
def list_(output: str) -> None:
    """List the DAGs with their latest runs."""
    with database() as db:
        rows = [msgspec.to_builtins(line) for line in overview.dags(db)]
    if output == "table":
        # The file and the owners would not fit beside the rest on a narrow terminal.
        rows = [{k: v for k, v in r.items() if k not in {"dag_file", "owners"}} for r in rows]
    _show(rows, output)


@dags.command()
@click.argument("dag_id")
@click.option("-r", "--run-id", help="The run's id; by default one is made.")
@click.option("-c", "--conf", default="{}", help="JSON object for the run.")
@click.option("-l", "--logical-date", type=click.DateTime(), help="In UTC.")
@printing.option
def trigger(
    dag_id: str, run_id: str | None, conf: str, logical_date: datetime | None, output: str
) -> None:
    """Create a run of DAG_ID."""
    try:
        settings = json.loads(conf)
    except ValueError as error:
        raise UserError(f"--conf is not JSON: {error}") from error
    if not isinstance(settings, dict):
        raise UserError('--conf must be a JSON object, like \'{"day": "2026-03-01"}\'')
    with database() as db:
        run = trigger_run(
            db,
            Signal(db),
            SystemClock(),
            dag_id,
            run_id=run_id,
            conf=settings,
            logical_date=_utc(logical_date),
        )
    _show([_run(run)], output)


@dags.command("list-runs")
@click.argument("dag_id")
@click.option("--limit", default=50, show_default=True, help="Most runs to list.")
@printing.option
def list_runs(dag_id: str, limit: int, output: str) -> None:
    """List DAG_ID's latest runs, newest first."""
    with database() as db:
        _must_exist(db, dag_id)
        rows = [_run(run) for run in run_rows.runs(db, dag_id, limit=limit)]
    _show(rows, output)


@dags.command("pause")
@click.argument("dag_id")
def pause_(dag_id: str) -> None:
    """Create no more runs of DAG_ID by schedule."""
    _set_paused(dag_id, paused=True)


@dags.command()
@click.argument("dag_id")
def unpause(dag_id: str) -> None:
    """Let DAG_ID's schedule create runs."""
    _set_paused(dag_id, paused=False)


@dags.command("list-import-errors")
@printing.option
def list_import_errors(output: str) -> None:
    """List DAG files that could not be imported."""
    with database() as db:
        rows = [
            {"file": file.path, "error": file.import_error}
            for file in dag_rows.files(db, broken=True)
        ]
    _show(rows, output)


def _set_paused(dag_id: str, *, paused: bool) -> None:
    with database() as db:
        pause(db, Signal(db), SystemClock(), dag_id, paused=paused)
    click.echo(f"{dag_id} is {'paused' if paused else 'active'}")


def _must_exist(db: Any, dag_id: str) -> None:
    if scheduling.calendar(db, dag_id) is None:
        known = ", ".join(line.dag_id for line in overview.dags(db)[:10])
        raise NotFound(f"there is no DAG {dag_id!r}; there are: {known or 'none'}")


def _run(run: Run) -> dict[str, Any]:
    return {
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "state": run.state.value,
        "run_after": run.run_after,
        "logical_date": run.logical_date,
        "start_date": run.started_at,
        "end_date": run.ended_at,
    }


def _utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.replace(tzinfo=UTC)


def _show(rows: list[dict[str, Any]], form: str) -> None:
    printing.show(rows, form)
