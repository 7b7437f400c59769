"""Commit a scheduler turn: the one writer of run and task-instance state.

Every UPDATE names the state (and fence) it expects; when a row does not match, somebody else
changed it and the whole turn is refused with `Conflict`. The first statement checks that the
scheduler lease still has the turn's epoch. One append-only `ti_event` row is written for
each move, in the same transaction.

When a task instance moves several times in one turn, the row is written once (from the first
state expected to the last decided) and each move has its event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tradewind.errors import Conflict, Fenced
from tradewind.model.event import RunChange, TaskChange
from tradewind.model.run import Run, TaskInstance
from tradewind.model.state import AttemptState
from tradewind.store import assets, rows, tables
from tradewind.store.connect import Database
from tradewind.store.leases import SCHEDULER
from tradewind.store.runs import insert_run
from tradewind.store.turn import Applied, Turn

_ti, _run, _attempt, _event = (
    tables.task_instance,
    tables.dag_run,
    tables.attempt,
    tables.ti_event,
)


class TurnConflict(Conflict):
    """A row was not in the state that the turn expected; nothing was changed."""

    def __init__(self, what: str, run_pks: Sequence[int] = ()) -> None:
        super().__init__(f"{what} changed meanwhile; nothing was written")
        self.run_pks = tuple(run_pks)


def apply(db: Database, turn: Turn) -> Applied:
    """Write a turn, whole or not at all.

    Raises:
        Fenced: the lease has another epoch: another scheduler leads.
        TurnConflict: a row is not in the state expected.
        Unavailable: the database cannot be reached; whether the turn was committed is unknown.
    """
    with db.write() as conn:
        _check_epoch(conn, turn.epoch)
        events: list[dict[str, Any]] = []
        created = tuple(
            _create_run(conn, turn, new.run, new.consumed_events, events) for new in turn.new_runs
        )
        _write_attempts(conn, turn, events)
        _write_instances(conn, turn, events)
        _write_runs(conn, turn.run_changes, turn, events)
        _write_values(conn, turn)
        _write_bookkeeping(conn, turn)
        if events:
            conn.execute(_INSERT_EVENT, events)
    return Applied(created_runs=created)


_INSERT_EVENT = insert(_event)
_SELECT_EPOCH = (
    select(tables.lease.c.epoch).where(tables.lease.c.name == SCHEDULER).with_for_update(read=True)
)


def _check_epoch(conn: Connection, epoch: int) -> None:
    if conn.execute(_SELECT_EPOCH).scalar() != epoch:
        raise Fenced("another scheduler has taken the lease")


def _create_run(
    conn: Connection,
    turn: Turn,
    run: Run,
    consumed: Sequence[int],
    events: list[dict[str, Any]],
) -> Run | None:
    inserted = insert_run(conn, run, consumed)
    if inserted is not None:
        events.append(_run_event(turn, inserted, None, None))
    return inserted


# ---- attempts ---------------------------------------------------------------------------

_CLAIM = (
    update(_attempt)
    .where(
        _attempt.c.attempt_id == bindparam("b_id"),
        _attempt.c.state == AttemptState.QUEUED.value,
    )
    .values(
        state=AttemptState.RUNNING.value,
        nonce=bindparam("b_nonce"),
        worker=bindparam("b_worker"),
        claimed_at=bindparam("b_at"),
        hb_counter=1,
    )
)
_END = (
    update(_attempt)
    .where(_attempt.c.attempt_id == bindparam("b_id"), _attempt.c.state == bindparam("b_before"))
    .values(
        state=bindparam("b_after"),
        outcome=bindparam("b_outcome"),
        exit_code=bindparam("b_code"),
        exit_signal=bindparam("b_signal"),
        reason=bindparam("b_reason"),
        ended_at=bindparam("b_at"),
    )
)
_INSERT_ATTEMPT = insert(_attempt)
_BEAT = (
    update(_attempt)
    .where(
        _attempt.c.attempt_id == bindparam("b_id"),
        _attempt.c.state == AttemptState.RUNNING.value,
    )
    .values(hb_counter=_attempt.c.hb_counter + 1)
)


def _write_attempts(conn: Connection, turn: Turn, events: list[dict[str, Any]]) -> None:
    if turn.claims:
        params = [
            {"b_id": c.attempt_id, "b_nonce": c.nonce, "b_worker": c.worker, "b_at": c.at}
            for c in turn.claims
        ]
        _all_matched(conn, _CLAIM, params, "an attempt that was claimed")
    if turn.ends:
        ends = [
            {
                "b_id": e.attempt_id,
                "b_before": e.before.value,
                "b_after": e.after.value,
                "b_outcome": e.outcome,
                "b_code": e.exit_code,
                "b_signal": e.exit_signal,
                "b_reason": e.reason,
                "b_at": e.at,
            }
            for e in turn.ends
        ]
        _all_matched(conn, _END, ends, "an attempt that ended")
    if turn.attempts:
        conn.execute(_INSERT_ATTEMPT, [rows.attempt_row(a) for a in turn.attempts])
    if turn.beats:
        conn.execute(_BEAT, [{"b_id": a} for a in turn.beats])


# ---- task instances ---------------------------------------------------------------------

_INSERT_TI = insert(_ti)
_UPDATE_TI = (
    update(_ti)
    .where(
        _ti.c.run_pk == bindparam("b_run"),
        _ti.c.task_id == bindparam("b_task"),
        _ti.c.map_index == bindparam("b_map"),
        _ti.c.state == bindparam("b_state"),
        _ti.c.fence == bindparam("b_fence"),
    )
    .values({c: bindparam(f"v_{c}") for c in rows.TI_VALUES})
)
_DROP_OLD_XCOMS = delete(tables.xcom).where(
    tables.xcom.c.run_pk == bindparam("b_run"),
    tables.xcom.c.task_id == bindparam("b_task"),
    tables.xcom.c.map_index == bindparam("b_map"),
)


def _write_instances(conn: Connection, turn: Turn, events: list[dict[str, Any]]) -> None:
    created = {ti.key: ti for ti in turn.created}
    merged: dict[Any, tuple[TaskInstance, TaskInstance]] = {}
    for change in turn.changes:
        events.append(_task_event(turn, change))
        key = change.after.key
        if key in created:
            # Born in this very turn: inserted in the state it ends the turn in.
            created[key] = change.after
        else:
            first = merged[key][0] if key in merged else change.before
            merged[key] = (first, change.after)
    if created:
        conn.execute(_INSERT_TI, [rows.ti_row(ti) for ti in created.values()])
    if merged:
        updates = [rows.ti_update(before, after) for before, after in merged.values()]
        if conn.execute(_UPDATE_TI, updates).rowcount != len(updates):
            raise TurnConflict("a task instance", sorted({k.run_pk for k in merged}))
    retried = [
        {"b_run": c.after.run_pk, "b_task": c.after.task_id, "b_map": c.after.map_index}
        for c in turn.changes
        if c.after.fence != c.before.fence and c.after.fence > 1
    ]
    if retried:
        # A new attempt starts without the values of the attempts before it.
        conn.execute(_DROP_OLD_XCOMS, retried)


def _task_event(turn: Turn, change: TaskChange) -> dict[str, Any]:
    ti = change.after
    return {
        "at": turn.now,
        "run_pk": ti.run_pk,
        "task_id": ti.task_id,
        "map_index": ti.map_index,
        "fence": ti.fence,
        "try_number": ti.try_number,
        "attempt_id": ti.attempt_id,
        "from_state": change.before.state.value,
        "to_state": ti.state.value,
        "actor": turn.actor,
        "reason": change.reason,
    }


# ---- runs -------------------------------------------------------------------------------

_UPDATE_RUN = (
    update(_run)
    .where(_run.c.run_pk == bindparam("b_pk"), _run.c.state == bindparam("b_state"))
    .values({c: bindparam(f"v_{c}") for c in rows.RUN_VALUES})
)


def _write_runs(
    conn: Connection, changes: Sequence[RunChange], turn: Turn, events: list[dict[str, Any]]
) -> None:
    merged: dict[int, tuple[Run, Run]] = {}
    for change in changes:
        events.append(_run_event(turn, change.after, change.before.state.value, change.reason))
        pk = change.after.run_pk
        merged[pk] = (merged[pk][0] if pk in merged else change.before, change.after)
    if not merged:
        return
    params = [rows.run_update(before, after) for before, after in merged.values()]
    if conn.execute(_UPDATE_RUN, params).rowcount != len(params):
        raise TurnConflict("a run", sorted(merged))


def _run_event(turn: Turn, run: Run, before: str | None, reason: str | None) -> dict[str, Any]:
    return {
        "at": turn.now,
        "run_pk": run.run_pk,
        "task_id": None,
        "map_index": None,
        "fence": None,
        "try_number": None,
        "attempt_id": None,
        "from_state": before,
        "to_state": run.state.value,
        "actor": turn.actor,
        "reason": reason,
    }


# ---- values and bookkeeping -------------------------------------------------------------


def _write_values(conn: Connection, turn: Turn) -> None:
    if turn.xcoms:
        _upsert(
            conn,
            tables.xcom,
            [
                {
                    "run_pk": x.ti.run_pk,
                    "task_id": x.ti.task_id,
                    "map_index": x.ti.map_index,
                    "key": x.key,
                    "attempt_id": x.attempt_id,
                    "value": x.value,
                    "at": turn.now,
                }
                for x in turn.xcoms
            ],
        )
    for ti, key in turn.xcoms_gone:
        conn.execute(
            delete(tables.xcom).where(
                tables.xcom.c.run_pk == ti.run_pk,
                tables.xcom.c.task_id == ti.task_id,
                tables.xcom.c.map_index == ti.map_index,
                tables.xcom.c.key == key,
            )
        )
    if turn.rendered:
        _upsert(
            conn,
            tables.rendered,
            [
                {
                    "run_pk": r.ti.run_pk,
                    "task_id": r.ti.task_id,
                    "map_index": r.ti.map_index,
                    "attempt_id": r.attempt_id,
                    "fields": r.fields,
                    "map_index_label": r.map_index_label,
                }
                for r in turn.rendered
            ],
        )
    for event in turn.asset_events:
        assets.insert_event(conn, event)
    _write_deferrals(conn, turn)


def _write_deferrals(conn: Connection, turn: Turn) -> None:
    table = tables.deferral
    if turn.triggers:
        conn.execute(
            insert(table),
            [
                {
                    "run_pk": t.ti.run_pk,
                    "task_id": t.ti.task_id,
                    "map_index": t.ti.map_index,
                    "fence": t.fence,
                    "classpath": t.classpath,
                    "kwargs": t.kwargs,
                    "next_method": t.next_method,
                    "next_kwargs": t.next_kwargs,
                    "timeout_at": t.timeout_at,
                    "has_result": False,
                    "timed_out": False,
                }
                for t in turn.triggers
            ],
        )
    for r in turn.trigger_results:
        conn.execute(
            update(table)
            .where(*rows.ti_is(table, r.ti), table.c.fence == r.fence)
            .values(has_result=True, payload=r.payload, error=r.error, timed_out=r.timed_out)
        )
    for ti, fence in turn.triggers_gone:
        conn.execute(delete(table).where(*rows.ti_is(table, ti), table.c.fence == fence))


def _write_bookkeeping(conn: Connection, turn: Turn) -> None:
    for owed in turn.callbacks:
        _insert_or_ignore(conn, tables.callback, rows.callback_row(owed, turn.now), ["dedup"])
    for callback_id, error in turn.callbacks_done:
        conn.execute(
            update(tables.callback)
            .where(tables.callback.c.callback_id == callback_id)
            .values(done_at=turn.now, error=error)
        )
    for advance in turn.advances:
        dag = tables.dag
        expected = (
            dag.c.next_due.is_(None)
            if advance.before_due is None
            else dag.c.next_due == advance.before_due
        )
        changed = conn.execute(
            update(dag)
            .where(dag.c.dag_id == advance.dag_id, expected)
            .values(rows.advance_values(advance))
        )
        if changed.rowcount != 1:
            raise TurnConflict(f"the calendar of DAG {advance.dag_id!r}")
    for done in turn.inbox_done:
        conn.execute(
            update(tables.inbox)
            .where(tables.inbox.c.seq == done.seq, tables.inbox.c.done_at.is_(None))
            .values(done_at=turn.now, answer=done.answer, error=done.error)
        )


def _all_matched(conn: Connection, statement: Any, params: list[dict[str, Any]], what: str) -> None:
    if conn.execute(statement, params).rowcount != len(params):
        raise TurnConflict(what)


def _insert_for(conn: Connection, table: Any) -> Any:
    return postgresql.insert(table) if conn.dialect.name == "postgresql" else sqlite.insert(table)


def _upsert(conn: Connection, table: Any, values: list[dict[str, Any]]) -> None:
    keys = [c.name for c in table.primary_key.columns]
    statement = _insert_for(conn, table)
    statement = statement.on_conflict_do_update(
        index_elements=keys,
        set_={c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys},
    )
    conn.execute(statement, values)


def _insert_or_ignore(
    conn: Connection, table: Any, values: dict[str, Any], keys: list[str]
) -> None:
    conn.execute(_insert_for(conn, table).on_conflict_do_nothing(index_elements=keys), values)
