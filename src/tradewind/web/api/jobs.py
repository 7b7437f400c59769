"""The parts of Tradewind that run, in Airflow's shape of jobs."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from tradewind.store.components import Component
from tradewind.store.read import component_list
from tradewind.store.read.component_list import JOB_TYPES, JobFilter
from tradewind.web.access import Access
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.shapes import Shape, slice_of

routes = Routes("Job")
_NAMES = {kind: name for name, kind in JOB_TYPES.items()}


class JobResponse(Shape):
    """A part that runs or ran."""

    id: int
    dag_id: str | None
    dag_display_name: str | None
    state: str | None
    job_type: str | None
    start_date: datetime | None
    end_date: datetime | None
    latest_heartbeat: datetime | None
    executor_class: str | None
    hostname: str | None
    unixname: str | None


class JobCollectionResponse(Shape):
    """Parts that run or ran."""

    jobs: list[JobResponse]
    total_entries: int


@routes.get("/api/v2/jobs", Access.VIEW)
def get_jobs(call: Call[JobFilter, None]) -> JobCollectionResponse:
    """List the parts that run or ran."""
    site = call.site
    since = site.clock.now() - timedelta(seconds=site.config.scheduler.health_threshold_s)
    part = slice_of(site.config, call.query, "-start_date")
    found, total = component_list.find(site.db, call.query, part, since)
    return JobCollectionResponse(jobs=[_shape(c, since) for c in found], total_entries=total)


def _shape(part: Component, alive_since: datetime) -> JobResponse:
    state = "running" if part.beat_at >= alive_since else "failed"
    return JobResponse(
        id=zlib.crc32(part.component_id.encode()),
        dag_id=None,
        dag_display_name=None,
        state="success" if part.stopped_at else state,
        job_type=_NAMES.get(part.kind, part.kind),
        start_date=part.started_at,
        end_date=part.stopped_at,
        latest_heartbeat=part.beat_at,
        executor_class=None,
        hostname=part.host,
        unixname=None,
    )
