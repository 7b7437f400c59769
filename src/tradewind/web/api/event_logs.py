"""The audit log: who did what, before and after."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tradewind.errors import NotFound
from tradewind.model.account import Role
from tradewind.store.audit import AuditEntry
from tradewind.store.read import audit_list
from tradewind.store.read.audit_list import AuditFilter
from tradewind.web.access import Access
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.shapes import Shape, slice_of

routes = Routes("Event Log")


class EventLogResponse(Shape):
    """One thing that somebody did. extra: details as JSON text."""

    event_log_id: int
    when: datetime
    dag_id: str | None
    dag_display_name: str | None
    task_id: str | None
    task_display_name: str | None
    run_id: str | None
    map_index: int | None
    try_number: int | None
    event: str
    logical_date: datetime | None
    owner: str | None
    extra: str | None


class EventLogCollectionResponse(Shape):
    """What people did."""

    event_logs: list[EventLogResponse]
    total_entries: int


@routes.get("/api/v2/eventLogs", Access.DAG_READ)
def get_event_logs(call: Call[AuditFilter, None]) -> EventLogCollectionResponse:
    """List what people did to DAGs; operators also see what they did to everything else."""
    found, total = audit_list.find(
        call.site.db,
        call.query,
        slice_of(call.site.config, call.query, "id"),
        call.caller.readable,
        all_of_it=call.caller.has(Role.OP),
    )
    return EventLogCollectionResponse(event_logs=list(map(_shape, found)), total_entries=total)


@routes.get("/api/v2/eventLogs/{event_log_id}", Access.DAG_READ)
def get_event_log(call: Call[None, None]) -> EventLogResponse:
    """Return one entry."""
    seq = call.number("event_log_id")
    found = audit_list.one(
        call.site.db, seq, call.caller.readable, all_of_it=call.caller.has(Role.OP)
    )
    if found is None:
        raise NotFound(f"there is no event log entry {seq}")
    return _shape(found)


def _shape(entry: AuditEntry) -> EventLogResponse:
    return EventLogResponse(
        event_log_id=entry.seq,
        when=entry.at,
        dag_id=entry.dag_id,
        dag_display_name=entry.dag_id,
        task_id=entry.task_id,
        task_display_name=entry.task_id,
        run_id=entry.run_id,
        map_index=entry.map_index,
        try_number=None,
        event=entry.action,
        logical_date=None,
        owner=entry.actor or None,
        extra=msgspec.json.encode(entry.details).decode() if entry.details else None,
    )
