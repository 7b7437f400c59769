"""Which task instances a clear or a mark means, and how the leader is asked to do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Connection

from tradewind.actions.answer import await_answer
from tradewind.clock import Clock
from tradewind.engine.graph import Graph
from tradewind.engine.live import LiveRun
from tradewind.engine.plan import Selection, everything, selected, to_mark, to_resume
from tradewind.errors import NotFound
from tradewind.model.ids import TaskKey
from tradewind.model.run import Run
from tradewind.model.state import TaskState
from tradewind.store import inbox
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.signal import Signal


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a clear or a mark does to one run.

    keys: exactly these instances. resumed: after a mark, failures below that run again.
    answered: the leader has done it; else it will.
    """

    run: Run
    keys: tuple[TaskKey, ...]
    resumed: tuple[TaskKey, ...] = ()
    answered: bool = False


def plan(db: Database, run: Run, selection: Selection) -> Plan:
    """Return the task instances that clearing a selection means: the dry run.

    Raises:
        NotFound: it names a task that the run does not have.
    """
    live = _live(db, run)
    return Plan(run=live.run, keys=selected(live, selection))


def plan_all(db: Database, run: Run, selection: Selection) -> Plan:
    """Return every task instance of a selection, whatever its state: what a note is written to.

    Raises:
        NotFound: it names a task that the run does not have.
    """
    live = _live(db, run)
    return Plan(run=live.run, keys=everything(live, selection))


def plan_mark(db: Database, run: Run, selection: Selection, state: TaskState) -> Plan:
    """Return the task instances that marking a selection means: the dry run.

    What failed below is part of it: it runs again, as its upstreams are different now.

    Raises:
        NotFound: it names a task that the run does not have.
    """
    live = _live(db, run)
    keys = to_mark(live, selection, state)
    return Plan(run=live.run, keys=keys, resumed=to_resume(live, keys))


def _live(db: Database, run: Run) -> LiveRun:
    rows = scheduling.run_rows(db, run.run_pk)
    if rows is None:
        raise NotFound(f"DAG {run.dag_id!r} has no run {run.run_id!r} any more")
    spec = scheduling.version(db, rows.run.version_id).spec
    return LiveRun.load(Graph.build(spec), rows.run, rows.instances)


def ask(
    db: Database,
    signal: Signal,
    clock: Clock,
    kind: str,
    planned: Plan,
    payload: dict[str, Any],
    wait_s: float,
    also: Callable[[Connection], None] = lambda _: None,
) -> Plan:
    """Put the planned instances before the leader and wait for its answer.

    Args:
        db: the database.
        signal: wakes the leader.
        clock: tells the time.
        kind: of the inbox event.
        planned: the run and its instances.
        payload: what the event says besides.
        wait_s: how long to wait.
        also: writes something in the same transaction.

    Raises:
        UserError: the leader cannot do it; the message says why.
    """
    payload = {"keys": [list(key) for key in planned.keys], **payload}
    with db.write() as conn:
        seq = inbox.append(conn, kind, planned.run.run_pk, payload, clock.now())
        also(conn)
    signal.ring()
    answered = await_answer(db, clock, seq, wait_s) is not None
    return msgspec.structs.replace(planned, answered=answered)
