"""`tradewind tasks`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewind.cli.main import FAILED, Group
from tradewind.cli.output import emit, output_option, progress
from tradewind.cli.shell import (
    DagId,
    Moment,
    Shell,
    confirm,
    given_options,
    missing,
    trying_options,
)
from tradewind.errors import NotFound, UserError

if TYPE_CHECKING:
    from tradewind.actions.plan import Plan
    from tradewind.actions.reasons import Reasons
    from tradewind.model.run import Run, TaskInstance

_dag = click.argument("dag_id", type=DagId())
_task = click.argument("task_id")
_run = click.argument("run")
_map_index = click.option("--map-index", default=-1, help="Which instance of a mapped task.")


@click.group("tasks", cls=Group)
def tasks_command() -> None:
    """Clear, mark and inspect tasks, and read their logs.

    RUN is a run's id or its logical date.
    """


@tasks_command.command("list")
@_dag
@output_option
@click.pass_obj
def list_tasks(shell: Shell, dag_id: str, output: str) -> None:
    """List the tasks of a DAG, each after those it waits for."""
    spec = shell.version(dag_id).spec
    rows = [
        {
            "task_id": task.task_id,
            "operator": task.operator,
            "upstream": [spec.tasks[i].task_id for i in task.upstream],
            "trigger_rule": task.trigger_rule.value,
            "mapped": task.expand is not None,
            "pool": task.pool,
            "retries": task.retries,
        }
        for task in spec.tasks
    ]
    emit(rows, output, none=f"DAG {dag_id} has no tasks")


@tasks_command.command("states-for-dag-run")
@_dag
@_run
@output_option
@click.pass_obj
def states_for_dag_run(shell: Shell, dag_id: str, run: str, output: str) -> None:
    """List the states of a run's tasks."""
    from tradewind.store.read import tasks

    found = shell.run(dag_id, run)
    reasons = _reasons(shell)
    rows = [
        _task_row(found, ti, _why(reasons, found, ti))
        for ti in tasks.instances(shell.db, found.run_pk)
    ]
    emit(rows, output, none=f"run {found.run_id} has no task instances yet")


@tasks_command.command("state")
@_dag
@_task
@_run
@_map_index
@click.pass_obj
def state(shell: Shell, dag_id: str, task_id: str, run: str, map_index: int) -> None:
    """Print the state of a task in a run; on standard error, what holds it back."""
    found = shell.run(dag_id, run)
    ti = _instance(shell, found, task_id, map_index)
    click.echo(ti.state.value)
    for blocked in _reasons(shell).of(found, ti.in_run):
        click.echo(blocked.text, err=True)


@tasks_command.command("why")
@_dag
@_run
@_task
@_map_index
@output_option
@click.pass_obj
def why(shell: Shell, dag_id: str, run: str, task_id: str, map_index: int, output: str) -> None:
    """List what holds a task of a run back, each reason with a way out.

    A code is stable; "until" is when the reason goes away by itself, where that is known.
    """
    from tradewind.model.ids import TaskKey
    from tradewind.model.state import RunState
    from tradewind.store.read import tasks

    found = shell.run(dag_id, run)
    key, state = TaskKey(task_id, map_index), "not there yet"
    # A run that has not started may have no task instances yet.
    if found.state is not RunState.QUEUED or tasks.instances(shell.db, found.run_pk, task_id):
        state = _instance(shell, found, task_id, map_index).state.value
    rows = [
        {"code": blocked.code, "reason": blocked.text, "until": blocked.until}
        for blocked in _reasons(shell).of(found, key)
    ]
    emit(rows, output, none=f"nothing holds task {task_id!r} back: it is {state}")


@tasks_command.command("render")
@_dag
@_task
@_run
@_map_index
@click.pass_obj
def render(shell: Shell, dag_id: str, task_id: str, run: str, map_index: int) -> None:
    """Show a task's template fields as they were rendered in a run."""
    from tradewind.store.read import tasks

    ti = _instance(shell, shell.run(dag_id, run), task_id, map_index)
    fields = tasks.rendered_fields(shell.db, ti.key)
    if fields is None:
        raise NotFound(f"task {task_id!r} has rendered nothing in this run (yet)")
    click.echo(json.dumps(json.loads(fields), indent=2, ensure_ascii=False))


