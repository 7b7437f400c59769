"""Set task instances or a run to a state by hand."""

from __future__ import annotations

from tradewind.actions.answer import ANSWER_S, await_answer
from tradewind.actions.plan import Plan, ask
from tradewind.clock import Clock
from tradewind.errors import UserError
from tradewind.model.run import Run
from tradewind.model.state import RunState, TaskState
from tradewind.store import inbox
from tradewind.store.connect import Database
from tradewind.store.signal import Signal

TASK_STATES = (TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED)
RUN_STATES = (RunState.SUCCESS, RunState.FAILED, RunState.QUEUED)


def mark(
    db: Database,
    signal: Signal,
    clock: Clock,
    planned: Plan,
    state: TaskState,
    *,
    actor: str = "",
    wait_s: float = ANSWER_S,
) -> Plan:
    """Set exactly the planned task instances to success, failed or skipped.

    Args:
        db: the database.
        signal: wakes the leader.
        clock: tells the time.
        planned: from `plan_mark`.
        state: the new state.
        actor: who asks.
        wait_s: how long to wait for the leader's answer.

    Raises:
        UserError: another state.
    """
    if state not in TASK_STATES:
        raise UserError(f"a task can be marked {', '.join(TASK_STATES)}, not {state}")
    if not planned.keys:
        return planned
    payload = {
        "state": state.value,
        "actor": actor,
        "resumed": [list(key) for key in planned.resumed],
    }
    return ask(db, signal, clock, "marked", planned, payload, wait_s)


def mark_run(
    db: Database,
    signal: Signal,
    clock: Clock,
    run: Run,
    state: RunState,
    *,
    actor: str = "",
    wait_s: float = ANSWER_S,
) -> bool:
    """Set a run to success, failed or queued; tell whether the leader has done it already.

    Raises:
        UserError: another state.
    """
    if state not in RUN_STATES:
        raise UserError(f"a run can be marked {', '.join(RUN_STATES)}, not {state}")
    payload = {"state": state.value, "actor": actor}
    with db.write() as conn:
        seq = inbox.append(conn, "run_marked", run.run_pk, payload, clock.now())
    signal.ring()
    return await_answer(db, clock, seq, wait_s) is not None
