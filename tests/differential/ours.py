"""Tradewind's answers to what `driver/` is asked, in the same form."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.unit.engine.runner import Runner
from tradewind.model.event import Started
from tradewind.model.ids import TaskKey
from tradewind.model.outcome import Failed, Outcome, SkippedBy, Succeeded
from tradewind.model.spec import DagSpec
from tradewind.model.state import TaskState
from tradewind.schedule import LastRun, Window, manual_interval
from tradewind.schedule import upcoming as next_runs
from tradewind.sdk import serde
from tradewind.sdk.build import to_spec
from tradewind.sdk.dag_definition import DAG
from tradewind.sdk.loading import load_dag_file
from tradewind.testing import FakeClock, MemoryStore, run_dag

OUTCOMES: dict[str, Outcome] = {
    "success": Succeeded(),
    "failed": Failed(error="as told"),
    "skipped": SkippedBy(),
}


def dag_of(source: str) -> DAG:
    """Run a DAG file's text and return its one DAG."""
    names: dict[str, Any] = {"__name__": "generated"}
    exec(compile(source, "generated.py", "exec"), names)  # noqa: S102 - it is a generated file
    (found,) = (value for value in names.values() if isinstance(value, DAG))
    return found


def spec_of(source: str) -> DagSpec:
    """Return the one DAG of a file as data."""
    return to_spec(dag_of(source))


def upcoming(
    source: str, now: datetime, count: int, last_run: list[datetime] | None = None
) -> list[list[str | None]]:
    """Return the next runs: run_after, logical date, and the data interval."""
    last = None
    if last_run is not None:
        start, end = last_run
        last = LastRun(logical_date=start, interval_start=start, interval_end=end, run_after=end)
    spec = spec_of(source)
    window = Window(start_date=spec.start_date, end_date=spec.end_date, catchup=spec.catchup)
    return [
        [
            text(run.run_after),
            text(run.logical_date),
            text(run.interval_start),
            text(run.interval_end),
        ]
        for run in next_runs(spec.schedule, window, last, now, count)
    ]


def manual_intervals(source: str, at: list[datetime]) -> list[list[str | None]]:
    """Return the data intervals of runs that somebody triggers at these times."""
    schedule = spec_of(source).schedule
    return [[text(end) for end in manual_interval(schedule, time)] for time in at]


def text(at: datetime | None) -> str | None:
    """Return an instant as the driver writes it."""
    return None if at is None else at.isoformat()


def decide(source: str, outcomes: dict[str, str], lengths: dict[str, int]) -> dict[str, Any]:
    """Return what becomes of a run whose tasks end as told, the first by name first."""
    driven = Runner(spec_of(source), parallelism=1000, slots=1000)
    driven.tell(Started())
    driven.admit()
    while driven.running:
        key = min(driven.running)
        driven.finish(key, *_end(key, outcomes, lengths))
        driven.admit()
    states = {
        str(ti.in_run): None if ti.state is TaskState.NONE else ti.state.value
        for ti in driven.live.instances()
        if ti.state is not TaskState.REMOVED
    }
    return {"run": driven.live.run.state.value, "states": states}


def _end(
    key: TaskKey, outcomes: dict[str, str], lengths: dict[str, int]
) -> tuple[Outcome, int | None]:
    outcome = OUTCOMES[outcomes.get(str(key), "success")]
    return outcome, lengths.get(key.task_id) if isinstance(outcome, Succeeded) else None


def run(
    path: Path, dag_id: str, *, at: str | None, conf: dict[str, Any] | None, now: str
) -> dict[str, Any]:
    """Run a DAG of a file, and return what is left of it."""
    file = load_dag_file(str(path), str(path.parent))
    kept = MemoryStore()
    finished = run_dag(
        file.dags[dag_id],
        logical_date=at,
        run_conf=conf,
        clock=FakeClock(datetime.fromisoformat(now)),
        others=[dag for name, dag in file.dags.items() if name != dag_id],
        store=kept,
    )
    (run_pk,) = (pk for pk, live in kept.runs.items() if live.run.run_id == finished.run_id)
    return {
        "run_id": finished.run_id,
        "run": str(finished.state),
        "states": finished.states,
        "xcoms": {
            f"{task}:{key}": serde.loads(value)
            for (task, key), value in kept.xcoms.get(run_pk, {}).items()
        },
        "rendered": {
            str(key): json.loads(fields)
            for (pk, key), fields in kept.rendered.items()
            if pk == run_pk
        },
    }