@tasks_command.command("logs")
@_dag
@_run
@_task
@_map_index
@click.option("--try", "try_number", type=int, help="Only this try.")
@click.option("-n", "--tail", type=click.IntRange(0), help="Only so many last lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the task ends.")
@click.pass_obj
def show_logs(
    shell: Shell,
    dag_id: str,
    run: str,
    task_id: str,
    map_index: int,
    try_number: int | None,
    tail: int | None,
    follow: bool,
) -> None:
    """Print a task's log, also while it runs."""
    from tradewind.cli.tasklogs import LogPrinter
    from tradewind.model.state import TERMINAL_STATES
    from tradewind.wire.log_archive import open_archive
    from tradewind.wire.logs import instance_folder

    found = shell.run(dag_id, run)
    _instance(shell, found, task_id, map_index)
    root = shell.config.logging.base_log_folder
    folder = instance_folder(root, dag_id, found.run_id, task_id, map_index)

    def ended() -> bool:
        return _instance(shell, found, task_id, map_index).state in TERMINAL_STATES

    archive = open_archive(shell.config, shell.clock)
    if archive is not None:
        archive.fetch(folder, try_number)
    until = ended if follow else lambda: True
    if not LogPrinter(root, folder, try_number).run(tail=tail, until=until):
        raise NotFound(f"there is no log of task {task_id!r} in this run under {folder}")


