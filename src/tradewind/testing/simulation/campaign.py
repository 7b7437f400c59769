"""One seed of the scheduler's simulation: faults and users first, then peace and an end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace
from sqlalchemy import select

from tradewind.actions.clear import clear
from tradewind.actions.mark import mark, mark_run
from tradewind.actions.pause import pause
from tradewind.actions.plan import plan, plan_mark
from tradewind.actions.trigger import trigger
from tradewind.engine.plan import Selection
from tradewind.model.ids import AttemptId
from tradewind.model.run import Run
from tradewind.model.schedule import DeltaInterval, RelativeDelta
from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.model.state import RunState, TaskState
from tradewind.store import rows, tables
from tradewind.testing.simulation.checks import Checks, at_rest, check_rest
from tradewind.testing.simulation.cluster import Cluster, far_and_near
from tradewind.testing.simulation.dags import random_dag
from tradewind.testing.simulation.faults import Streams
from tradewind.testing.simulation.ledger import require
from tradewind.testing.simulation.network import EPOCH

SAFETY_S = 240.0
LIVENESS_S = 3_000.0
PATIENCE_S = 600.0
"""After so long only what waits for a failure in an earlier run (depends_on_past) is not done,
and a user clears those failures."""
EVERY_S = 60.0
"""The interval of the DAG that has a schedule."""


def campaign(seed: int, folder: Path, template: Path) -> tuple[Cluster, frozenset[str]]:
    """Play one seed; return its world and the features of its DAG.

    Raises:
        Broken: something that must hold does not.
    """
    streams = Streams(seed)
    spec, features = random_dag(streams("dag"))
    spec = far_and_near(replace(spec, max_active_runs=2), streams)
    cluster = Cluster(folder, template, seed, (spec, _clockwork()), after_turn=Checks())
    try:
        _observe(cluster)
        if streams("standby").random() < 0.5:
            cluster.start("b")
        _plan_acts(cluster, spec.dag_id)
        cluster.go_on(SAFETY_S)
        _heal(cluster, spec.dag_id)
        cluster.go_on_for(30.0)
        while not at_rest(cluster) and cluster.clock.elapsed_s < SAFETY_S + LIVENESS_S:
            cluster.go_on_for(30.0)
            if cluster.clock.elapsed_s > SAFETY_S + PATIENCE_S:
                _clear_failures(cluster, spec.dag_id)
        check_rest(cluster)
        _check_schedule(cluster)
    finally:
        cluster.close()
    return cluster, features


def _clockwork() -> DagSpec:
    return DagSpec(
        dag_id="clockwork",
        tasks=(TaskSpec(task_id="tick", no_op=True),),
        schedule=DeltaInterval(delta=RelativeDelta(seconds=EVERY_S)),
        start_date=EPOCH,
        end_date=EPOCH + timedelta(seconds=SAFETY_S),
        catchup=True,
    )


def _observe(cluster: Cluster) -> None:
    attempt = tables.attempt

    def claimed(attempt_id: AttemptId, nonce: str) -> bool:
        with cluster.db.read() as conn:
            row = conn.execute(
                select(attempt.c.nonce).where(attempt.c.attempt_id == attempt_id)
            ).first()
        return row is not None and row.nonce == nonce

    cluster.witness.claimed = claimed


def _plan_acts(cluster: Cluster, dag_id: str) -> None:
    """Let users and accidents come at random times of the first phase."""
    rng = cluster.streams("acts")
    acts: list[Callable[[], None]] = [lambda: _trigger(cluster, dag_id) for _ in range(3)]
    others = [_clear, _clear, _mark, _mark_run, _pause]
    acts += [lambda act=act: act(cluster, dag_id) for act in rng.sample(others, 3)]  # type: ignore[misc]
    for kind, fault in (("supervisor", "worker_crash"), ("triggerer", "triggerer_crash")):
        if fault in cluster.faults.kinds:
            acts += [lambda k=kind, f=fault: _accident(cluster, k, f) for _ in range(2)]  # type: ignore[misc]
    cluster.agenda.after(0.5, lambda: _trigger(cluster, dag_id))
    for act in acts:
        cluster.agenda.after(rng.uniform(1.0, SAFETY_S - 20.0), act)


def _accident(cluster: Cluster, kind: str, fault: str) -> None:
    cluster.counts[fault] += 1
    cluster.hosts[kind].crash()


def _trigger(cluster: Cluster, dag_id: str) -> None:
    cluster.order(lambda: trigger(cluster.db, cluster.signal, cluster.clock, dag_id))


def _some_run(cluster: Cluster, dag_id: str) -> Run | None:
    table = tables.dag_run
    with cluster.db.read() as conn:
        found = conn.execute(select(table).where(table.c.dag_id == dag_id)).mappings().all()
    runs = [rows.to_run(row) for row in found]
    return cluster.streams("acts").choice(runs) if runs else None


def _clear(cluster: Cluster, dag_id: str) -> None:
    run = _some_run(cluster, dag_id)
    if run is not None:
        planned = plan(cluster.db, run, _selection(cluster, dag_id))
        cluster.counts["a clear"] += bool(planned.keys)
        clear(cluster.db, cluster.signal, cluster.clock, planned, actor="jo", wait_s=0)


def _mark(cluster: Cluster, dag_id: str) -> None:
    run = _some_run(cluster, dag_id)
    if run is not None:
        states = (TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED)
        state = cluster.streams("acts").choice(states)
        planned = plan_mark(cluster.db, run, _selection(cluster, dag_id), state)
        cluster.counts["a mark"] += bool(planned.keys)
        mark(cluster.db, cluster.signal, cluster.clock, planned, state, wait_s=0)


def _mark_run(cluster: Cluster, dag_id: str) -> None:
    run = _some_run(cluster, dag_id)
    if run is not None:
        state = cluster.streams("acts").choice((RunState.SUCCESS, RunState.FAILED))
        mark_run(cluster.db, cluster.signal, cluster.clock, run, state, wait_s=0)


def _pause(cluster: Cluster, dag_id: str) -> None:
    pause(cluster.db, cluster.signal, cluster.clock, dag_id, paused=True)
    cluster.counts["a pause"] += 1

    def go_on() -> None:
        pause(cluster.db, cluster.signal, cluster.clock, dag_id, paused=False)

    cluster.agenda.after(30.0, go_on)


def _selection(cluster: Cluster, dag_id: str) -> Selection:
    rng = cluster.streams("acts")
    tasks = next(spec for spec in cluster.specs if spec.dag_id == dag_id).tasks
    named = tuple(task.task_id for task in rng.sample(tasks, rng.randint(1, 3)))
    return Selection(task_ids=named, downstream=rng.random() < 0.7)


def _heal(cluster: Cluster, dag_id: str) -> None:
    cluster.faults.heal()
    cluster.witness.luck = 1.0
    pause(cluster.db, cluster.signal, cluster.clock, dag_id, paused=False)


def _clear_failures(cluster: Cluster, dag_id: str) -> None:
    table = tables.dag_run
    with cluster.db.read() as conn:
        found = conn.execute(select(table).where(table.c.dag_id == dag_id)).mappings().all()
    for row in found:
        planned = plan(cluster.db, rows.to_run(row), Selection(only_failed=True))
        clear(cluster.db, cluster.signal, cluster.clock, planned, actor="jo", wait_s=0)


def _check_schedule(cluster: Cluster) -> None:
    """19: every interval that has ended has its run, and no other."""
    table = tables.dag_run
    with cluster.db.read() as conn:
        found = conn.execute(
            select(table.c.logical_date)
            .where(table.c.dag_id == "clockwork")
            .order_by(table.c.logical_date)
        ).scalars()
        dates = [round((date - EPOCH).total_seconds()) for date in found]
    count = int(SAFETY_S // EVERY_S)
    expected = [round(i * EVERY_S) for i in range(count)]
    require(dates[:count] == expected and len(dates) <= count + 1, f"19: runs at {dates}")
