"""One run and its tasks, for the run page, the Gantt chart and the graph's colours."""

from __future__ import annotations

from typing import Any

from tradewind.model.state import RunState, RunType
from tradewind.store.read import runs as run_rows
from tradewind.store.read import tasks as task_rows
from tradewind.store.read.scheduling import version
from tradewind.web.screens.desk import Asked, Desk, unix
from tradewind.web.screens.grid import structure
from tradewind.web.screens.shapes import run_shape, ti_shape

_BESIDE = 30
"""Runs whose durations a run is compared with."""
_MOST_TASKS = 20_000


def run(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return a run with its task instances, and the durations of the runs before it."""
    found = asked.run(desk)
    pinned = version(desk.db, found.version_id, found.source_hash)
    instances = task_rows.instances(desk.db, found.run_pk)[:_MOST_TASKS]
    before = run_rows.runs(desk.db, found.dag_id, until=found.run_after, limit=_BESIDE)
    durations = sorted(
        (r.ended_at - r.started_at).total_seconds()
        for r in before
        if r.run_pk != found.run_pk and r.started_at and r.ended_at
    )
    return {
        "run": run_shape(found)
        | {
            "conf": found.conf,
            "interval": [unix(found.interval_start), unix(found.interval_end)],
            "by": found.triggered_by,
            "user": found.triggering_user,
            "backfill": found.backfill_id,
            "clears": found.clear_number,
            "version": pinned.number,
        },
        "median_s": durations[len(durations) // 2] if durations else None,
        "instances": [ti_shape(ti) for ti in instances],
        **structure(pinned.spec),
    }


def runs(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return runs, of one DAG or of all that the reader may see, newest first."""
    dag_id = asked.dag_id() if asked.text("dag") else None
    limit = asked.number("limit", 50, 500, 1)
    offset = asked.number("offset", 0, 1_000_000)
    states = tuple(RunState(s) for s in asked.all("state") if s in _STATES)
    types = tuple(RunType(t) for t in asked.all("type") if t in _TYPES)
    found = run_rows.runs(
        desk.db, dag_id, states=states, run_types=types, limit=limit + 1, offset=offset
    )
    more = len(found) > limit
    shown = [r for r in found[:limit] if asked.only is None or r.dag_id in asked.only]
    return {
        "runs": [run_shape(r) | {"dag": r.dag_id, "user": r.triggering_user} for r in shown],
        "more": more,
    }


_STATES = {state.value for state in RunState}
_TYPES = {kind.value for kind in RunType}