@tasks_command.command("clear")
@_dag
@click.option("-t", "--task-regex", help="Only tasks whose id matches this expression.")
@click.option("-r", "--run", "run_name", help="Only this run.")
@click.option("-s", "--start-date", type=Moment(), help="Only runs after this time.")
@click.option("-e", "--end-date", type=Moment(), help="Only runs before this time.")
@click.option("-u", "--upstream", is_flag=True, help="Also what the tasks wait for.")
@click.option("-d", "--downstream", is_flag=True, help="Also what waits for the tasks.")
@click.option("-f", "--only-failed", is_flag=True, help="Only tasks that failed.")
@click.option("--only-running", is_flag=True, help="Only tasks that are running.")
@click.option(
    "--latest-version/--run-version",
    default=None,
    help="Go on with the DAG's latest version, or with the run's; default: as the DAG says.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be cleared.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
@click.pass_obj
def clear_tasks(
    shell: Shell,
    dag_id: str,
    task_regex: str | None,
    run_name: str | None,
    start_date: datetime | None,
    end_date: datetime | None,
    upstream: bool,
    downstream: bool,
    only_failed: bool,
    only_running: bool,
    latest_version: bool | None,
    dry_run: bool,
    yes: bool,
    output: str,
) -> None:
    """Let tasks run again."""
    from tradewind.actions.clear import clear
    from tradewind.actions.plan import plan
    from tradewind.engine.plan import Selection
    from tradewind.store.read import runs

    if run_name is not None:
        found = [shell.run(dag_id, run_name)]
    else:
        shell.dag(dag_id)
        found = runs.runs(shell.db, dag_id, since=start_date, until=end_date)
    selection = Selection(
        task_ids=_tasks_matching(shell, dag_id, task_regex),
        upstream=upstream,
        downstream=downstream,
        only_failed=only_failed,
        only_running=only_running,
    )
    plans = [p for p in (plan(shell.db, run, selection) for run in found) if p.keys]
    emit(_plan_rows(plans), output, none="nothing to clear")
    if dry_run or not plans:
        return
    count = sum(len(p.keys) for p in plans)
    confirm(f"Clear {count} task instances of {len(plans)} runs?", yes=yes)
    with progress(plans, "Clearing") as each:
        for planned in each:
            clear(
                shell.db,
                shell.signal,
                shell.clock,
                planned,
                latest_version=latest_version,
                actor=shell.actor,
            )


@tasks_command.command("mark")
@_dag
@_run
@click.argument("state", type=click.Choice(["success", "failed", "skipped"]))
@click.option("-t", "--task-regex", help="Only tasks whose id matches this expression.")
@click.option("-u", "--upstream", is_flag=True, help="Also what the tasks wait for.")
@click.option("-d", "--downstream", is_flag=True, help="Also what waits for the tasks.")
@click.option("--dry-run", is_flag=True, help="Only show what would be marked.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
@click.pass_obj
def mark_tasks(
    shell: Shell,
    dag_id: str,
    run: str,
    state: str,
    task_regex: str | None,
    upstream: bool,
    downstream: bool,
    dry_run: bool,
    yes: bool,
    output: str,
) -> None:
    """Set tasks of a run to a state by hand.

    Failures below what is marked run again: what they wait for is different now.
    """
    from tradewind.actions.mark import mark
    from tradewind.actions.plan import plan_mark
    from tradewind.engine.plan import Selection
    from tradewind.model.state import TaskState

    task_ids = _tasks_matching(shell, dag_id, task_regex)
    selection = Selection(task_ids=task_ids, upstream=upstream, downstream=downstream)
    planned = plan_mark(shell.db, shell.run(dag_id, run), selection, TaskState(state))
    rows = [{**row, "action": f"mark {state}"} for row in _plan_rows([planned])]
    rows += [
        {
            "run_id": planned.run.run_id,
            "task_id": key.task_id,
            "map_index": key.map_index,
            "action": "run again",
        }
        for key in planned.resumed
    ]
    emit(rows, output, none=f"nothing to mark: all of it is {state}")
    if dry_run or not planned.keys:
        return
    confirm(f"Mark {len(planned.keys)} task instances {state}?", yes=yes)
    mark(shell.db, shell.signal, shell.clock, planned, TaskState(state), actor=shell.actor)


@tasks_command.command("test")
@_dag
@_task
@click.argument("logical_date", required=False, type=Moment())
@trying_options
@click.pass_obj
def test_task(
    shell: Shell,
    dag_id: str,
    task_id: str,
    logical_date: datetime | None,
    file: Path | None,
    variables: str | None,
    connections: str | None,
) -> None:
    """Run one task here and now, whatever it waits for, with no trace in the database.

    Variables and connections come from the environment and from files.
    """
    from tradewind.cli.trying import try_dag

    options = given_options(
        ("--task", task_id), ("--variables", variables), ("--connections", connections)
    )
    try_dag(shell, dag_id, file=file, logical_date=logical_date, options=options)


@tasks_command.command("run")
@_dag
@_task
@_run
@_map_index
@click.pass_obj
def run_task(shell: Shell, dag_id: str, task_id: str, run: str, map_index: int) -> None:
    """Run one task of an existing run once more, and print its log.

    The scheduler runs it, as it would after a clear of only this task.
    """
    from tradewind.actions.clear import clear
    from tradewind.actions.plan import plan
    from tradewind.cli.tasklogs import LogPrinter
    from tradewind.engine.plan import Selection
    from tradewind.model.state import TERMINAL_STATES, TaskState
    from tradewind.wire.logs import instance_folder

    found = shell.run(dag_id, run)
    before = _instance(shell, found, task_id, map_index)
    if before.state not in TERMINAL_STATES:
        raise UserError(f"task {task_id!r} is {before.state.value}: it has not ended yet")
    indexes = () if map_index < 0 else (map_index,)
    planned = plan(shell.db, found, Selection(task_ids=(task_id,), map_indexes=indexes))
    clear(shell.db, shell.signal, shell.clock, planned, actor=shell.actor)

    def again() -> TaskInstance:
        return _instance(shell, found, task_id, map_index)

    def ended() -> bool:
        ti = again()
        return ti.fence > before.fence and ti.state in TERMINAL_STATES

    root = shell.config.logging.base_log_folder
    folder = instance_folder(root, dag_id, found.run_id, task_id, map_index)
    LogPrinter(root, folder, before.try_number + 1).run(until=ended)
    if again().state is not TaskState.SUCCESS:
        raise click.exceptions.Exit(FAILED)


def _instance(shell: Shell, run: Run, task_id: str, map_index: int) -> TaskInstance:
    from tradewind.store.read import scheduling, tasks

    found = tasks.instances(shell.db, run.run_pk, task_id)
    for ti in found:
        if ti.map_index == map_index:
            return ti
    if found:
        indexes = ", ".join(str(ti.map_index) for ti in found[:20])
        raise NotFound(f"task {task_id!r} is mapped; name one of --map-index {indexes}")
    spec = scheduling.version(shell.db, run.version_id).spec
    known = [task.task_id for task in spec.tasks]
    if task_id in known:
        raise NotFound(f"task {task_id!r} has no instance in run {run.run_id!r} (yet)")
    where = f"tradewind tasks list {run.dag_id}"
    raise NotFound(missing(f"task in DAG {run.dag_id!r}", task_id, known, where))


def _tasks_matching(shell: Shell, dag_id: str, regex: str | None) -> tuple[str, ...]:
    if regex is None:
        return ()
    try:
        expression = re.compile(regex)
    except re.error as error:
        raise UserError(f"--task-regex is not a regular expression: {error}") from error
    known = [task.task_id for task in shell.version(dag_id).spec.tasks]
    found = tuple(task_id for task_id in known if expression.search(task_id))
    if not found:
        raise NotFound(missing(f"task in DAG {dag_id!r}", regex, known, f"tasks list {dag_id}"))
    return found


def _plan_rows(plans: Sequence[Plan]) -> list[dict[str, Any]]:
    return [
        {"run_id": plan.run.run_id, "task_id": key.task_id, "map_index": key.map_index}
        for plan in plans
        for key in plan.keys
    ]


def _reasons(shell: Shell) -> Reasons:
    from tradewind.actions.reasons import Reasons
    from tradewind.executors.capacity import configured_capacity

    return Reasons(shell.db, shell.clock.now(), configured_capacity(shell.config.core))


def _why(reasons: Reasons, run: Run, ti: TaskInstance) -> str | None:
    """Return why a task waits for a slot or a worker; the other states speak for themselves."""
    from tradewind.model.state import TaskState

    if ti.state not in {TaskState.SCHEDULED, TaskState.QUEUED}:
        return ti.reason
    return "; ".join(b.text for b in reasons.of(run, ti.in_run)) or ti.reason


def _task_row(run: Run, ti: TaskInstance, reason: str | None) -> dict[str, Any]:
    return {
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "task_id": ti.task_id,
        "map_index": ti.map_index,
        "state": ti.state.value,
        "try_number": ti.try_number,
        "start_date": ti.started_at,
        "end_date": ti.ended_at,
        "reason": reason,
    }
