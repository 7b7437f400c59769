"""What holds runs and tasks back, over the real scheduler and store."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.unit.scheduler.town import Found, dag, scripted
from tradewind.actions.backfill import backfill, plan_backfill
from tradewind.actions.clear import clear
from tradewind.actions.mark import mark
from tradewind.actions.pause import pause
from tradewind.actions.plan import plan, plan_mark
from tradewind.engine.graph import Graph
from tradewind.engine.live import LiveRun
from tradewind.engine.plan import Selection
from tradewind.executors.base import Gone, Pending
from tradewind.model.ids import AttemptId
from tradewind.model.run import Run
from tradewind.model.schedule import DeltaInterval, RelativeDelta
from tradewind.model.spec import ExpandSpec, MapXCom, TaskSpec
from tradewind.model.state import RunState, TaskState
from tradewind.scheduler.work import Work
from tradewind.store import components, tables
from tradewind.testing.simulation.network import EPOCH


def test_a_run_for_a_later_time_waits_for_it(found: Found) -> None:
    town = found(dag(TaskSpec(task_id="a", no_op=True)))
    at = EPOCH + timedelta(seconds=100)
    run = town.trigger(run_after=at)
    town.after(90)
    assert town.run(run).state is RunState.QUEUED
    live = LiveRun.load(Graph.build(town.cluster.specs[0]), town.run(run), [])
    assert live.run.run_after == at
    town.after(15)
    assert town.run(run).state is RunState.SUCCESS
    started = town.run(run).started_at
    assert started is not None
    assert at <= started < at + timedelta(seconds=1)


def test_the_scheduler_passes_on_what_keeps_an_executor_from_its_work(found: Found) -> None:
    town = found(dag(scripted()))
    town.executor.trouble = {"there": "no road"}
    town.after(10)
    part = components.latest(town.db, "scheduler")
    assert part is not None
    assert part.executors is not None
    assert part.executors["Scripted"] == {"there": "no road"}
    town.executor.trouble = {}
    town.after(10)
    part = components.latest(town.db, "scheduler")
    assert part is not None
    assert part.executors is not None
    assert part.executors["Scripted"] == {}


def test_a_run_triggered_while_a_turn_begins_starts_at_the_next(found: Found) -> None:
    town = found(dag(TaskSpec(task_id="a", no_op=True)))
    (node,) = town.cluster.nodes.values()
    runs, clock = node.parts.runs, town.cluster.clock
    began = clock.now()
    clock.elapsed_s += 0.001
    run = town.trigger()
    clock.elapsed_s += 0.001
    assert runs.created(run.run_pk)
    work = Work(node.parts.leadership.epoch or 0, began)
    runs.start_queued(work)
    assert not work.events
    assert runs.next_wake() == run.run_after
    town.after(1)
    assert town.run(run).state is RunState.SUCCESS


def test_a_backfill_keeps_to_its_own_max_active_runs(found: Found) -> None:
    town = found(
        dag(
            TaskSpec(task_id="a"),
            schedule=DeltaInterval(delta=RelativeDelta(seconds=60)),
            start_date=EPOCH - timedelta(seconds=300),
            max_active_runs=16,
        )
    )
    clock, signal = town.cluster.clock, town.cluster.signal
    planned = plan_backfill(town.db, clock, "d", EPOCH - timedelta(seconds=300), EPOCH)
    assert len(planned.create) >= 4
    done = backfill(town.db, signal, clock, planned, max_active_runs=1)
    table = tables.dag_run
    most = 0
    for _ in range(600):
        town.after(0.5)
        with town.db.read() as conn:
            states = list(
                conn.execute(
                    select(table.c.state).where(table.c.backfill_id == done.backfill_id)
                ).scalars()
            )
        most = max(most, states.count("running"))
        if set(states) == {"success"}:
            break
    assert (most, set(states)) == (1, {"success"})


def test_max_map_length_reaches_the_engine(found: Found) -> None:
    over = ExpandSpec(sources=(("x", MapXCom(0)),))
    spec = dag(TaskSpec(task_id="a"), TaskSpec(task_id="m", upstream=(0,), expand=over))
    town = found(spec, max_map_length=1)
    reasons: set[str] = set()
    for _ in range(4):
        run = town.trigger()
        town.after(85)
        tis = town.tis(run)
        assert "m[1]" not in tis
        if town.run(run).state is RunState.FAILED:
            reasons.add(tis["m"].reason or "")
    assert reasons
    assert all("max_map_length" in reason for reason in reasons), reasons


@pytest.mark.parametrize("losses", [0, 2])
def test_max_infra_losses_reaches_the_engine(found: Found, losses: int) -> None:
    town = found(dag(scripted()), max_infra_losses=losses)
    run = town.trigger()
    for loss in range(losses + 1):
        town.after(6)
        assert town.tis(run)["a"].state is TaskState.QUEUED
        attempt_id = town.executor.launches[-1].attempt_id
        town.executor.facts.append(Gone(attempt_id=attempt_id, reason="no node", before_start=True))
        town.after(6)
        assert town.tis(run)["a"].infra_losses == min(loss + 1, losses)
    assert town.tis(run)["a"].state is TaskState.FAILED
    assert len({launch.attempt_id for launch in town.executor.launches}) == losses + 1


def test_what_no_worker_takes_fails_after_the_queued_timeout(found: Found) -> None:
    town = found(dag(scripted(retries=1, retry_delay_s=1000.0)), queued_timeout_s=100.0)
    run = town.trigger()
    town.after(90)
    ti = town.tis(run)["a"]
    assert ti.state is TaskState.QUEUED
    assert len({launch.attempt_id for launch in town.executor.launches}) == 1
    town.executor.facts.append(Pending(attempt_id=ti.attempt_id or "", reason="no free node"))  # type: ignore[arg-type]
    town.after(25)
    after = town.tis(run)["a"]
    assert (after.state, after.try_number, after.infra_losses) == (TaskState.UP_FOR_RETRY, 1, 0)
    assert after.reason == (
        "no worker took it for 100 s (scheduler.task_queued_timeout); "
        "it waited because no free node"
    )
    assert town.executor.cancelled == [ti.attempt_id]


def test_what_waits_in_turn_has_its_time(found: Found) -> None:
    """Others are before it, or the broker is away: the queue's time-out counts from then on."""
    town = found(dag(scripted(retries=1)), queued_timeout_s=100.0)
    run = town.trigger()
    town.after(90)
    attempt_id = AttemptId(town.tis(run)["a"].attempt_id or "")
    town.executor.facts.append(
        Pending(attempt_id=attempt_id, reason="all workers are busy", in_turn=True)
    )
    town.after(90)
    assert town.tis(run)["a"].state is TaskState.QUEUED
    town.after(25)
    assert town.tis(run)["a"].state is TaskState.UP_FOR_RETRY


