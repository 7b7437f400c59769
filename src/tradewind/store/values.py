"""The part of a turn that is not state: XComs, deferrals, callbacks, calendars, answers."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, func, insert, select, update

from tradewind.model.ids import TiKey
from tradewind.model.state import TaskState
from tradewind.store import rows, tables
from tradewind.store.batch import Batch, Params, Prepared
from tradewind.store.dialect import insert_or_ignore, insert_or_replace
from tradewind.store.statements import DROP_XCOM, PUT_RENDERED, PUT_XCOM
from tradewind.store.turn import Turn

RESCHEDULED = b'{"type":"rescheduled"'
"""How the outcome of an attempt that only rescheduled is written."""

_attempt, _callback, _dag, _deferral, _hitl, _inbox, _xcom = (
    tables.attempt,
    tables.callback,
    tables.dag,
    tables.deferral,
    tables.hitl_detail,
    tables.inbox,
    tables.xcom,
)

# ---- XComs and rendered fields ------------------------------------------------------------


def add_values(batch: Batch, turn: Turn) -> None:
    """Add XComs, rendered fields and deferrals."""
    xcoms = [rows.xcom_row(write, turn.now) for write in turn.xcoms]
    batch.add("an XCom", PUT_XCOM, xcoms)
    gone = [{**rows.b_key(ti), "b_key": rows.plain(key)} for ti, key in turn.xcoms_gone]
    batch.add("an XCom", DROP_XCOM, gone)
    rendered = [
        {
            **rows.ti_key(r.ti),
            "attempt_id": r.attempt_id,
            "fields": r.fields,
            "map_index_label": rows.plain(r.map_index_label),
        }
        for r in turn.rendered
    ]
    batch.add("rendered fields", PUT_RENDERED, rendered)
    _add_deferrals(batch, turn)
    _add_questions(batch, turn)


# ---- deferrals --------------------------------------------------------------------------

_DEFER = Prepared(insert(_deferral))
_DEFERRAL_RESULT = Prepared(
    update(_deferral)
    .where(*rows.is_b_key(_deferral), _deferral.c.fence == bindparam("b_fence"))
    .values(has_result=True),
    ["payload", "error", "timed_out"],
)
_DROP_DEFERRAL = Prepared(
    delete(_deferral).where(*rows.is_b_key(_deferral), _deferral.c.fence == bindparam("b_fence"))
)
_DROP_DEFERRALS = Prepared(
    delete(_deferral).where(*rows.is_b_key(_deferral), _deferral.c.fence < bindparam("b_fence"))
)


def _add_deferrals(batch: Batch, turn: Turn) -> None:
    older = [{**rows.b_key(t.ti), "b_fence": t.fence} for t in turn.triggers if t.fence > 1]
    batch.add("an older deferral", _DROP_DEFERRALS, older)
    new = [
        {
            **rows.ti_key(t.ti),
            "fence": t.fence,
            "classpath": t.classpath,
            "kwargs": t.kwargs,
            "next_method": t.next_method,
            "next_kwargs": t.next_kwargs,
            "timeout_at": t.timeout_at,
            "has_result": False,
            "payload": None,
            "error": None,
            "timed_out": False,
        }
        for t in turn.triggers
    ]
    batch.add("a deferral", _DEFER, new)
    results = [
        {
            **rows.b_key(r.ti),
            "b_fence": r.fence,
            "payload": r.payload,
            "error": rows.plain(r.error),
            "timed_out": r.timed_out,
        }
        for r in turn.trigger_results
    ]
    batch.add("a deferral's result", _DEFERRAL_RESULT, results)
    gone = [{**rows.b_key(ti), "b_fence": fence} for ti, fence in turn.triggers_gone]
    batch.add("a deferral", _DROP_DEFERRAL, gone)


# ---- questions to people ------------------------------------------------------------------

_ASK = Prepared(insert_or_replace(_hitl))
_ANSWERED = Prepared(
    update(_hitl).where(*rows.is_b_key(_hitl), _hitl.c.fence == bindparam("b_fence")),
    ["responded_at", "responded_by", "chosen_options", "params_input"],
)


def _add_questions(batch: Batch, turn: Turn) -> None:
    asked = [
        {
            **rows.ti_key(q.ti),
            "fence": q.fence,
            "subject": rows.plain(q.question.subject),
            "body": rows.plain(q.question.body),
            "options": list(q.question.options),
            "defaults": None if q.question.defaults is None else list(q.question.defaults),
            "multiple": q.question.multiple,
            "params": q.question.params,
            "assigned_users": list(q.question.assigned_users),
            "created_at": q.at,
            "timeout_at": q.timeout_at,
            "responded_at": None,
            "responded_by": None,
            "chosen_options": None,
            "params_input": {},
        }
        for q in turn.questions
    ]
    batch.add("a question", _ASK, asked)
    answered = [
        {
            **rows.b_key(a.ti),
            "b_fence": a.fence,
            "responded_at": a.at,
            "responded_by": a.by,
            "chosen_options": list(a.chosen_options),
            "params_input": a.params_input,
        }
        for a in turn.answers
    ]
    batch.add("a person's answer", _ANSWERED, answered)


# ---- what an earlier attempt left behind --------------------------------------------------

_DROP_OLD_XCOMS = Prepared(
    delete(_xcom).where(
        *rows.is_b_key(_xcom),
        _xcom.c.attempt_id.not_in(
            select(_attempt.c.attempt_id).where(
                *rows.is_b_key(_attempt),
                _attempt.c.try_number == bindparam("b_try"),
                _attempt.c.state == "done",
            )
        ),
    )
)
_FOLD_RESCHEDULES = Prepared(
    delete(_attempt).where(
        *rows.is_b_key(_attempt),
        _attempt.c.fence < bindparam("b_fence"),
        _attempt.c.try_number == bindparam("b_try"),
        _attempt.c.state == "done",
        func.substr(_attempt.c.outcome, 1, len(RESCHEDULED)) == RESCHEDULED,
        ~select(_xcom.c.key)
        .where(*rows.is_b_key(_xcom), _xcom.c.attempt_id == _attempt.c.attempt_id)
        .exists(),
    )
)
_TRY_GOES_ON = {
    TaskState.DEFERRED,
    TaskState.AWAITING_INPUT,
    TaskState.UP_FOR_RESCHEDULE,
    TaskState.SCHEDULED,
    TaskState.QUEUED,
    TaskState.RUNNING,
}
_AFTER_AN_ATTEMPT = {TaskState.DEFERRED, TaskState.AWAITING_INPUT, TaskState.SCHEDULED}
"""Where a task with one attempt may be that was deferred by it; scheduled: to go on."""


def add_forgotten(batch: Batch, turn: Turn) -> None:
    """Drop what readers must not see any more.

    * A new attempt starts without the XComs of the attempts before it, except those of its own
      try that were accepted: of the part before a deferral or a reschedule.
    * A sensor that looks every minute for a week makes ten thousand attempts: of those that only
      rescheduled the last is kept, and those whose XComs are read; the others are counted in
      `reschedule_count`.
    * When a try is over, so are its deferrals. Who never had an attempt, or is in its first one,
      cannot have one, so most tasks need no look.
    """
    again = [{**rows.b_key(a.ti), "b_try": a.try_number} for a in turn.attempts if a.fence > 1]
    batch.add("an older XCom", _DROP_OLD_XCOMS, again)
    folded = [
        {**rows.b_key(c.after.key), "b_fence": c.after.fence, "b_try": c.after.try_number}
        for c in turn.changes
        if c.after.state is TaskState.UP_FOR_RESCHEDULE and c.after.reschedule_count > 1
    ]
    batch.add("an attempt that only rescheduled", _FOLD_RESCHEDULES, folded)
    # What defers and is ended by another task in the same turn was running, for those who look.
    deferring = {trigger.ti for trigger in turn.triggers}
    over: dict[TiKey, Params] = {}
    for change in turn.changes:
        before, after = change.before, change.after
        if after.state in _TRY_GOES_ON:
            continue
        went_on = before.fence == 1 and before.state in _AFTER_AN_ATTEMPT
        if before.fence > 1 or went_on or after.key in deferring:
            over[after.key] = {**rows.b_key(after.key), "b_fence": after.fence + 1}
    batch.add("a deferral of a try that is over", _DROP_DEFERRALS, list(over.values()))


# ---- bookkeeping ------------------------------------------------------------------------

_OWE = Prepared(
    insert_or_ignore(_callback, ["dedup"]),
    [
        "dedup",
        "run_pk",
        "kind",
        "task_id",
        "map_index",
        "try_number",
        "reason",
        "owed_at",
        "deadline_id",
    ],
)
_CALLED_BACK = Prepared(
    update(_callback).where(_callback.c.callback_id == bindparam("b_id")), ["done_at", "error"]
)
_ADVANCE = Prepared(
    update(_dag)
    .where(
        _dag.c.dag_id == bindparam("b_dag"),
        _dag.c.next_due.is_not_distinct_from(bindparam("b_due", type_=_dag.c.next_due.type)),
    )
    .values(
        {
            name: func.coalesce(bindparam(f"b_{name}", type_=_dag.c[name].type), _dag.c[name])
            for name in (
                "last_logical",
                "last_interval_start",
                "last_interval_end",
                "last_run_after",
            )
        }
    ),
    ["next_due", "next_logical", "next_interval_start", "next_interval_end"],
)
_ANSWER = Prepared(
    update(_inbox).where(_inbox.c.seq == bindparam("b_seq"), _inbox.c.done_at.is_(None)),
    ["done_at", "answer", "error"],
)


def add_bookkeeping(batch: Batch, turn: Turn) -> None:
    """Add callbacks, calendars and answers."""
    owed = [rows.callback_row(c, turn.now) for c in turn.callbacks]
    batch.add("a callback", _OWE, owed)
    called = [
        {"b_id": callback_id, "done_at": turn.now, "error": rows.plain(error)}
        for callback_id, error in turn.callbacks_done
    ]
    batch.add("a callback", _CALLED_BACK, called)
    moved = [rows.advance_row(a) for a in turn.advances]
    batch.add("a DAG's calendar", _ADVANCE, moved, expect=len(moved))
    answers = [
        {"b_seq": d.seq, "done_at": turn.now, "answer": d.answer, "error": rows.plain(d.error)}
        for d in turn.inbox_done
    ]
    batch.add("an answer", _ANSWER, answers)
