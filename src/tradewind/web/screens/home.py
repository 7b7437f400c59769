"""Home: what failed, what is stuck and why, what is late, what comes next. One request."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tradewind.model.ids import TaskKey
from tradewind.model.state import TaskState
from tradewind.store import components
from tradewind.store.read import dags as dag_rows
from tradewind.store.read import hitl, triage
from tradewind.store.read.occupancy import pool_uses
from tradewind.web.screens.desk import Asked, Desk, unix
from tradewind.web.screens.questions import question_shape
from tradewind.web.screens.shapes import run_shape

_STUCK_AFTER = timedelta(minutes=2)
_LATE_AFTER = timedelta(seconds=30)
_SILENT_AFTER = timedelta(seconds=30)
_MOST_HOURS = 24 * 31
_MOST_FAILED = 60
_MOST_EXPLAINED = 8
"""Stuck tasks whose reason is worked out at once; the others say it on their own page."""
_UPCOMING = 8
_MOST_ASKED = 12
_PARTS = ("scheduler", "dag_processor", "worker", "triggerer")


def home(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return the triage inbox and the state of the system."""
    now = desk.clock.now()
    since = now - timedelta(hours=asked.number("hours", 24, _MOST_HOURS, 1))

    def seen(dag_id: str) -> bool:
        return asked.only is None or dag_id in asked.only

    late = [d for d in triage.due_dags(desk.db, before=now - _LATE_AFTER) if seen(d.dag_id)]
    coming = [d for d in triage.due_dags(desk.db, after=now) if seen(d.dag_id)]
    return {
        "now": unix(now),
        "counts": triage.run_counts(desk.db, since) if asked.only is None else {},
        "parts": [_part(desk, kind, now) for kind in _PARTS],
        "failed": [_failed(f) for f in triage.failed_runs(desk.db, since) if seen(f.run.dag_id)][
            :_MOST_FAILED
        ],
        "asks": [question_shape(q) for q in hitl.waiting(desk.db) if seen(q.dag_id)][:_MOST_ASKED],
        "stuck": _stuck(desk, now, asked),
        "late": [{"dag": d.dag_id, "due": unix(d.due)} for d in late],
        "next": [{"dag": d.dag_id, "due": unix(d.due)} for d in coming[:_UPCOMING]],
        "pools": [
            {
                "name": use.pool.name,
                "slots": use.pool.slots,
                "running": use.running,
                "queued": use.queued,
                "scheduled": use.scheduled,
                "deferred": use.deferred,
            }
            for use in pool_uses(desk.db)
        ],
        "broken": [
            {
                "file": f.path,
                "at": unix(f.failed_at),
                "error": (f.import_error or "").strip().rsplit("\n", 1)[-1][:500],
            }
            for f in (dag_rows.files(desk.db, broken=True) if asked.only is None else [])
        ],
    }


def _failed(failed: triage.FailedRun) -> dict[str, Any]:
    return run_shape(failed.run) | {
        "dag": failed.run.dag_id,
        "recovered": failed.recovered,
        "tasks": [
            {"task": ti.task_id, "map": ti.map_index, "try": ti.try_number, "reason": ti.reason}
            for ti in failed.tasks[:5]
        ],
        "more": max(0, len(failed.tasks) - 5),
    }


def _stuck(desk: Desk, now: datetime, asked: Asked) -> list[dict[str, Any]]:
    before = now - _STUCK_AFTER
    shown: list[dict[str, Any]] = [
        {
            "dag": run.dag_id,
            "run": run.run_id,
            "task": None,
            "map": -1,
            "state": run.state.value,
            "since": unix(run.queued_at),
            "why": "the run waits to start: as many runs of its DAG run as max_active_runs allows",
        }
        for run in triage.waiting_runs(desk.db, before)
        if asked.only is None or run.dag_id in asked.only
    ][:_UPCOMING]
    explained, reasons = 0, desk.reasons()
    for stuck in triage.stuck_tasks(desk.db, before):
        if asked.only is not None and stuck.run.dag_id not in asked.only:
            continue
        if stuck.ti.state is TaskState.AWAITING_INPUT:
            continue  # it is among what is asked
        text = stuck.ti.reason
        if explained < _MOST_EXPLAINED:
            found = reasons.of(stuck.run, TaskKey(stuck.ti.task_id, stuck.ti.map_index))
            text = "; ".join(b.text for b in found) or text
            explained += 1
        shown.append(
            {
                "dag": stuck.run.dag_id,
                "run": stuck.run.run_id,
                "task": stuck.ti.task_id,
                "map": stuck.ti.map_index,
                "state": stuck.ti.state.value,
                "since": unix(stuck.since),
                "why": text,
            }
        )
    return shown


def _part(desk: Desk, kind: str, now: datetime) -> dict[str, Any]:
    part = components.latest(desk.db, kind)
    if part is None:
        return {"kind": kind, "status": "absent", "beat": None, "host": None}
    fresh = part.stopped_at is None and now - part.beat_at < _SILENT_AFTER
    status = "healthy" if fresh else "stopped" if part.stopped_at else "silent"
    return {"kind": kind, "status": status, "beat": unix(part.beat_at), "host": part.host}
