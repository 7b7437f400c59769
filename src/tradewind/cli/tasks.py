"""The commands of `tradewind tasks`."""

from __future__ import annotations

from typing import Any

import click

from tradewind.cli import output as printing
from tradewind.cli.session import configuration, database
from tradewind.errors import NotFound
from tradewind.model.run import Run
from tradewind.store.connect import Database
from tradewind.store.read import runs, scheduling
from tradewind.wire import logs as task_logs


@click.group()
def tasks() -> None:
    """Look at task instances and their logs."""


@tasks.command("list")
@click.argument("dag_id")
@printing.option
def list_(dag_id: str, output: str) -> None:
    """List the tasks of DAG_ID."""
    with database() as db:
        version = scheduling.latest_version(db, dag_id)
    if version is None:
        raise NotFound(f"there is no DAG {dag_id!r}; `tradewind dags list` shows what there is")
    names = [task.task_id for task in version.spec.tasks]
    rows = [
        {
            "task_id": task.task_id,
            "operator": task.operator,
            "upstream": ", ".join(names[i] for i in task.upstream),
            "trigger_rule": task.trigger_rule.value,
        }
        for task in version.spec.tasks
    ]
    printing.show(rows, output)


@tasks.command("states-for-dag-run")
@click.argument("dag_id")
@click.argument("run_id")
@printing.option
def states_for_dag_run(dag_id: str, run_id: str, output: str) -> None:
    """List the task instances of one run with their states."""
    with database() as db:
        run = _run(db, dag_id, run_id)
        found = scheduling.run_rows(db, run.run_pk)
    instances = found.instances if found is not None else []
    rows: list[dict[str, Any]] = [
        {
            "dag_id": dag_id,
            "run_id": run_id,
            "task_id": ti.task_id,
            "map_index": ti.map_index,
            "state": ti.state.value,
            "try_number": ti.try_number,
            "start_date": ti.started_at,
            "end_date": ti.ended_at,
            "reason": ti.reason,
        }
        for ti in instances
    ]
    printing.show(rows, output)


@tasks.command()
@click.argument("dag_id")
@click.argument("run_id")
@click.argument("task_id")
@click.option("--map-index", default=-1, help="Which instance of a mapped task.")
def logs(dag_id: str, run_id: str, task_id: str, map_index: int) -> None:
    """Print the log of a task instance, all its tries."""
    root = configuration().logging.base_log_folder
    folder = task_logs.instance_folder(root, dag_id, run_id, task_id, map_index)
    found = task_logs.segments(folder)
    if not found:
        raise NotFound(f"there is no log of {task_id!r} in run {run_id!r} under {root}")
    for segment in found:
        click.echo(f"── try {segment.try_number}", err=True)
        at = 0
        while (chunk := task_logs.read(root, segment.path, at)).lines:
            at = chunk.end
            for line in chunk.lines:
                record = task_logs.parse(line)
                click.echo(f"{record.ts} {record.level:7} {record.event}")
                if record.exc is not None:
                    click.echo(record.exc)


def _run(db: Database, dag_id: str, run_id: str) -> Run:
    run = runs.run(db, dag_id, run_id)
    if run is None:
        raise NotFound(
            f"DAG {dag_id!r} has no run {run_id!r}; `tradewind dags list-runs {dag_id}` lists them"
        )
    return run
