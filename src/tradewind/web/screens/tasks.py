"""One task instance: what it is, its tries, what it rendered and returned, why it waits."""

from __future__ import annotations

from typing import Any

import msgspec

from tradewind.actions.reasons import Reasons
from tradewind.errors import NotFound
from tradewind.model.ids import UNMAPPED, TaskKey, TiKey
from tradewind.model.run import Attempt, Run
from tradewind.model.spec import TaskSpec
from tradewind.model.state import TERMINAL_STATES, TaskState
from tradewind.store import task_notes, xcoms
from tradewind.store.read import history, hitl, scheduling
from tradewind.store.read import tasks as task_rows
from tradewind.web.screens.desk import Asked, Desk, unix
from tradewind.web.screens.questions import question_shape
from tradewind.web.screens.shapes import run_shape, ti_shape

_WAITING = frozenset(TaskState) - TERMINAL_STATES - {TaskState.RUNNING}
_LARGEST_VALUE = 256 * 1024
"""Bytes of an XCom that a page shows."""


def task(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return a task instance with its tries, events and instances."""
    run, key = asked.run(desk), _key(asked)
    version = scheduling.version(desk.db, run.version_id, run.source_hash)
    spec = next((t for t in version.spec.tasks if t.task_id == key.task_id), None)
    instances = task_rows.instances(desk.db, run.run_pk, key.task_id)
    ti = next((i for i in instances if i.map_index == key.map_index), None)
    mapped = [ti_shape(i) for i in instances if i.map_index >= 0]
    if ti is None and not mapped and spec is None:
        raise NotFound(f"run {run.run_id!r} has no task instance {key}")
    tries = history.tries(desk.db, ti.key) if ti else []
    question = hitl.asked(desk.db, ti.key) if ti else None
    with desk.db.read() as conn:
        note = task_notes.note(conn, ti.key) if ti else None
    return {
        "run": run_shape(run),
        "ti": ti_shape(ti) if ti else None,
        "mapped": sorted(mapped, key=lambda m: m["map"]),
        "task": _task(spec, [t.task_id for t in version.spec.tasks]) if spec else None,
        "tries": [
            {
                "try": t.try_number,
                "state": t.state,
                "queued": unix(t.queued_at),
                "start": unix(t.started_at),
                "end": unix(t.ended_at),
                "reason": t.reason,
                "attempts": [_attempt(a) for a in t.attempts],
            }
            for t in tries
        ],
        "events": [
            {
                "at": unix(e.at),
                "subject": e.subject,
                "from": e.from_state,
                "to": e.to_state,
                "actor": e.actor,
                "reason": e.reason,
                "try": e.try_number,
            }
            for e in history.events(
                desk.db, run.run_pk, task_id=key.task_id, map_index=key.map_index, limit=200
            )
        ],
        "note": note,
        "question": question_shape(question) if question else None,
        "why": why(desk.reasons(), run, key) if ti and ti.state in _WAITING else [],
    }


def why(reasons: Reasons, run: Run, key: TaskKey) -> list[dict[str, Any]]:
    """Return what holds a task instance back, as the engine itself says it."""
    return [{"code": b.code, "text": b.text, "until": unix(b.until)} for b in reasons.of(run, key)]


def xcom(desk: Desk, asked: Asked) -> list[dict[str, Any]]:
    """Return the XComs of a task instance with their values."""
    run, key = asked.run(desk), _key(asked)
    found = xcoms.listed(
        desk.db, run.run_pk, task_id=key.task_id, map_index=key.map_index, limit=100
    )
    shown: list[dict[str, Any]] = []
    for entry in found:
        value = None
        if entry.size <= _LARGEST_VALUE:
            value = msgspec.json.decode(xcoms.value(desk.db, entry.ti, entry.key))
        shown.append({"key": entry.key, "size": entry.size, "at": unix(entry.at), "value": value})
    return shown


def rendered(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return the template fields that a task instance rendered last."""
    run, key = asked.run(desk), _key(asked)
    packed = task_rows.rendered_fields(desk.db, TiKey(run.run_pk, *key))
    return {"fields": msgspec.json.decode(packed) if packed else None}


def _key(asked: Asked) -> TaskKey:
    return TaskKey(asked.needed("task"), asked.number("map", UNMAPPED, 1_000_000, UNMAPPED))


def _task(spec: TaskSpec, names: list[str]) -> dict[str, Any]:
    return {
        "id": spec.task_id,
        "name": spec.display_name,
        "operator": spec.operator,
        "rule": spec.trigger_rule.value,
        "upstream": [names[n] for n in spec.upstream],
        "owner": spec.owner,
        "pool": spec.pool,
        "slots": spec.pool_slots,
        "queue": spec.queue,
        "priority": spec.priority_weight,
        "retries": spec.retries,
        "retry_delay_s": spec.retry_delay_s,
        "timeout_s": spec.execution_timeout_s,
        "mapped": spec.expand is not None,
        "doc": spec.doc_md,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "fence": attempt.fence,
        "state": attempt.state.value,
        "executor": attempt.executor,
        "worker": attempt.worker,
        "queue": attempt.queue,
        "queued": unix(attempt.queued_at),
        "start": unix(attempt.claimed_at),
        "end": unix(attempt.ended_at),
        "exit_code": attempt.exit_code,
        "exit_signal": attempt.exit_signal,
        "reason": attempt.reason,
    }
