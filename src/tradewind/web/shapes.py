"""Values as the REST API shows them: Airflow's names."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tradewind.model.run import Run, TaskInstance
from tradewind.model.state import TaskState
from tradewind.schedule import describe
from tradewind.store.read.dags import DagRow, FileRow


def dag_shape(dag: DagRow) -> dict[str, Any]:
    """Return a DAG."""
    return {
        "dag_id": dag.dag_id,
        "dag_display_name": dag.display_name or dag.dag_id,
        "is_paused": dag.paused,
        "is_stale": not dag.active,
        "description": dag.description,
        "fileloc": dag.dag_file,
        "relative_fileloc": dag.dag_file,
        "owners": [owner for owner in dag.owners.split(", ") if owner],
        "tags": [{"name": tag, "dag_id": dag.dag_id} for tag in dag.tags],
        "timetable_summary": describe(dag.schedule),
        "timetable_description": describe(dag.schedule),
        "max_active_runs": dag.max_active_runs,
        "max_active_tasks": dag.max_active_tasks,
        "last_parsed_time": dag.last_parsed_at,
        "last_parse_duration": dag.parse_duration_s,
        "next_dagrun_logical_date": dag.next_logical,
        "next_dagrun_data_interval_start": dag.next_interval_start,
        "next_dagrun_data_interval_end": dag.next_interval_end,
        "next_dagrun_run_after": dag.next_due,
    }


def run_shape(run: Run) -> dict[str, Any]:
    """Return a run."""
    return {
        "dag_run_id": run.run_id,
        "dag_id": run.dag_id,
        "dag_display_name": run.dag_id,
        "logical_date": run.logical_date,
        "data_interval_start": run.interval_start,
        "data_interval_end": run.interval_end,
        "run_after": run.run_after,
        "queued_at": run.queued_at,
        "start_date": run.started_at,
        "end_date": run.ended_at,
        "duration": _duration_s(run.started_at, run.ended_at),
        "run_type": run.run_type,
        "state": run.state,
        "triggered_by": run.triggered_by,
        "triggering_user_name": run.triggering_user,
        "conf": run.conf,
        "note": run.note,
    }


def task_shape(run: Run, ti: TaskInstance) -> dict[str, Any]:
    """Return a task instance."""
    return {
        "task_id": ti.task_id,
        "task_display_name": ti.task_id,
        "dag_id": run.dag_id,
        "dag_run_id": run.run_id,
        "map_index": ti.map_index,
        "logical_date": run.logical_date,
        "run_after": run.run_after,
        "queued_when": ti.queued_at,
        "start_date": ti.started_at,
        "end_date": ti.ended_at,
        "duration": _duration_s(ti.started_at, ti.ended_at),
        "state": None if ti.state is TaskState.NONE else ti.state,
        "try_number": ti.try_number,
        "max_tries": ti.max_tries,
        "note": ti.reason,
    }


def import_error_shape(file: FileRow) -> dict[str, Any]:
    """Return the import error of a DAG file."""
    return {
        "timestamp": file.failed_at,
        "filename": file.path,
        "stack_trace": file.import_error,
    }


def _duration_s(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None
