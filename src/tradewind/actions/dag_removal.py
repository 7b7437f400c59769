"""Remove runs and DAGs with their history."""

from __future__ import annotations

from tradewind.errors import Conflict
from tradewind.model.ids import TiKey
from tradewind.model.run import Run
from tradewind.model.state import TERMINAL_RUN_STATES
from tradewind.store import cleaning
from tradewind.store.connect import Database
from tradewind.store.read import dags, runs

_BATCH = 200


def remove_run(db: Database, run: Run) -> None:
    """Remove a run that has ended.

    Raises:
        Conflict: it is queued or running.
    """
    if run.state not in TERMINAL_RUN_STATES or not cleaning.remove_run(db, run.run_pk):
        raise Conflict(
            f"run {run.run_id!r} of DAG {run.dag_id!r} is {run.state}; let it end, or mark it "
            "failed, before it is deleted"
        )


def remove_task(db: Database, run: Run, ti: TiKey) -> None:
    """Remove a task instance of a run that has ended.

    Raises:
        Conflict: the run is queued or running, or somebody removed it first.
    """
    if run.state not in TERMINAL_RUN_STATES or not cleaning.remove_task(db, ti):
        raise Conflict(
            f"run {run.run_id!r} of DAG {run.dag_id!r} is {run.state}; let it end, or mark it "
            f"failed, before its task {ti.task_id!r} is deleted"
        )


def remove_dag(db: Database, dag_id: str) -> None:
    """Remove a DAG's runs, and the DAG itself unless a file still defines it.

    Raises:
        Conflict: a run is queued or running; nothing was removed.
    """
    live = runs.live_count(db, dag_id)
    if live:
        raise Conflict(
            f"DAG {dag_id!r} has {live} runs that are queued or running; let them end, or mark "
            "them failed, before it is deleted"
        )
    while batch := runs.runs(db, dag_id, limit=_BATCH):
        for run in batch:
            remove_run(db, run)
    found = dags.dag(db, dag_id)
    if found is not None and not found.active:
        cleaning.remove_dag_rows(db, dag_id)
