"""Commit a scheduler turn: the one writer of run and task-instance state.

The first statement checks that the scheduler lease still has the turn's epoch. Every UPDATE
names the state (and fence) it expects; when a row does not match, somebody else changed it
and the whole turn is refused. One append-only `ti_event` row is written for each move, in the
same transaction.

When a task instance moves several times in one turn, the row is written once, from the first
state expected to the last decided, and each move has its event. An instance that is born in
the turn is inserted in the state it ends the turn in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from tradewind.errors import Bug, Conflict, Fenced
from tradewind.model.event import RunChange, TaskChange
from tradewind.model.ids import TiKey
from tradewind.model.run import Run, TaskInstance
from tradewind.store import assets, commits, conflicts, rows, tables, values
from tradewind.store.batch import Batch, Mismatch, Params, Prepared
from tradewind.store.connect import Database
from tradewind.store.deadlines import add_deadlines
from tradewind.store.leases import SCHEDULER
from tradewind.store.runs import insert_run
from tradewind.store.statements import BEAT, CLAIM
from tradewind.store.turn import Applied, AttemptEnd, Turn

_ti, _run, _attempt, _event = (
    tables.task_instance,
    tables.dag_run,
    tables.attempt,
    tables.ti_event,
)


class TurnConflict(Conflict):
    """A row was not in the state that the turn expected; nothing was changed.

    run_pks: the runs whose rows differ from what the turn expected. Empty when it was a DAG's
        calendar, or when the rows look right by now.
    """

    def __init__(self, what: str, run_pks: Sequence[int] = ()) -> None:
        super().__init__(f"{what} changed meanwhile; nothing was written")
        self.run_pks = tuple(run_pks)


def apply(db: Database, turn: Turn, *, announce: bool = False) -> Applied:
    """Write a turn, whole or not at all.

    Args:
        db: the database.
        turn: what to write.
        announce: tell those who watch what changes (see `commits`), in the same transaction.

    Raises:
        Fenced: the lease has another epoch: another scheduler leads.
        TurnConflict: a row is not in the state expected.
        Unavailable: the database cannot be reached, and whether the turn was committed is
            unknown; or a large XCom cannot be stored.
    """
    if turn.xcoms and db.shelf is not None:
        turn.xcoms = db.shelf.shelve(turn.xcoms)
    try:
        return _write(db, turn, announce=announce)
    except Mismatch as mismatch:
        raise TurnConflict(mismatch.what, conflicts.runs_that_differ(db, turn)) from mismatch
    except Fenced:
        raise
    except Conflict as refused:
        # A constraint: a second live attempt, a task instance that exists already, …
        raise TurnConflict("a row", conflicts.runs_that_differ(db, turn)) from refused


_HOLD_LEASE = Prepared(
    select(tables.lease.c.epoch)
    .where(tables.lease.c.name == SCHEDULER, tables.lease.c.epoch == bindparam("epoch"))
    .with_for_update(read=True)
)


def _write(db: Database, turn: Turn, *, announce: bool) -> Applied:
    dialect = db.engine.dialect
    lease: tuple[Prepared, Params] = (_HOLD_LEASE, {"epoch": turn.epoch})
    if not turn.new_runs and not turn.asset_events:
        with db.turn() as raw:
            batch = _filled(Batch(dialect, raw), turn)
            commits.announce(batch, db, wanted=announce)
            _must_hold(batch.run(*lease))
        return Applied()
    with db.write() as conn:
        batch = Batch(dialect, conn.connection.driver_connection)
        # New runs' keys come from the database, so they do not travel with the rest.
        _must_hold(batch.run(*lease))
        created = tuple(
            insert_run(
                conn,
                new.run,
                new.consumed_events,
                deadlines=new.deadlines,
                actor=turn.actor,
                now=turn.now,
            )
            for new in turn.new_runs
        )
        _filled(batch, turn)
        commits.announce(batch, db, wanted=announce)
        batch.run()
        for event in turn.asset_events:
            assets.insert_event(conn, event)
    return Applied(created_runs=created)


def _filled(batch: Batch, turn: Turn) -> Batch:
    _add_attempts(batch, turn)
    values.add_values(batch, turn)
    _add_instances(batch, turn)
    _add_runs(batch, turn)
    # After the values: what an attempt leaves in this turn may be forgotten in it, too.
    values.add_forgotten(batch, turn)
    add_deadlines(batch, turn)
    values.add_bookkeeping(batch, turn)
    return batch


def _must_hold(held: bool) -> None:
    if not held:
        raise Fenced("another scheduler has taken the lease")


# ---- attempts ---------------------------------------------------------------------------

_END = Prepared(
    update(_attempt)
    .where(
        _attempt.c.attempt_id == bindparam("b_id"),
        _attempt.c.state == bindparam("b_before"),
        bindparam("b_nonce", type_=_attempt.c.nonce.type).is_(None)
        | (_attempt.c.nonce == bindparam("b_nonce")),
    )
    .values(assignment=None),
    ["state", "outcome", "exit_code", "exit_signal", "reason", "ended_at"],
)
_PENDING = Prepared(
    update(_attempt).where(
        _attempt.c.attempt_id == bindparam("b_id"), _attempt.c.state == "queued"
    ),
    ["reason"],
)
_INSERT_ATTEMPT = Prepared(
    insert(_attempt),
    [
        "attempt_id",
        "run_pk",
        "task_id",
        "map_index",
        "fence",
        "try_number",
        "state",
        "executor",
        "queue",
        "claim_token",
        "assignment",
        "hb_counter",
        "submit_count",
        "queued_at",
    ],
)
_ATTEMPT_EVENT = Prepared(
    insert(_event).from_select(
        [
            "at",
            "subject",
            "run_pk",
            "task_id",
            "map_index",
            "fence",
            "try_number",
            "from_state",
            "to_state",
            "actor",
            "reason",
        ],
        select(
            bindparam("b_at", type_=_event.c.at.type),
            bindparam("b_subject", type_=_event.c.subject.type),
            _attempt.c.run_pk,
            _attempt.c.task_id,
            _attempt.c.map_index,
            _attempt.c.fence,
            _attempt.c.try_number,
            bindparam("b_from", type_=_event.c.from_state.type),
            bindparam("b_to", type_=_event.c.to_state.type),
            bindparam("b_actor", type_=_event.c.actor.type),
            bindparam("b_reason", type_=_event.c.reason.type),
        ).where(_attempt.c.attempt_id == bindparam("b_id")),
    )
)


def _add_attempts(batch: Batch, turn: Turn) -> None:
    pending = [{"b_id": a, "reason": rows.plain(reason)} for a, reason in turn.pending]
    batch.add("an attempt that waits", _PENDING, pending)
    claims = [
        {"b_id": c.attempt_id, "nonce": c.nonce, "worker": rows.plain(c.worker), "claimed_at": c.at}
        for c in turn.claims
    ]
    batch.add("an attempt that was claimed", CLAIM, claims, expect=len(claims))
    ends = [_end_row(e) for e in turn.ends]
    batch.add("an attempt that ended", _END, ends, expect=len(ends))
    # The claim of a reconnecting worker's attempt may come in the turn that makes its row.
    new = [rows.attempt_row(a, turn.assignments.get(a.attempt_id)) for a in turn.attempts]
    batch.add("a new attempt", _INSERT_ATTEMPT, new)
    batch.add("a beat", BEAT, [{"b_id": attempt_id} for attempt_id in turn.beats])
    moves: list[tuple[str, str, str, str | None]]
    moves = [(c.attempt_id, "queued", "running", None) for c in turn.claims]
    moves += [(e.attempt_id, e.before.value, e.after.value, e.reason) for e in turn.ends]
    events = [
        {
            "b_id": attempt_id,
            "b_at": turn.now,
            "b_subject": "attempt",
            "b_from": before,
            "b_to": after,
            "b_actor": turn.actor,
            "b_reason": rows.plain(reason),
        }
        for attempt_id, before, after, reason in moves
    ]
    batch.add("an attempt's event", _ATTEMPT_EVENT, events)


def _end_row(end: AttemptEnd) -> Params:
    return {
        "b_id": end.attempt_id,
        "b_before": end.before.value,
        "b_nonce": end.nonce,
        "state": end.after.value,
        "outcome": end.outcome,
        "exit_code": end.exit_code,
        "exit_signal": end.exit_signal,
        "reason": rows.plain(end.reason),
        "ended_at": end.at,
    }


# ---- task instances ---------------------------------------------------------------------

_INSERT_TI = Prepared(insert(_ti))
_UPDATE_TI = Prepared(
    update(_ti).where(
        *rows.is_b_key(_ti),
        _ti.c.state == bindparam("b_state"),
        _ti.c.fence == bindparam("b_fence"),
    ),
    rows.TI_VALUES,
)
_INSERT_EVENT = Prepared(insert(_event), [c.name for c in _event.columns if c.name != "seq"])


def _add_instances(batch: Batch, turn: Turn) -> None:
    born: dict[TiKey, TaskInstance] = {ti.key: ti for ti in turn.created}
    first: dict[TiKey, TaskInstance] = {}
    last: dict[TiKey, TaskInstance] = {}
    events: list[Params] = []
    for change in turn.changes:
        events.append(_task_event(turn, change))
        key = change.after.key
        expected = born.get(key) or last.get(key)
        if expected is not None and not _follows(expected, change.before):
            raise Bug(f"two changes of {key} in one turn do not follow each other")
        if key in born:
            born[key] = change.after
        else:
            first.setdefault(key, change.before)
            last[key] = change.after
    batch.add("a new task instance", _INSERT_TI, [rows.ti_row(ti) for ti in born.values()])
    updates = [rows.ti_update(before, last[key]) for key, before in first.items()]
    batch.add("a task instance", _UPDATE_TI, updates, expect=len(updates))
    events.extend(
        _event_row(
            turn,
            "attempt",
            a.ti,
            fence=a.fence,
            try_number=a.try_number,
            to_state=a.state.value,
        )
        for a in turn.attempts
    )
    batch.add("an event", _INSERT_EVENT, events)


def _follows(expected: TaskInstance, before: TaskInstance) -> bool:
    return expected.state is before.state and expected.fence == before.fence


def _task_event(turn: Turn, change: TaskChange) -> Params:
    ti = change.after
    return _event_row(
        turn,
        "task",
        ti.key,
        fence=ti.fence,
        try_number=ti.try_number,
        from_state=change.before.state.value,
        to_state=ti.state.value,
        reason=change.reason,
    )


def _event_row(
    turn: Turn,
    subject: str,
    key: TiKey,
    *,
    to_state: str,
    from_state: str | None = None,
    fence: int | None = None,
    try_number: int | None = None,
    reason: str | None = None,
) -> Params:
    return {
        "at": turn.now,
        "subject": subject,
        "run_pk": key.run_pk,
        "task_id": key.task_id,
        "map_index": key.map_index,
        "fence": fence,
        "try_number": try_number,
        "from_state": from_state,
        "to_state": to_state,
        "actor": turn.actor,
        "reason": rows.plain(reason),
    }


# ---- runs -------------------------------------------------------------------------------

_UPDATE_RUN = Prepared(
    update(_run).where(_run.c.run_pk == bindparam("b_pk"), _run.c.state == bindparam("b_state")),
    rows.RUN_VALUES,
)


def _add_runs(batch: Batch, turn: Turn) -> None:
    first: dict[int, Run] = {}
    last: dict[int, Run] = {}
    events = []
    for change in turn.run_changes:
        events.append(_run_event(turn, change))
        first.setdefault(change.before.run_pk, change.before)
        last[change.after.run_pk] = change.after
    updates = [rows.run_update(before, last[run_pk]) for run_pk, before in first.items()]
    batch.add("a run", _UPDATE_RUN, updates, expect=len(updates))
    batch.add("an event", _INSERT_EVENT, events)


def _run_event(turn: Turn, change: RunChange) -> Params:
    run = change.after
    row: dict[str, Any] = dict.fromkeys(("task_id", "map_index", "fence", "try_number"))
    return row | {
        "at": turn.now,
        "subject": "run",
        "run_pk": run.run_pk,
        "from_state": change.before.state.value,
        "to_state": run.state.value,
        "actor": turn.actor,
        "reason": rows.plain(change.reason),
    }
