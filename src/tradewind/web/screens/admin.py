"""What runs Tradewind: parts, configuration with origins, audit log, broken files, backfills."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from tradewind.config import settings
from tradewind.errors import NotFound
from tradewind.store import accounts, audit, tables
from tradewind.store.read import dags as dag_rows
from tradewind.web.screens.desk import Asked, Desk, unix

_PARTS_OF = timedelta(days=1)
_MOST_PARTS = 200
_MOST_BACKFILLS = 100


def parts(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return the processes of the last day, those that live first, and what workers do."""
    _everything(asked)
    part, attempt = tables.component, tables.attempt
    now = desk.clock.now()
    with desk.db.read() as conn:
        found = conn.execute(
            select(part)
            .where(part.c.beat_at >= now - _PARTS_OF)
            .order_by(part.c.stopped_at.is_not(None), part.c.kind, part.c.beat_at.desc())
            .limit(_MOST_PARTS)
        ).all()
        busy = conn.execute(
            select(attempt.c.worker, attempt.c.executor, attempt.c.state, func.count().label("n"))
            .where(attempt.c.state.in_(("queued", "running")))
            .group_by(attempt.c.worker, attempt.c.executor, attempt.c.state)
        ).all()
    return {
        "now": unix(now),
        "parts": [
            {
                "kind": p.kind,
                "host": p.host,
                "pid": p.pid,
                "started": unix(p.started_at),
                "beat": unix(p.beat_at),
                "stopped": unix(p.stopped_at),
            }
            for p in found
        ],
        "busy": [
            {"worker": b.worker, "executor": b.executor, "state": b.state, "tasks": b.n}
            for b in busy
        ],
    }


def configuration(desk: Desk, asked: Asked) -> list[dict[str, Any]]:
    """Return every setting with its value and where that came from; secrets without value."""
    _everything(asked)
    return [
        {
            "name": setting.name,
            "variable": setting.variable,
            "value": setting.shown(desk.config),
            "origin": desk.config.origins.get(setting.name, "default"),
            "description": setting.description,
            "unit": setting.unit,
        }
        for setting in settings()
    ]


def audit_log(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return who did what, newest first."""
    _everything(asked)
    entries, total = audit.entries(
        desk.db,
        dag_id=asked.text("dag"),
        action=asked.text("action"),
        actor=asked.text("actor"),
        limit=asked.number("limit", 100, 500, 1),
        offset=asked.number("offset", 0, 1_000_000),
    )
    return {
        "total": total,
        "entries": [
            {
                "at": unix(e.at),
                "actor": e.actor,
                "action": e.action,
                "dag": e.dag_id,
                "run": e.run_id,
                "task": e.task_id,
                "map": e.map_index,
                "details": e.details,
            }
            for e in entries
        ],
    }


def import_errors(desk: Desk, asked: Asked) -> list[dict[str, Any]]:
    """Return the files that do not import, with the whole error."""
    _everything(asked)
    return [
        {"file": f.path, "at": unix(f.failed_at), "error": f.import_error, "dags": f.dag_ids}
        for f in dag_rows.files(desk.db, broken=True)
    ]


def users(desk: Desk, _asked: Asked) -> list[dict[str, Any]]:
    """Return every account and how many sessions it has."""
    counts = accounts.session_counts(desk.db, desk.clock.now())
    return [
        {
            "name": a.username,
            "role": a.role.value,
            "email": a.email,
            "active": a.active,
            "dags": a.dags,
            "created": unix(a.created_at),
            "signed_in": unix(a.signed_in_at),
            "sessions": counts.get(a.username, 0),
        }
        for a in accounts.accounts(desk.db)
    ]


def backfills(desk: Desk, asked: Asked) -> list[dict[str, Any]]:
    """Return backfills, newest first, each with its runs counted by state."""
    table, run = tables.backfill, tables.dag_run
    statement = select(table).order_by(table.c.backfill_id.desc()).limit(_MOST_BACKFILLS)
    if asked.text("dag"):
        statement = statement.where(table.c.dag_id == asked.dag_id())
    with desk.db.read() as conn:
        found = [
            row
            for row in conn.execute(statement).all()
            if asked.only is None or row.dag_id in asked.only
        ]
        counted = conn.execute(
            select(run.c.backfill_id, run.c.state, func.count().label("n"))
            .where(run.c.backfill_id.in_([b.backfill_id for b in found]))
            .group_by(run.c.backfill_id, run.c.state)
        ).all()
    counts: dict[int, dict[str, int]] = {}
    for row in counted:
        counts.setdefault(row.backfill_id, {})[row.state] = row.n
    return [
        {
            "id": b.backfill_id,
            "dag": b.dag_id,
            "from": unix(b.from_date),
            "to": unix(b.to_date),
            "paused": b.paused,
            "reprocess": b.reprocess,
            "max_active_runs": b.max_active_runs,
            "actor": b.actor,
            "created": unix(b.created_at),
            "completed": unix(b.completed_at),
            "runs": counts.get(b.backfill_id, {}),
        }
        for b in found
    ]


def _everything(asked: Asked) -> None:
    # These pages are about the whole installation: whoever sees only some DAGs does not.
    if asked.only is not None:
        raise NotFound("there is no such page for you")
