"""Assets: which DAGs make them, which wait for them, and when each was updated last."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from tradewind.store import tables
from tradewind.web.screens.desk import Asked, Desk, unix

_MOST_ASSETS = 5_000
_MOST_REFERENCES = 20_000
_MOST_EVENTS = 100


def assets(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return assets, and references as [dag, role, task, asset's name, uri]."""
    asset, ref, event = tables.asset, tables.asset_ref, tables.asset_event
    last = (
        select(event.c.asset_id, func.max(event.c.event_id).label("event_id"))
        .group_by(event.c.asset_id)
        .subquery()
    )
    with desk.db.read() as conn:
        found = conn.execute(
            select(asset, event.c.at)
            .select_from(
                asset.outerjoin(last, last.c.asset_id == asset.c.asset_id).outerjoin(
                    event, event.c.event_id == last.c.event_id
                )
            )
            .order_by(asset.c.name)
            .limit(_MOST_ASSETS)
        ).all()
        references = [
            row
            for row in conn.execute(select(ref).limit(_MOST_REFERENCES)).all()
            if asked.only is None or row.dag_id in asked.only
        ]
    named = {(r.name, r.uri) for r in references}
    return {
        "assets": [
            {
                "id": a.asset_id,
                "name": a.name,
                "uri": a.uri,
                "group": a.asset_group,
                "last": unix(a.at),
            }
            for a in found
            if asked.only is None or (a.name, a.uri) in named
        ],
        "references": [[r.dag_id, r.role, r.task_id, r.name, r.uri] for r in references],
    }


def asset_events(desk: Desk, asked: Asked) -> list[dict[str, Any]]:
    """Return the latest events of an asset, newest first."""
    event = tables.asset_event
    statement = (
        select(event)
        .where(event.c.asset_id == asked.number("asset", 0, 1 << 62))
        .order_by(event.c.event_id.desc())
        .limit(_MOST_EVENTS)
    )
    with desk.db.read() as conn:
        found = conn.execute(statement).all()
    return [
        {
            "at": unix(e.at),
            "dag": e.source_dag_id,
            "run": e.source_run_id,
            "task": e.source_task_id,
            "map": e.source_map_index,
            "extra": e.extra,
        }
        for e in found
        if asked.only is None or e.source_dag_id in asked.only
    ]
