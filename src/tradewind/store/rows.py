"""Values to rows and back. Nothing outside `store` sees a row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, bindparam

from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.run import Attempt, Run, TaskInstance
from tradewind.model.state import AttemptState, RunState, RunType, TaskState
from tradewind.store.turn import CallbackWrite, ScheduleAdvance, XComWrite

TI_VALUES = (
    "state",
    "try_number",
    "max_tries",
    "fence",
    "attempt_id",
    "due_at",
    "queued_at",
    "started_at",
    "ended_at",
    "first_started_at",
    "reschedule_count",
    "mapped_length",
    "returned",
    "infra_losses",
    "map_path",
    "skips",
    "reason",
)
RUN_VALUES = (
    "state",
    "version_id",
    "source_hash",
    "tree_hash",
    "queued_at",
    "started_at",
    "ended_at",
    "clear_number",
)


def plain(text: str | None) -> str | None:
    """Return text that both databases take: PostgreSQL refuses NUL, and users' errors have it."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}") if text and "\x00" in text else text


def ti_row(ti: TaskInstance) -> dict[str, Any]:
    """Return the columns of a task instance."""
    return {
        "run_pk": ti.run_pk,
        "task_id": ti.task_id,
        "map_index": ti.map_index,
        "state": ti.state.value,
        "try_number": ti.try_number,
        "max_tries": ti.max_tries,
        "fence": ti.fence,
        "attempt_id": ti.attempt_id,
        "due_at": ti.due_at,
        "queued_at": ti.queued_at,
        "started_at": ti.started_at,
        "ended_at": ti.ended_at,
        "first_started_at": ti.first_started_at,
        "reschedule_count": ti.reschedule_count,
        "mapped_length": ti.mapped_length,
        "returned": ti.returned,
        "infra_losses": ti.infra_losses,
        "map_path": ",".join(map(str, ti.map_path)) if ti.map_path else "",
        "skips": msgspec.json.encode(ti.skips).decode() if ti.skips else "",
        "reason": plain(ti.reason),
    }


def ti_update(before: TaskInstance, after: TaskInstance) -> dict[str, Any]:
    """Return the parameters of the one UPDATE of a task instance."""
    row = ti_row(after)
    row["b_run"], row["b_task"], row["b_map"] = before.key
    row["b_state"], row["b_fence"] = before.state.value, before.fence
    return row


