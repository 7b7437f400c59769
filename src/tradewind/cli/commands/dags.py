"""`tradewind dags`."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewind.cli.commands.dag_upkeep import clear_command, delete_command
from tradewind.cli.main import FAILED, Group
from tradewind.cli.output import emit, emit_one, output_option
from tradewind.cli.shell import (
    DagId,
    Moment,
    Shell,
    conf_of,
    confirm,
    given_options,
    trying_options,
)
from tradewind.errors import UserError

if TYPE_CHECKING:
    from tradewind.model.run import Run
    from tradewind.store.read.dags import DagRow

_dag = click.argument("dag_id", type=DagId())


@click.group("dags", cls=Group)
def dags_command() -> None:
    """List, trigger, pause, backfill and inspect DAGs."""


dags_command.add_command(clear_command)
dags_command.add_command(delete_command)


# ---- lists ------------------------------------------------------------------------------


@dags_command.command("list")
@click.argument("pattern", required=False)
@click.option("--paused/--not-paused", default=None, help="Only those that are (not) paused.")
@click.option("--all", "everything", is_flag=True, help="Also DAGs whose file is gone.")
@output_option
@click.pass_obj
def list_dags(
    shell: Shell, pattern: str | None, paused: bool | None, everything: bool, output: str
) -> None:
    """List the DAGs; with PATTERN those whose id contains it."""
    from tradewind.schedule import describe
    from tradewind.store.read import dags

    found = dags.dags(shell.db, active=None if everything else True, paused=paused, pattern=pattern)
    rows = [
        {
            "dag_id": dag.dag_id,
            "schedule": describe(dag.schedule),
            "next_run": None if dag.paused else dag.next_due,
            "is_paused": dag.paused,
            "owners": dag.owners,
            "tags": dag.tags,
            "fileloc": dag.dag_file,
        }
        for dag in found
    ]
    if output == "table":
        # The file and the owners would not fit beside the rest on a narrow terminal.
        rows = [{k: v for k, v in row.items() if k not in {"fileloc", "owners"}} for row in rows]
    emit(rows, output, none=f"no DAGs; the DAG folder is {shell.config.core.dags_folder}")


@dags_command.command("list-import-errors")
@output_option
@click.pass_obj
def list_import_errors(shell: Shell, output: str) -> None:
    """List DAG files that do not import; fails when there are any."""
    from tradewind.store.read import dags

    broken = dags.files(shell.db, broken=True)
    rows = [
        {
            "filepath": file.path,
            "since": file.failed_at,
            "error": (file.import_error or "").rstrip(),
        }
        for file in broken
    ]
    emit(rows, output, none="every DAG file imports")
    if broken:
        raise click.exceptions.Exit(FAILED)


@dags_command.command("report")
@output_option
@click.pass_obj
def report(shell: Shell, output: str) -> None:
    """List the DAG files with what they define and how long they took to import."""
    from tradewind.store.read import dags

    found = sorted(dags.files(shell.db), key=lambda f: -f.parse_duration_s)
    rows = [
        {
            "file": file.path,
            "duration_s": file.parse_duration_s,
            "dag_num": len(file.dag_ids),
            "dags": file.dag_ids,
            "parsed_at": file.parsed_at,
            "warnings": file.warnings,
            "import_error": bool(file.import_error),
        }
        for file in found
    ]
    emit(rows, output, none="no DAG files yet")


@dags_command.command("list-runs")
@_dag
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["queued", "running", "success", "failed"]),
    help="Only runs in this state; may be given several times.",
)
@click.option("-s", "--start-date", type=Moment(), help="Only runs after this time.")
@click.option("-e", "--end-date", type=Moment(), help="Only runs before this time.")
@click.option("--no-backfill", is_flag=True, help="Leave the runs of backfills out.")
@click.option("-n", "--limit", default=100, show_default=True, help="At most so many.")
@output_option
@click.pass_obj
def list_runs(
    shell: Shell,
    dag_id: str,
    states: tuple[str, ...],
    start_date: datetime | None,
    end_date: datetime | None,
    no_backfill: bool,
    limit: int,
    output: str,
) -> None:
    """List a DAG's runs, the latest first."""
    from tradewind.model.state import RunState, RunType
    from tradewind.store.read import runs

    shell.dag(dag_id)
    found = runs.runs(
        shell.db,
        dag_id,
        states=[RunState(state) for state in states],
        run_types=[t for t in RunType if t is not RunType.BACKFILL] if no_backfill else (),
        since=start_date,
        until=end_date,
        limit=limit,
    )
    emit([run_row(run) for run in found], output, none=f"DAG {dag_id} has no such runs")


