"""Clear task instances, so that they run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from tradewind.actions.answer import ANSWER_S
from tradewind.actions.plan import Plan, ask, plan
from tradewind.clock import Clock
from tradewind.engine.plan import Selection
from tradewind.model.run import Run
from tradewind.model.state import RunState
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.signal import Signal


def clear(
    db: Database,
    signal: Signal,
    clock: Clock,
    planned: Plan,
    *,
    latest_version: bool | None = None,
    run_state: RunState | None = RunState.QUEUED,
    actor: str = "",
    wait_s: float = ANSWER_S,
    also: Callable[[Connection], None] = lambda _: None,
) -> Plan:
    """Clear exactly the planned task instances.

    Args:
        db: the database.
        signal: wakes the leader.
        clock: tells the time.
        planned: from `plan`.
        latest_version: whether the run goes on with the DAG's latest version; None: as the DAG
            says in `rerun_with_latest_version`, else yes.
        run_state: what a finished run becomes; None leaves its state alone.
        actor: who asks.
        wait_s: how long to wait for the leader's answer.
        also: writes something in the same transaction.
    """
    if not planned.keys:
        return planned
    payload: dict[str, Any] = {
        "run_state": run_state.value if run_state else None,
        "actor": actor,
    }
    version_id = _version_to_take(db, planned.run, wanted=latest_version)
    if version_id is not None:
        payload["version_id"] = version_id
    return ask(db, signal, clock, "cleared", planned, payload, wait_s, also)


def clear_run(
    db: Database,
    signal: Signal,
    clock: Clock,
    run: Run,
    *,
    actor: str = "",
    wait_s: float,
    also: Callable[[Connection], None] = lambda _: None,
) -> Plan:
    """Clear every task instance of a run."""
    everything = plan(db, run, Selection())
    return clear(db, signal, clock, everything, actor=actor, wait_s=wait_s, also=also)


def _version_to_take(db: Database, run: Run, *, wanted: bool | None) -> int | None:
    latest = scheduling.latest_version(db, run.dag_id)
    if latest is None or latest.version_id == run.version_id:
        return None
    if wanted is None:
        wanted = latest.spec.rerun_with_latest_version is not False
    return latest.version_id if wanted else None
