"""Store runs that ended elsewhere, as if they had ended here: the history of another scheduler.

They are inserted whole and in their last state, each with its task instances, tries and events;
nothing that exists is changed. So a run that is here already is left alone, and an import that
was stopped goes on where it was. The leader never sees them: it holds live runs alone.

A DAG's calendar moves with its newest scheduled run, so that the schedule goes on after it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, or_, select, update

from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.outcome import Failed, Outcome, SkippedBy, Succeeded
from tradewind.model.run import Attempt, Run, TaskInstance
from tradewind.model.state import TERMINAL_STATES, AttemptState, RunState, RunType, TaskState
from tradewind.store import inbox, rows, tables
from tradewind.store.airflow_db import PastRun, PastTask, PastTry
from tradewind.store.runs import insert_run

ACTOR = "airflow"
"""Who did what is imported, in the events; also the executor of its attempts."""

_NO_STATE = "it had no state in Airflow when its run ended"
_dag, _run, _attempt, _event = tables.dag, tables.dag_run, tables.attempt, tables.ti_event
_OUTCOMES: dict[TaskState, Outcome] = {
    TaskState.SUCCESS: Succeeded(),
    TaskState.SKIPPED: SkippedBy(reason="skipped in Airflow"),
}
_FAILED = Failed(error="failed in Airflow; its log is there")


class Pinned(msgspec.Struct, frozen=True):
    """What the runs of a DAG are pinned to."""

    version_id: int
    source_hash: str
    tree_hash: str


def pins(conn: Connection) -> dict[str, Pinned]:
    """Return the DAGs that there are, with their latest version."""
    columns = (_dag.c.dag_id, _dag.c.version_id, _dag.c.source_hash, _dag.c.tree_hash)
    return {row[0]: Pinned(*row[1:]) for row in conn.execute(select(*columns))}


def known(conn: Connection, runs: Sequence[PastRun]) -> set[tuple[str, str]]:
    """Return which of these runs are here already."""
    ids = {run.run_id for run in runs}
    found = conn.execute(select(_run.c.dag_id, _run.c.run_id).where(_run.c.run_id.in_(ids)))
    return {(row.dag_id, row.run_id) for row in found}


def insert_past(conn: Connection, past: PastRun, pinned: Pinned) -> bool:
    """Insert a run that ended in Airflow; False when there is a run of its id or logical date.

    Args:
        conn: a writing transaction.
        past: the run.
        pinned: what the run is pinned to; the code that it ran is not known here.
    """
    made = insert_run(conn, _to_run(past, pinned), actor=ACTOR, now=past.ended_at)
    if made is None:
        return False
    tis: list[dict[str, Any]] = []
    attempts: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for task in past.tasks:
        done = [_attempt_of(made.run_pk, task, n) for n in range(len(task.tries))]
        ran = [row for row in done if row is not None]
        tis.append(rows.ti_row(_to_ti(made.run_pk, task, ran)))
        attempts += ran
        events += [
            _event_of(made, task, one)
            for one in task.tries
            if one.ended_at or one is task.tries[-1]
        ]
    for table, values in ((tables.task_instance, tis), (_attempt, attempts), (_event, events)):
        if values:
            conn.execute(insert(table), values)
    return True


def advance_calendar(conn: Connection, run: PastRun, now: datetime) -> None:
    """Let a DAG's schedule go on after this scheduled run, unless it is further on already."""
    moved = conn.execute(
        update(_dag)
        .where(
            _dag.c.dag_id == run.dag_id,
            or_(_dag.c.last_run_after.is_(None), _dag.c.last_run_after < run.run_after),
        )
        .values(
            last_logical=run.logical_date,
            last_interval_start=run.interval_start,
            last_interval_end=run.interval_end,
            last_run_after=run.run_after,
            next_due=None,
            next_logical=None,
            next_interval_start=None,
            next_interval_end=None,
        )
    )
    if moved.rowcount:
        inbox.append_all(conn, "dag_published", [{"dag_id": run.dag_id}], now)