# ---- one DAG ------------------------------------------------------------------------------


@dags_command.command("details")
@_dag
@output_option
@click.pass_obj
def details(shell: Shell, dag_id: str, output: str) -> None:
    """Show everything that is known about a DAG."""
    from tradewind.schedule import describe

    dag, version = shell.dag(dag_id), shell.version(dag_id)
    spec = version.spec
    emit_one(
        {
            "dag_id": dag_id,
            "description": dag.description,
            "fileloc": dag.dag_file,
            "is_active": dag.active,
            "is_paused": dag.paused,
            "schedule": describe(dag.schedule),
            "timezone": dag.timezone,
            "start_date": dag.start_date,
            "end_date": dag.end_date,
            "catchup": dag.catchup,
            "next_run": dag.next_due,
            "version": dag.version_number,
            "tasks": len(spec.tasks),
            "task_groups": len(spec.groups),
            "params": {name: param.default for name, param in spec.params.items()},
            "max_active_runs": dag.max_active_runs,
            "max_active_tasks": dag.max_active_tasks,
            "dagrun_timeout_s": spec.dagrun_timeout_s,
            "owners": dag.owners,
            "tags": dag.tags,
            "last_parsed": dag.last_parsed_at,
            "parse_duration_s": dag.parse_duration_s,
        },
        output,
    )


@dags_command.command("state")
@_dag
@click.argument("run")
@click.pass_obj
def state(shell: Shell, dag_id: str, run: str) -> None:
    """Print the state of a run, named by its id or logical date."""
    click.echo(shell.run(dag_id, run).state.value)


@dags_command.command("next-execution")
@_dag
@click.option("-n", "--num-executions", default=1, show_default=True, help="How many.")
@output_option
@click.pass_obj
def next_execution(shell: Shell, dag_id: str, num_executions: int, output: str) -> None:
    """Show when the DAG runs next."""
    from tradewind.model.schedule import Custom
    from tradewind.schedule import LastRun, Window, upcoming

    dag = shell.dag(dag_id)
    if isinstance(dag.schedule, Custom):
        times: list[dict[str, Any]] = [{"run_after": dag.next_due}] if dag.next_due else []
    else:
        window = Window(start_date=dag.start_date, end_date=dag.end_date, catchup=dag.catchup)
        last = None
        if dag.last_run_after is not None:
            last = LastRun(
                logical_date=dag.last_logical,
                interval_start=dag.last_interval_start,
                interval_end=dag.last_interval_end,
                run_after=dag.last_run_after,
            )
        times = [
            {
                "run_after": due.run_after,
                "logical_date": due.logical_date,
                "data_interval_start": due.interval_start,
                "data_interval_end": due.interval_end,
            }
            for due in upcoming(dag.schedule, window, last, shell.clock.now(), num_executions)
        ]
    if dag.paused:
        click.echo(f"DAG {dag_id} is paused: it will not run", err=True)
    emit(times, output, none=f"DAG {dag_id} has no time to run at")


@dags_command.command("show")
@_dag
@click.option("--mermaid", is_flag=True, help="As a Mermaid flowchart.")
@click.option("--dot", is_flag=True, help="As a Graphviz graph.")
@click.pass_obj
def show(shell: Shell, dag_id: str, mermaid: bool, dot: bool) -> None:
    """Draw the DAG's tasks and how they depend on each other."""
    from tradewind.cli import drawing

    spec = shell.version(dag_id).spec
    if mermaid:
        click.echo(drawing.mermaid(spec))
    elif dot:
        click.echo(drawing.dot(spec))
    else:
        click.echo(drawing.tree(spec))


