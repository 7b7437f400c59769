"""DAGs as the API shows them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tradewind.model.schedule import (
    AssetOrTime,
    AssetTriggered,
    CronInterval,
    CronTrigger,
    DeltaInterval,
    DeltaTrigger,
)
from tradewind.model.spec import DagSpec
from tradewind.schedule import describe, in_words
from tradewind.store.read import dag_list, scheduling, versions
from tradewind.store.read.dag_list import BUNDLE
from tradewind.store.read.dags import DagRow
from tradewind.web.shapes import DagVersionResponse, Shape, version_shape
from tradewind.web.site import Site

_PERIODIC = (CronTrigger, CronInterval, DeltaTrigger, DeltaInterval)


class DagTagResponse(Shape):
    """A tag of a DAG."""

    name: str
    dag_id: str
    dag_display_name: str


class DAGResponse(Shape):
    """A DAG."""

    dag_id: str
    dag_display_name: str
    is_paused: bool
    is_stale: bool
    last_parsed_time: datetime | None
    last_parse_duration: float | None
    last_expired: datetime | None
    bundle_name: str | None
    bundle_version: str | None
    relative_fileloc: str | None
    fileloc: str
    description: str | None
    timetable_summary: str | None
    timetable_description: str | None
    timetable_partitioned: bool
    timetable_periodic: bool
    tags: list[DagTagResponse]
    max_active_tasks: int
    max_active_runs: int | None
    max_consecutive_failed_dag_runs: int
    has_task_concurrency_limits: bool
    has_import_errors: bool
    next_dagrun_logical_date: datetime | None
    next_dagrun_data_interval_start: datetime | None
    next_dagrun_data_interval_end: datetime | None
    next_dagrun_run_after: datetime | None
    allowed_run_types: list[str] | None
    owners: list[str]
    is_backfillable: bool
    file_token: str


class DAGDetailsResponse(DAGResponse):
    """A DAG with what its file says."""

    catchup: bool
    dag_run_timeout: str | None
    asset_expression: dict[str, Any] | None
    doc_md: str | None
    start_date: datetime | None
    end_date: datetime | None
    is_paused_upon_creation: bool | None
    params: dict[str, Any] | None
    render_template_as_native_obj: bool
    template_search_path: list[str] | None
    timezone: str | None
    last_parsed: datetime | None
    default_args: dict[str, Any] | None
    owner_links: dict[str, str] | None
    is_favorite: bool
    active_runs_count: int
    concurrency: int
    latest_dag_version: DagVersionResponse | None
    rerun_with_latest_version: bool | None


class DAGCollectionResponse(Shape):
    """DAGs."""

    dags: list[DAGResponse]
    total_entries: int


def dag_shapes(site: Site, rows: Sequence[DagRow]) -> list[DAGResponse]:
    """Return DAGs as a list shows them."""
    broken = dag_list.broken_files(site.db, {row.dag_file for row in rows})
    return [DAGResponse(**_fields(site, row, broken)) for row in rows]


def dag_details(site: Site, row: DagRow, *, is_favorite: bool) -> DAGDetailsResponse:
    """Return a DAG as its own page shows it."""
    broken = dag_list.broken_files(site.db, {row.dag_file})
    spec = scheduling.version(site.db, row.version_id).spec
    counts = dag_list.run_counts(site.db, [row.dag_id])[row.dag_id]
    version = versions.by_ids(site.db, [row.version_id]).get(row.version_id)
    timeout_s = spec.dagrun_timeout_s
    return DAGDetailsResponse(
        **_fields(site, row, broken),
        catchup=row.catchup,
        dag_run_timeout=None if timeout_s is None else iso_duration(timeout_s),
        asset_expression=_condition(row),
        doc_md=spec.doc_md,
        start_date=row.start_date,
        end_date=row.end_date,
        is_paused_upon_creation=spec.is_paused_upon_creation,
        params=param_shapes(spec),
        render_template_as_native_obj=False,
        template_search_path=None,
        timezone=row.timezone,
        last_parsed=row.last_parsed_at,
        default_args=None,
        owner_links=dict(spec.owner_links),
        is_favorite=is_favorite,
        active_runs_count=counts.get("running", 0),
        concurrency=row.max_active_tasks,
        latest_dag_version=version_shape(version, row.display_name) if version else None,
        rerun_with_latest_version=spec.rerun_with_latest_version,
    )


def param_shapes(spec: DagSpec) -> dict[str, Any]:
    """Return params as a trigger form needs them."""
    return {
        name: {
            "value": param.default,
            "description": param.description,
            "schema": param.schema,
            "source": "dag",
        }
        for name, param in spec.params.items()
    }


def iso_duration(seconds: float) -> str:
    """Return a duration in ISO 8601."""
    span = timedelta(seconds=seconds)
    fraction = f"{span.microseconds / 1_000_000:.6f}".lstrip("0").rstrip("0").rstrip(".")
    return f"P{span.days}DT{span.seconds}{fraction}S"


def file_token(dag_file: str) -> str:
    """Return the name of a DAG file for use in a path."""
    return base64.urlsafe_b64encode(dag_file.encode()).decode().rstrip("=")


def _fields(site: Site, row: DagRow, broken: set[str]) -> dict[str, Any]:
    spec = scheduling.version(site.db, row.version_id).spec
    shown = row.display_name or row.dag_id
    limits = any(t.max_active_tis_per_dag or t.max_active_tis_per_dagrun for t in spec.tasks)
    return {
        "dag_id": row.dag_id,
        "dag_display_name": shown,
        "is_paused": row.paused,
        "is_stale": not row.active,
        "last_parsed_time": row.last_parsed_at,
        "last_parse_duration": row.parse_duration_s,
        "last_expired": None,
        "bundle_name": BUNDLE,
        "bundle_version": None,
        "relative_fileloc": row.dag_file,
        "fileloc": str(site.config.core.dags_folder / row.dag_file),
        "description": row.description,
        "timetable_summary": describe(row.schedule),
        "timetable_description": in_words(row.schedule),
        "timetable_partitioned": False,
        "timetable_periodic": isinstance(row.schedule, _PERIODIC),
        "tags": [
            DagTagResponse(name=tag, dag_id=row.dag_id, dag_display_name=shown) for tag in row.tags
        ],
        "max_active_tasks": row.max_active_tasks,
        "max_active_runs": row.max_active_runs,
        "max_consecutive_failed_dag_runs": spec.max_consecutive_failed_dag_runs,
        "has_task_concurrency_limits": limits,
        "has_import_errors": row.dag_file in broken,
        "next_dagrun_logical_date": row.next_logical,
        "next_dagrun_data_interval_start": row.next_interval_start,
        "next_dagrun_data_interval_end": row.next_interval_end,
        "next_dagrun_run_after": row.next_due,
        "allowed_run_types": list(spec.allowed_run_types) or None,
        "owners": [owner for owner in row.owners.split(", ") if owner],
        "is_backfillable": isinstance(row.schedule, _PERIODIC),
        "file_token": file_token(row.dag_file),
    }


def _condition(row: DagRow) -> dict[str, Any] | None:
    schedule = row.schedule
    if not isinstance(schedule, AssetTriggered | AssetOrTime):
        return None
    found: dict[str, Any] = msgspec.to_builtins(schedule.condition)
    return found