def to_ti(row: Mapping[Any, Any]) -> TaskInstance:
    """Return the task instance of a row."""
    path = row["map_path"]
    return TaskInstance(
        run_pk=row["run_pk"],
        task_id=row["task_id"],
        map_index=row["map_index"],
        state=TaskState(row["state"]),
        try_number=row["try_number"],
        max_tries=row["max_tries"],
        fence=row["fence"],
        attempt_id=AttemptId(row["attempt_id"]) if row["attempt_id"] else None,
        due_at=row["due_at"],
        queued_at=row["queued_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        first_started_at=row["first_started_at"],
        reschedule_count=row["reschedule_count"],
        mapped_length=row["mapped_length"],
        returned=row["returned"],
        infra_losses=row["infra_losses"],
        map_path=tuple(int(p) for p in path.split(",")) if path else (),
        skips=_decode_skips(row["skips"]) if row["skips"] else (),
        reason=row["reason"],
    )


_decode_skips = msgspec.json.Decoder(tuple[str, ...]).decode


def run_row(run: Run) -> dict[str, Any]:
    """Return the columns of a run, without its key."""
    return {
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "run_type": run.run_type.value,
        "state": run.state.value,
        "version_id": run.version_id,
        "source_hash": run.source_hash,
        "tree_hash": run.tree_hash,
        "run_after": run.run_after,
        "logical_date": run.logical_date,
        "interval_start": run.interval_start,
        "interval_end": run.interval_end,
        "queued_at": run.queued_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "conf": run.conf,
        "triggered_by": run.triggered_by,
        "triggering_user": run.triggering_user,
        "backfill_id": run.backfill_id,
        "clear_number": run.clear_number,
        "note": plain(run.note),
    }


def run_update(before: Run, after: Run) -> dict[str, Any]:
    """Return the parameters of the one UPDATE of a run."""
    row = run_row(after)
    row["b_pk"], row["b_state"] = before.run_pk, before.state.value
    return row


def to_run(row: Mapping[Any, Any]) -> Run:
    """Return the run of a row."""
    return Run(
        run_pk=row["run_pk"],
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        run_type=RunType(row["run_type"]),
        state=RunState(row["state"]),
        version_id=row["version_id"],
        source_hash=row["source_hash"],
        tree_hash=row["tree_hash"],
        run_after=row["run_after"],
        logical_date=row["logical_date"],
        interval_start=row["interval_start"],
        interval_end=row["interval_end"],
        queued_at=row["queued_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        conf=row["conf"],
        triggered_by=row["triggered_by"],
        triggering_user=row["triggering_user"],
        backfill_id=row["backfill_id"],
        clear_number=row["clear_number"],
        note=row["note"],
    )


def attempt_row(attempt: Attempt, assignment: bytes | None = None) -> dict[str, Any]:
    """Return the columns of a new attempt. assignment: for a remote worker."""
    return {
        "attempt_id": attempt.attempt_id,
        "run_pk": attempt.ti.run_pk,
        "task_id": attempt.ti.task_id,
        "map_index": attempt.ti.map_index,
        "fence": attempt.fence,
        "try_number": attempt.try_number,
        "state": attempt.state.value,
        "executor": attempt.executor,
        "queue": attempt.queue,
        "claim_token": attempt.claim_token,
        "assignment": assignment,
        "hb_counter": 0,
        "submit_count": max(1, attempt.submit_count),
        "queued_at": attempt.queued_at,
    }


def to_attempt(row: Mapping[Any, Any]) -> Attempt:
    """Return the attempt of a row."""
    return Attempt(
        attempt_id=AttemptId(row["attempt_id"]),
        ti=TiKey(row["run_pk"], row["task_id"], row["map_index"]),
        fence=row["fence"],
        try_number=row["try_number"],
        state=AttemptState(row["state"]),
        executor=row["executor"],
        queue=row["queue"],
        claim_token=row["claim_token"],
        nonce=row["nonce"],
        worker=row["worker"],
        hb_counter=row["hb_counter"],
        submit_count=row["submit_count"],
        queued_at=row["queued_at"],
        claimed_at=row["claimed_at"],
        ended_at=row["ended_at"],
        exit_code=row["exit_code"],
        exit_signal=row["exit_signal"],
        reason=row["reason"],
    )


def callback_row(owed: CallbackWrite, now: datetime) -> dict[str, Any]:
    """Return the columns of a callback that is owed."""
    return {
        "dedup": owed.dedup,
        "run_pk": owed.run_pk,
        "kind": owed.kind,
        "task_id": owed.task_id,
        "map_index": owed.map_index,
        "try_number": owed.try_number,
        "reason": plain(owed.reason),
        "owed_at": now,
        "deadline_id": owed.deadline_id,
    }


def xcom_row(write: XComWrite, now: datetime) -> dict[str, Any]:
    """Return the columns of an XCom."""
    return {
        **ti_key(write.ti),
        "key": plain(write.key),
        "attempt_id": write.attempt_id,
        "value": write.value,
        "kept_at": write.kept_at,
        "size": write.size if write.kept_at else len(write.value),
        "at": now,
    }


def advance_row(advance: ScheduleAdvance) -> dict[str, Any]:
    """Return the parameters of the one UPDATE that moves a calendar."""
    return {
        "b_dag": advance.dag_id,
        "b_due": advance.before_due,
        "next_due": advance.next_due,
        "next_logical": advance.next_logical,
        "next_interval_start": advance.next_interval_start,
        "next_interval_end": advance.next_interval_end,
        "b_last_logical": advance.last_logical,
        "b_last_interval_start": advance.last_interval_start,
        "b_last_interval_end": advance.last_interval_end,
        "b_last_run_after": advance.last_run_after,
    }


def ti_key(ti: TiKey) -> dict[str, Any]:
    """Return the columns that name a task instance."""
    return {"run_pk": ti.run_pk, "task_id": ti.task_id, "map_index": ti.map_index}


def b_key(ti: TiKey) -> dict[str, Any]:
    """Return the same as parameters of a condition."""
    return {"b_run": ti.run_pk, "b_task": ti.task_id, "b_map": ti.map_index}


def ti_is(table: Table, ti: TiKey) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that name a task instance in a table."""
    return (
        table.c.run_pk == ti.run_pk,
        table.c.task_id == ti.task_id,
        table.c.map_index == ti.map_index,
    )


def is_b_key(table: Table) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that take `b_key`'s parameters."""
    return (
        table.c.run_pk == bindparam("b_run"),
        table.c.task_id == bindparam("b_task"),
        table.c.map_index == bindparam("b_map"),
    )