def test_what_nobody_claims_is_offered_again_at_a_steady_pace(found: Found) -> None:
    town = found(dag(scripted(retries=0)), queued_timeout_s=10_000.0)
    town.trigger()
    town.after(30 * 20)
    assert len(town.executor.launches) >= 18


def test_nothing_of_a_paused_dag_starts(found: Found) -> None:
    town = found(dag(TaskSpec(task_id="a"), scripted("b")))
    clock, signal = town.cluster.clock, town.cluster.signal
    pause(town.db, signal, clock, "d", paused=True)
    run = town.trigger()
    town.after(30)
    assert town.run(run).state is RunState.QUEUED
    pause(town.db, signal, clock, "d", paused=False)
    town.after(1)
    assert town.run(run).state is RunState.RUNNING


def test_a_task_cleared_while_it_runs_waits_for_its_process_to_end(found: Found) -> None:
    town = found(dag(TaskSpec(task_id="a")))
    clock, signal = town.cluster.clock, town.cluster.signal
    witness = town.cluster.witness
    for _ in range(20):
        run = town.trigger()
        town.after(0.1)
        if witness.running:
            break
    [(first, _)] = witness.running.items()
    planned = plan(town.db, run, Selection())
    clear(town.db, signal, clock, planned, wait_s=0)
    town.after(60)
    ti = town.tis(run)["a"]
    assert (ti.state, ti.try_number) == (TaskState.SUCCESS, 2)
    assert first not in witness.running
    with town.db.read() as conn:
        moves = list(
            conn.execute(
                select(tables.ti_event.c.to_state)
                .where(tables.ti_event.c.run_pk == run.run_pk, tables.ti_event.c.subject == "task")
                .order_by(tables.ti_event.c.seq)
            ).scalars()
        )
    again = moves.index("restarting")
    assert moves[again : again + 3] == ["restarting", "none", "scheduled"]