def _to_run(past: PastRun, pinned: Pinned) -> Run:
    return Run(
        run_pk=0,
        dag_id=past.dag_id,
        run_id=past.run_id,
        run_type=_RUN_TYPES.get(past.run_type, RunType.MANUAL),
        state=RunState(past.state),
        version_id=pinned.version_id,
        source_hash=pinned.source_hash,
        tree_hash=pinned.tree_hash,
        run_after=past.run_after,
        logical_date=past.logical_date,
        interval_start=past.interval_start,
        interval_end=past.interval_end,
        queued_at=past.queued_at,
        started_at=past.started_at,
        ended_at=past.ended_at or past.started_at or past.run_after,
        conf=past.conf or {},
        triggered_by=past.triggered_by or "timetable",
        clear_number=past.clear_number,
        note=rows.plain(_note(past)),
    )


_RUN_TYPES: Mapping[str, RunType] = {
    **{kind.value: kind for kind in RunType},
    "backfill_job": RunType.BACKFILL,
    "dataset_triggered": RunType.ASSET_TRIGGERED,
}


def _note(past: PastRun) -> str | None:
    """Return the note: here notes are a run's, so those of its tasks stand below it."""
    parts = [past.note] if past.note else []
    for task in past.tasks:
        index = f"[{task.map_index}]" if task.map_index >= 0 else ""
        parts += [f"{task.task_id}{index}: {task.note}"] if task.note else []
    return "\n\n".join(parts) or None


def _to_ti(run_pk: int, task: PastTask, attempts: Sequence[Mapping[str, Any]]) -> TaskInstance:
    last = task.tries[-1]
    state = _state(last.state)
    return TaskInstance(
        run_pk=run_pk,
        task_id=task.task_id,
        map_index=task.map_index,
        map_path=(task.map_index,) if task.map_index >= 0 else (),
        state=state,
        try_number=last.try_number,
        max_tries=task.max_tries,
        fence=attempts[-1]["fence"] if attempts else 0,
        attempt_id=AttemptId(attempts[-1]["attempt_id"]) if attempts else None,
        queued_at=last.queued_at,
        started_at=last.started_at,
        first_started_at=last.started_at,
        ended_at=last.ended_at,
        reason=None if last.state == state.value else _NO_STATE,
    )


def _state(state: str | None) -> TaskState:
    """Return the state of a task instance whose run has ended; what has none was left out."""
    try:
        found = TaskState(state or "")
    except ValueError:
        return TaskState.SKIPPED
    return found if found in TERMINAL_STATES else TaskState.SKIPPED


def _attempt_of(run_pk: int, task: PastTask, position: int) -> dict[str, Any] | None:
    """Return the row of a try; None when nothing ran in it."""
    one = task.tries[position]
    if one.started_at is None or one.state == TaskState.UPSTREAM_FAILED:
        return None
    attempt = Attempt(
        attempt_id=AttemptId(uuid.uuid4().hex),
        ti=TiKey(run_pk, task.task_id, task.map_index),
        fence=position + 1,
        try_number=max(1, one.try_number),
        state=AttemptState.DONE,
        executor=ACTOR,
        queued_at=one.queued_at,
    )
    outcome = _OUTCOMES.get(_state(one.state), _FAILED)
    return rows.attempt_row(attempt) | {
        "worker": rows.plain(one.worker),
        "claimed_at": one.started_at,
        "ended_at": one.ended_at or one.started_at,
        "outcome": msgspec.json.encode(outcome),
    }


def _event_of(made: Run, task: PastTask, one: PastTry) -> dict[str, Any]:
    last = one is task.tries[-1]
    state = _state(one.state) if last else TaskState.UP_FOR_RETRY
    return {
        "at": one.ended_at or made.ended_at,
        "subject": "task",
        "run_pk": made.run_pk,
        "task_id": task.task_id,
        "map_index": task.map_index,
        "try_number": one.try_number,
        "to_state": state.value,
        "actor": ACTOR,
    }