# ---- changes ------------------------------------------------------------------------------


@dags_command.command("test")
@_dag
@click.argument("logical_date", required=False, type=Moment())
@click.option("-c", "--conf", help="Configuration of the run, as a JSON object.")
@click.option("--mark-success-pattern", help="Tasks that succeed without running.")
@trying_options
@click.pass_obj
def test_dag(
    shell: Shell,
    dag_id: str,
    logical_date: datetime | None,
    conf: str | None,
    mark_success_pattern: str | None,
    file: Path | None,
    variables: str | None,
    connections: str | None,
) -> None:
    """Run a DAG here and now, with no server and no trace in the database.

    Variables and connections come from the environment and from files.
    """
    from tradewind.cli.trying import try_dag

    options = given_options(
        ("--conf", conf),
        ("--mark-success", mark_success_pattern),
        ("--variables", variables),
        ("--connections", connections),
    )
    try_dag(shell, dag_id, file=file, logical_date=logical_date, options=options)


@dags_command.command("trigger")
@_dag
@click.option("-r", "--run-id", help="Id of the run; made from the time if not given.")
@click.option("-c", "--conf", help="Configuration of the run, as a JSON object.")
@click.option("-l", "--logical-date", type=Moment(), help="Logical date of the run.")
@click.option("--note", help="A note to keep with the run.")
@click.option("--wait", is_flag=True, help="Wait for the end; fails when the run fails.")
@output_option
@click.pass_obj
def trigger_dag(
    shell: Shell,
    dag_id: str,
    run_id: str | None,
    conf: str | None,
    logical_date: datetime | None,
    note: str | None,
    wait: bool,
    output: str,
) -> None:
    """Start a run of a DAG."""
    from tradewind.actions.trigger import trigger
    from tradewind.cli.waiting import wait_for_run

    dag = shell.dag(dag_id)
    run = trigger(
        shell.db,
        shell.signal,
        shell.clock,
        dag_id,
        run_id=run_id,
        conf=conf_of(conf),
        logical_date=logical_date,
        note=note,
        user=shell.actor,
    )
    if dag.paused:
        click.echo(f"DAG {dag_id} is paused; `tradewind dags unpause {dag_id}`", err=True)
    if wait:
        run = wait_for_run(shell, run)
    emit([run_row(run)], output)
    if wait and run.state.value == "failed":
        raise click.exceptions.Exit(FAILED)


