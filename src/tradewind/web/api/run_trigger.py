"""Trigger a run of a DAG, as its own route and that of an asset's maker take it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tradewind.actions.trigger import trigger
from tradewind.model.run import Run
from tradewind.web.call import Call, aware
from tradewind.web.refusals import invalid
from tradewind.web.shapes import Body, Note


class RunBody(Body, kw_only=True):
    """How a run is to be."""

    dag_run_id: str | None = None
    run_after: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    conf: dict[str, Any] | None = None
    note: Note | None = None
    partition_key: str | None = None


def trigger_by_request(
    call: Call[Any, Any], dag_id: str, body: RunBody, logical_date: datetime | None
) -> Run:
    """Trigger a run for whoever calls; the same request again makes no second one.

    Raises:
        Invalid: what is asked for contradicts itself, or Tradewind has no such thing.
        NotFound: there is no such DAG.
        Conflict: there is such a run.
    """
    start = aware("data_interval_start", body.data_interval_start)
    end = aware("data_interval_end", body.data_interval_end)
    if (start is None) != (end is None):
        raise invalid(
            "data_interval_end", "data_interval_start and data_interval_end come together"
        )
    if start is not None and end is not None and end < start:
        raise invalid("data_interval_end", "lies before data_interval_start", end.isoformat())
    if body.partition_key is not None:
        raise invalid("partition_key", "DAGs have no partitions here", body.partition_key)
    site = call.site
    return trigger(
        site.db,
        site.signal,
        site.clock,
        dag_id,
        run_id=body.dag_run_id,
        conf=body.conf,
        logical_date=aware("logical_date", logical_date),
        run_after=aware("run_after", body.run_after),
        interval=(start, end) if start and end else None,
        note=body.note,
        triggered_by="ui" if call.caller.how == "browser" else "rest_api",
        user=call.caller.name,
        key=call.request_key,
    )
