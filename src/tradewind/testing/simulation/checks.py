"""What must hold in the database after every turn, and when everything has come to rest.

The numbers are those of the invariants that the engine's `ledger` holds, too: 1 one live
attempt, 2 fences, 6 one outcome a try, 9 legal moves, 12 tries, 13 history, 17 pools, 18
limits, 19 schedules, 20 and 21 how runs end, 22 callbacks, 24 triggers, 28 an end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select, text

from tradewind.engine.machine import ATTEMPT_MOVES, RUN_MOVES, TASK_MOVES
from tradewind.model.ids import AttemptId
from tradewind.model.state import (
    LIVE_STATES,
    TERMINAL_RUN_STATES,
    TERMINAL_STATES,
    AttemptState,
    RunState,
    TaskState,
)
from tradewind.store import tables
from tradewind.testing.simulation.cluster import POOLS, Cluster
from tradewind.testing.simulation.ledger import require

Key = tuple[int, str, int]
Rows = Sequence[Row[Any]]

_ti, _attempt, _run, _event = (
    tables.task_instance,
    tables.attempt,
    tables.dag_run,
    tables.ti_event,
)
_TABLES: dict[str, Mapping[Any, object]] = {
    "task": TASK_MOVES,
    "attempt": ATTEMPT_MOVES,
    "run": RUN_MOVES,
}
_SAME: dict[str, type[TaskState | AttemptState | RunState]] = {
    "task": TaskState,
    "attempt": AttemptState,
    "run": RunState,
}


class Checks:
    """Look at the database from outside, after each turn that changed it."""

    def __init__(self) -> None:
        self._seen_event = 0
        self._states: dict[tuple[str, Key, int], str] = {}
        self._fences: dict[Key, int] = {}

    def __call__(self, cluster: Cluster) -> None:
        """Check what the latest turns wrote.

        Raises:
            Broken: something that must hold does not.
        """
        with cluster.db.read() as conn:
            events = conn.execute(
                select(_event).where(_event.c.seq > self._seen_event).order_by(_event.c.seq)
            ).all()
            if not events:
                return
            self._seen_event = events[-1].seq
            tis = conn.execute(select(_ti)).all()
            attempts = conn.execute(select(_attempt)).all()
            runs = conn.execute(select(_run)).all()
        for event in events:
            self._event(event, cluster.counts)
        self._instances(tis)
        _attempts(attempts)
        _limits(cluster, tis, runs)

    def _event(self, event: Row[Any], counts: Counter[str]) -> None:
        """9 and 13: the history has legal moves only, and each starts where the last ended."""
        subject = event.subject
        if subject not in _SAME:
            return
        key = (event.run_pk, event.task_id or "", event.map_index or 0)
        fence = event.fence if subject == "attempt" else 0
        known = self._states.get((subject, key, fence or 0))
        self._states[subject, key, fence or 0] = event.to_state
        counts[f"{subject} {event.to_state}"] += 1
        if event.from_state is None:
            return
        state = _SAME[subject]
        move = (state(event.from_state), state(event.to_state))
        moved = f"{subject} {key} went from {move[0]} to {move[1]}"
        require(known in {None, event.from_state}, f"13: {moved} and was {known}")
        require(move[0] is move[1] or move in _TABLES[subject], f"9: {moved}")

    def _instances(self, tis: Rows) -> None:
        for ti in tis:
            key = (ti.run_pk, ti.task_id, ti.map_index)
            require(ti.fence >= self._fences.get(key, 0), f"2: the fence of {key} went back")
            self._fences[key] = ti.fence
            require(ti.try_number <= ti.max_tries + 1, f"12: {key} is at try {ti.try_number}")
            known = self._states.get(("task", key, 0))
            require(known in {None, ti.state}, f"13: {key} is {ti.state}, its history says {known}")


def _attempts(attempts: Rows) -> None:
    live = Counter(
        (a.run_pk, a.task_id, a.map_index) for a in attempts if a.state in {"queued", "running"}
    )
    require(not live or max(live.values()) == 1, f"1: two live attempts: {live.most_common(1)}")
    for a in attempts:
        if a.state == "done":
            require(a.nonce is not None, f"5: {a.attempt_id} is done and was never claimed")


def _limits(cluster: Cluster, tis: Rows, runs: Rows) -> None:
    specs = {spec.dag_id: spec for spec in cluster.specs}
    dag_of = {run.run_pk: run.dag_id for run in runs}
    tasks = {d: {t.task_id: t for t in spec.tasks} for d, spec in specs.items()}
    pools, active, far = Counter[str](), Counter[int](), 0
    deferring = {pool.name for pool in POOLS if pool.include_deferred}
    for ti in tis:
        task = tasks[dag_of[ti.run_pk]][ti.task_id]
        state = TaskState(ti.state)
        if state in LIVE_STATES:
            active[ti.run_pk] += 1
            far += task.executor == "FarExecutor"
        if state in LIVE_STATES or (state is TaskState.DEFERRED and task.pool in deferring):
            pools[task.pool] += task.pool_slots
    for pool in POOLS:
        require(pool.slots < 0 or pools[pool.name] <= pool.slots, f"17: pool {pool.name} is over")
    total = sum(active.values())
    require(total <= cluster.settings.parallelism, f"18: {total} tasks at once")
    require(far <= 3, f"18: {far} tasks on the far executor")
    for run_pk, count in active.items():
        most = specs[dag_of[run_pk]].max_active_tasks
        require(count <= most, f"18: {count} tasks of one run, {most} are allowed")
    running = Counter(r.dag_id for r in runs if r.state == "running")
    for dag_id, count in running.items():
        require(count <= specs[dag_id].max_active_runs, f"18: {count} running runs of {dag_id}")


def at_rest(cluster: Cluster) -> bool:
    """Tell whether every run has ended and nothing is owed."""
    with cluster.db.read() as conn:
        live = conn.execute(select(_run.c.run_pk).where(text(tables.LIVE)).limit(1)).first()
        callback = tables.callback
        owed = conn.execute(select(callback.c.callback_id).where(callback.c.done_at.is_(None)))
        return live is None and owed.first() is None


def check_rest(cluster: Cluster) -> None:
    """Check what must hold when everything has come to rest.

    Raises:
        Broken: something does not.
    """
    with cluster.db.read() as conn:
        tis = conn.execute(select(_ti)).all()
        attempts = conn.execute(select(_attempt)).all()
        runs = conn.execute(select(_run)).all()
        deferrals = conn.execute(select(tables.deferral)).all()
        callbacks = conn.execute(select(tables.callback)).all()
        xcoms = conn.execute(select(tables.xcom)).all()
    open_runs = [(r.run_id, r.state) for r in runs if RunState(r.state) not in TERMINAL_RUN_STATES]
    stuck = [
        (t.run_pk, t.task_id, t.map_index, t.state)
        for t in tis
        if TaskState(t.state) not in TERMINAL_STATES
    ]
    require(not open_runs, f"28: {open_runs} do not end: {stuck}")
    require(not stuck, f"20: their runs have ended: {stuck}")
    live = [a.attempt_id for a in attempts if a.state in {"queued", "running"}]
    require(not live, f"16: attempts {live} live on")
    require(not deferrals, f"24: triggers without a deferred task: {len(deferrals)}")
    owed = [c.dedup for c in callbacks if c.done_at is None]
    require(not owed, f"22: callbacks never ran: {owed}")
    states = {a.attempt_id: a.state for a in attempts}
    for xcom in xcoms:
        state = states.get(xcom.attempt_id)
        require(state == "done", f"14: an XCom of {xcom.task_id} is of an attempt that is {state}")
    _outcomes(attempts)
    _started(cluster, attempts)


def _outcomes(attempts: Rows) -> None:
    """6: a try has one outcome that ends it, whatever attempts it took."""
    ends: Counter[tuple[Key, int]] = Counter()
    for a in attempts:
        if a.state == "done" and b'"succeeded"' in (a.outcome or b""):
            ends[(a.run_pk, a.task_id, a.map_index), a.try_number] += 1
    twice = [end for end, count in ends.items() if count > 1]
    require(not twice, f"6: tries that succeeded twice: {twice}")


def _started(cluster: Cluster, attempts: Rows) -> None:
    """4: what ran was claimed; what is done did run. Who only rescheduled may be folded away."""
    claimed = {a.attempt_id for a in attempts if a.nonce is not None}
    known = {a.attempt_id for a in attempts}
    claimed |= cluster.witness.rescheduled - known
    for attempt_id in cluster.witness.starts:
        require(attempt_id in claimed, f"4: {attempt_id} ran without a claim")
    for a in attempts:
        if a.state == "done":
            ran = cluster.witness.starts.get(AttemptId(a.attempt_id), 0)
            require(ran == 1, f"3: {a.attempt_id} is done and ran {ran} times")
