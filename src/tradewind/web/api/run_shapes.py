"""Runs as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tradewind.model.run import Run
from tradewind.model.state import RunState, RunType
from tradewind.store.read import run_list, versions
from tradewind.web.shapes import DagVersionResponse, Shape, duration_s, version_shape
from tradewind.web.site import Site

_TRIGGERED_BY = frozenset(
    {"cli", "operator", "rest_api", "ui", "test", "timetable", "asset", "backfill"}
)


class DAGRunResponse(Shape):
    """A run."""

    dag_run_id: str
    dag_id: str
    dag_display_name: str
    logical_date: datetime | None
    queued_at: datetime | None
    start_date: datetime | None
    end_date: datetime | None
    duration: float | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    last_scheduling_decision: datetime | None
    run_type: RunType
    state: RunState
    triggered_by: str | None
    triggering_user_name: str | None
    conf: dict[str, Any]
    note: str | None
    dag_versions: list[DagVersionResponse]
    bundle_version: str | None
    partition_key: str | None
    partition_date: datetime | None


class DAGRunCollectionResponse(Shape):
    """Runs."""

    dag_runs: list[DAGRunResponse]
    total_entries: int | None
    total_entries_limit: int | None
    next_cursor: str | None
    previous_cursor: str | None


def run_shapes(site: Site, found: Sequence[Run]) -> list[DAGRunResponse]:
    """Return runs as the API shows them."""
    named = run_list.display_names(site.db, {run.dag_id for run in found})
    known = versions.by_ids(site.db, {run.version_id for run in found})
    shown: list[DAGRunResponse] = []
    for run in found:
        name = named.get(run.dag_id, run.dag_id)
        version = known.get(run.version_id)
        shown.append(
            DAGRunResponse(
                dag_run_id=run.run_id,
                dag_id=run.dag_id,
                dag_display_name=name,
                logical_date=run.logical_date,
                queued_at=run.queued_at,
                start_date=run.started_at,
                end_date=run.ended_at,
                duration=duration_s(run.started_at, run.ended_at),
                data_interval_start=run.interval_start,
                data_interval_end=run.interval_end,
                run_after=run.run_after,
                last_scheduling_decision=None,
                run_type=run.run_type,
                state=run.state,
                triggered_by=run.triggered_by if run.triggered_by in _TRIGGERED_BY else None,
                triggering_user_name=run.triggering_user,
                conf=run.conf,
                note=run.note,
                dag_versions=[version_shape(version, name)] if version else [],
                bundle_version=run.tree_hash or None,
                partition_key=None,
                partition_date=None,
            )
        )
    return shown
