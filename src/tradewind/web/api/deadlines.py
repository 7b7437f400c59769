"""Deadlines: those that a DAG sets, and those of its runs.

Airflow 3.3 has these under its pages' own paths; the answers are the same.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from tradewind.errors import NotFound, UserError
from tradewind.model.deadline import AverageRuntime, FixedTime, LogicalDate, QueuedAt, Reference
from tradewind.model.spec import DagSpec
from tradewind.store.read import deadline_list, scheduling, versions
from tradewind.store.read.deadline_list import DeadlineFilter, DeadlineRow
from tradewind.web.access import Access
from tradewind.web.api.dag_runs import RUN, the_run
from tradewind.web.api.dags import the_dag
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.shapes import Shape, bounded_limit, slice_of, stable_uuid

routes = Routes("Deadlines")
_ALL = "~"
_NAMES: dict[type[Reference], str] = {
    LogicalDate: "DagRunLogicalDateDeadline",
    QueuedAt: "DagRunQueuedAtDeadline",
    FixedTime: "FixedDatetimeDeadline",
    AverageRuntime: "AverageRuntimeDeadline",
}
"""Airflow's names for what a deadline counts from."""


class DeadlineResponse(Shape):
    """A deadline of a run."""

    id: UUID
    deadline_time: datetime
    missed: bool
    created_at: datetime
    dag_id: str
    dag_run_id: str
    alert_id: UUID | None
    alert_name: str | None


class DeadlineCollectionResponse(Shape):
    """Deadlines of runs."""

    deadlines: list[DeadlineResponse]
    total_entries: int


class DeadlineAlertResponse(Shape):
    """A deadline that a DAG sets. interval: seconds after the reference."""

    id: UUID
    name: str | None
    reference_type: str
    interval: float | None
    created_at: datetime


class DeadlineAlertCollectionResponse(Shape):
    """The deadlines that a DAG sets."""

    deadline_alerts: list[DeadlineAlertResponse]
    total_entries: int


class AlertsQuery(msgspec.Struct, kw_only=True):
    """Of which version of the DAG, and which part of the list."""

    version_number: int | None = None
    limit: int = 0
    offset: int = 0


@routes.get(f"{RUN}/deadlines", Access.DAG_READ)
def get_deadlines(call: Call[DeadlineFilter, None]) -> DeadlineCollectionResponse:
    """List the deadlines of a run, of all runs of a DAG (~), or of all DAGs (~, ~)."""
    site, dag_id, run_id = call.site, call.path["dag_id"], call.path["dag_run_id"]
    if run_id != _ALL and dag_id == _ALL:
        raise UserError("dag_id is required when dag_run_id is specified")
    if run_id != _ALL:
        the_run(call)
    found, total = deadline_list.find(
        site.db,
        call.query,
        slice_of(site.config, call.query, "deadline_time"),
        call.caller.readable,
        dag_id=None if dag_id == _ALL else dag_id,
        run_id=None if run_id == _ALL else run_id,
    )
    return DeadlineCollectionResponse(deadlines=[_shape(row) for row in found], total_entries=total)


@routes.get("/api/v2/dags/{dag_id}/deadlineAlerts", Access.DAG_READ)
def get_dag_deadline_alerts(call: Call[AlertsQuery, None]) -> DeadlineAlertCollectionResponse:
    """List the deadlines that a DAG sets."""
    dag = the_dag(call)
    version_id, spec, created_at = _version(call, dag.dag_id)
    found = [
        DeadlineAlertResponse(
            id=_alert_id(version_id, position),
            name=deadline.name,
            reference_type=_NAMES[type(deadline.reference)],
            interval=deadline.interval_s,
            created_at=created_at,
        )
        for position, deadline in enumerate(spec.deadlines)
    ]
    start = max(0, call.query.offset)
    part = found[start : start + bounded_limit(call.site.config, call.query.limit)]
    return DeadlineAlertCollectionResponse(deadline_alerts=part, total_entries=len(found))


def _version(call: Call[AlertsQuery, None], dag_id: str) -> tuple[int, DagSpec, datetime]:
    db, number = call.site.db, call.query.version_number
    if number is None:
        latest = scheduling.latest_version(db, dag_id)
        number = latest.number if latest is not None else 0
    row = versions.numbered(db, dag_id, number)
    if row is None:
        raise NotFound(f"DAG {dag_id!r} has no version {number}")
    return row.version_id, scheduling.version(db, row.version_id).spec, row.created_at


def _alert_id(version_id: int, position: int) -> UUID:
    return stable_uuid("deadline alert", version_id, position)


def _shape(row: DeadlineRow) -> DeadlineResponse:
    return DeadlineResponse(
        id=stable_uuid("deadline", row.deadline_id),
        deadline_time=row.due_at,
        missed=row.missed_at is not None,
        created_at=row.created_at,
        dag_id=row.dag_id,
        dag_run_id=row.run_id,
        alert_id=_alert_id(row.version_id, row.position),
        alert_name=row.name,
    )