@dags_command.command("mark")
@_dag
@click.argument("run")
@click.argument("state", type=click.Choice(["success", "failed", "queued"]))
@click.option("--dry-run", is_flag=True, help="Only show the run that would be marked.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
@click.pass_obj
def mark_run(
    shell: Shell, dag_id: str, run: str, state: str, dry_run: bool, yes: bool, output: str
) -> None:
    """Set a run to a state by hand; its tasks that still run are stopped."""
    from tradewind.actions import mark
    from tradewind.model.state import RunState

    found = shell.run(dag_id, run)
    emit([{**run_row(found), "action": f"mark {state}"}], output)
    if dry_run:
        return
    confirm(f"Mark run {found.run_id} {state}?", yes=yes)
    wanted = RunState(state)
    mark.mark_run(shell.db, shell.signal, shell.clock, found, wanted, actor=shell.actor)


@dags_command.command("pause")
@click.argument("dag_ids", nargs=-1, required=True, type=DagId())
@click.option("--treat-dag-id-as-regex", is_flag=True, help="The ids are regular expressions.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
@click.pass_obj
def pause_dags(
    shell: Shell, dag_ids: tuple[str, ...], treat_dag_id_as_regex: bool, yes: bool, output: str
) -> None:
    """Pause DAGs: no scheduled run starts any more."""
    _set_paused(shell, dag_ids, treat_dag_id_as_regex, yes, output, paused=True)


@dags_command.command("unpause")
@click.argument("dag_ids", nargs=-1, required=True, type=DagId())
@click.option("--treat-dag-id-as-regex", is_flag=True, help="The ids are regular expressions.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
@click.pass_obj
def unpause_dags(
    shell: Shell, dag_ids: tuple[str, ...], treat_dag_id_as_regex: bool, yes: bool, output: str
) -> None:
    """Let paused DAGs run again."""
    _set_paused(shell, dag_ids, treat_dag_id_as_regex, yes, output, paused=False)


@dags_command.command("backfill")
@_dag
@click.option("-s", "--from-date", type=Moment(), required=True, help="First logical date.")
@click.option("-e", "--to-date", type=Moment(), required=True, help="Last logical date.")
@click.option("-c", "--dag-run-conf", help="Configuration of the runs, as a JSON object.")
@click.option("--max-active-runs", default=10, show_default=True, help="Runs at the same time.")
@click.option(
    "--reprocess-behavior",
    type=click.Choice(["none", "failed", "completed"]),
    default="none",
    show_default=True,
    help="Which existing runs of these dates run again.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@output_option
@click.pass_obj
def backfill_dag(
    shell: Shell,
    dag_id: str,
    from_date: datetime,
    to_date: datetime,
    dag_run_conf: str | None,
    max_active_runs: int,
    reprocess_behavior: Any,
    dry_run: bool,
    output: str,
) -> None:
    """Create the runs that the DAG's schedule has between two dates."""
    from tradewind.actions.backfill import backfill, plan_backfill

    shell.dag(dag_id)
    plan = plan_backfill(
        shell.db, shell.clock, dag_id, from_date, to_date, reprocess=reprocess_behavior
    )
    if not dry_run:
        plan = backfill(
            shell.db,
            shell.signal,
            shell.clock,
            plan,
            conf=conf_of(dag_run_conf),
            max_active_runs=max_active_runs,
            reprocess=reprocess_behavior,
            actor=shell.actor,
        )
    rows = [{"logical_date": due.logical_date, "action": "create"} for due in plan.create]
    rows += [{"logical_date": run.logical_date, "action": "run again"} for run in plan.again]
    rows += [{"logical_date": run.logical_date, "action": "keep"} for run in plan.kept]
    emit(sorted(rows, key=lambda r: str(r["logical_date"])), output, none="no dates in this span")


# ---- shared -------------------------------------------------------------------------------


def run_row(run: Run) -> dict[str, Any]:
    """Return a run for people and programs."""
    return {
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "state": run.state.value,
        "run_type": run.run_type.value,
        "logical_date": run.logical_date,
        "run_after": run.run_after,
        "start_date": run.started_at,
        "end_date": run.ended_at,
    }


def _set_paused(
    shell: Shell, names: tuple[str, ...], regex: bool, yes: bool, output: str, *, paused: bool
) -> None:
    from tradewind.actions.pause import pause

    found = _matching(shell, names) if regex else [shell.dag(name) for name in names]
    verb = "Pause" if paused else "Unpause"
    if regex:
        confirm(f"{verb} {', '.join(dag.dag_id for dag in found)}?", yes=yes)
    for dag in found:
        pause(shell.db, shell.signal, shell.clock, dag.dag_id, paused=paused)
    emit([{"dag_id": dag.dag_id, "is_paused": paused} for dag in found], output)


def _matching(shell: Shell, patterns: tuple[str, ...]) -> list[DagRow]:
    from tradewind.store.read import dags

    try:
        expressions = [re.compile(pattern) for pattern in patterns]
    except re.error as error:
        raise UserError(f"not a regular expression: {error}") from error
    found = [d for d in dags.dags(shell.db) if any(e.fullmatch(d.dag_id) for e in expressions)]
    if not found:
        raise UserError(f"no DAG matches {' or '.join(patterns)}")
    return found
