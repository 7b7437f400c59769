"""`tradewind dags clear` and `dags delete`: whole runs again, and a DAG's history away."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from tradewind.cli.output import emit, output_option, progress
from tradewind.cli.shell import DagId, Moment, Shell, confirm
from tradewind.errors import UserError

if TYPE_CHECKING:
    from tradewind.model.run import Run


@click.command("clear")
@click.argument("dag_id", type=DagId())
@click.option("-r", "--run-id", "run_names", multiple=True, help="This run; several are allowed.")
@click.option("-s", "--start-date", type=Moment(), help="Runs after this time.")
@click.option("-e", "--end-date", type=Moment(), help="Runs before this time.")
@click.option("-f", "--only-failed", is_flag=True, help="Only runs that failed, and what failed.")
@click.option("--dry-run", is_flag=True, help="Only show the runs.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
@click.pass_obj
def clear_command(
    shell: Shell,
    dag_id: str,
    run_names: tuple[str, ...],
    start_date: datetime | None,
    end_date: datetime | None,
    only_failed: bool,
    dry_run: bool,
    yes: bool,
    output: str,
) -> None:
    """Let whole runs of a DAG run again; `tasks clear` chooses among their tasks."""
    from tradewind.actions.clear import clear
    from tradewind.actions.plan import plan
    from tradewind.engine.plan import Selection

    found = _runs(shell, dag_id, run_names, start_date, end_date)
    if only_failed:
        found = [run for run in found if run.state.value == "failed"]
    selection = Selection(only_failed=only_failed)
    plans = [p for p in (plan(shell.db, run, selection) for run in found) if p.keys]
    rows = [{"run_id": p.run.run_id, "state": p.run.state, "tasks": len(p.keys)} for p in plans]
    emit(rows, output, none="nothing to clear")
    if dry_run or not plans:
        return
    confirm(f"Clear {len(plans)} runs of DAG {dag_id}?", yes=yes)
    with progress(plans, "Clearing") as each:
        for planned in each:
            clear(shell.db, shell.signal, shell.clock, planned, actor=shell.actor)


@click.command("delete")
@click.argument("dag_id", type=DagId())
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete_command(shell: Shell, dag_id: str, yes: bool) -> None:
    """Delete a DAG's history, and the DAG itself unless a file still defines it."""
    from tradewind.actions.dag_removal import remove_dag

    shell.dag(dag_id)
    confirm(f"Delete every run of DAG {dag_id}, with all that belongs to them?", yes=yes)
    remove_dag(shell.db, dag_id)
    click.echo(f"the history of DAG {dag_id} is deleted", err=True)


def _runs(
    shell: Shell,
    dag_id: str,
    names: tuple[str, ...],
    start_date: datetime | None,
    end_date: datetime | None,
) -> list[Run]:
    from tradewind.store.read import runs

    if names:
        return [shell.run(dag_id, name) for name in names]
    shell.dag(dag_id)
    if start_date is None and end_date is None:
        raise UserError("which runs? name them with --run-id, or give --start-date or --end-date")
    return runs.runs(shell.db, dag_id, since=start_date, until=end_date)