def test_a_mark_lets_what_failed_below_go_on(found: Found) -> None:
    town = found(dag(scripted(), TaskSpec(task_id="b", upstream=(0,), no_op=True)))
    clock, signal = town.cluster.clock, town.cluster.signal
    run = town.trigger()
    town.after(5)
    failed = plan_mark(town.db, run, Selection(task_ids=("a",)), TaskState.FAILED)
    mark(town.db, signal, clock, failed, TaskState.FAILED, wait_s=0)
    town.after(5)
    assert {k: t.state.value for k, t in town.tis(run).items()} == {
        "a": "failed",
        "b": "upstream_failed",
    }
    planned = plan_mark(town.db, run, Selection(task_ids=("a",)), TaskState.SUCCESS)
    mark(town.db, signal, clock, planned, TaskState.SUCCESS, wait_s=0)
    town.after(5)
    assert {t.state for t in town.tis(run).values()} == {TaskState.SUCCESS}
    assert town.run(run).state is RunState.SUCCESS


@pytest.mark.parametrize("busy", [False, True])
def test_a_run_that_waits_for_an_earlier_one_gives_its_place_to_it(
    found: Found, busy: bool
) -> None:
    first = scripted("first") if busy else TaskSpec(task_id="first", no_op=True)
    town = found(dag(first, scripted(depends_on_past=True), max_active_runs=1))
    clock, signal = town.cluster.clock, town.cluster.signal
    selection = Selection(task_ids=("a",))

    def marked(run: Run, state: TaskState, task_id: str = "a") -> None:
        planned = plan_mark(town.db, run, Selection(task_ids=(task_id,)), state)
        mark(town.db, signal, clock, planned, state, wait_s=0)
        town.after(0.5)

    earlier = town.trigger(logical_date=EPOCH - timedelta(days=2))
    later = town.trigger(logical_date=EPOCH - timedelta(days=1))
    town.after(1)
    if busy:
        marked(earlier, TaskState.SUCCESS, "first")
    marked(earlier, TaskState.FAILED)
    assert town.run(earlier).state is RunState.FAILED
    assert town.run(later).state is RunState.RUNNING
    assert town.tis(later)["a"].state is TaskState.NONE
    # What is cleared waits for a place, and the run that has it waits for what is cleared.
    clear(town.db, signal, clock, plan(town.db, earlier, selection), wait_s=0)
    town.after(0.5)
    if busy:
        # What can still move does; then the place is given up.
        assert town.run(earlier).state is RunState.QUEUED
        marked(later, TaskState.SUCCESS, "first")
    assert town.run(earlier).state is RunState.RUNNING
    waiting = town.run(later)
    assert (waiting.state, waiting.started_at) == (RunState.QUEUED, None)
    with town.db.read() as conn:
        moved = tables.ti_event.c.run_pk == later.run_pk, tables.ti_event.c.to_state == "queued"
        reasons = conn.execute(select(tables.ti_event.c.reason).where(*moved)).scalars().all()
    assert f"it waits for run {earlier.run_id!r}, which takes its place" in reasons
    marked(earlier, TaskState.SUCCESS)
    assert town.run(earlier).state is RunState.SUCCESS
    assert town.run(later).state is RunState.RUNNING
    assert town.tis(later)["a"].state is TaskState.QUEUED
