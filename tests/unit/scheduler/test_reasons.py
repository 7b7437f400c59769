"""Why a task does not run: told to whoever asks, and in the log where nothing but people help."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from tests.unit.scheduler.town import Found, Town, dag, scripted
from tradewind.actions.pause import pause
from tradewind.actions.pools import delete_pool, set_pool
from tradewind.actions.reasons import Reasons
from tradewind.engine.admit import Capacity
from tradewind.errors import NotFound
from tradewind.executors.base import Pending
from tradewind.model.event import Blocked
from tradewind.model.ids import TaskKey
from tradewind.model.run import Pool, Run
from tradewind.model.spec import TaskSpec
from tradewind.model.state import RunState, TaskState
from tradewind.testing.simulation.network import EPOCH


def why(town: Town, run: Run, task_id: str = "a", *, later_s: float = 0) -> tuple[Blocked, ...]:
    capacity = Capacity(
        pools={},
        executors={"LocalExecutor": None, "Scripted": None},
        parallelism=6,
        default_executor="LocalExecutor",
    )
    now = town.cluster.clock.now() + timedelta(seconds=later_s)
    return Reasons(town.db, now, capacity).of(run, TaskKey(task_id))


def only(blocked: tuple[Blocked, ...]) -> tuple[str, str]:
    [one] = blocked
    return one.code, one.text


def warnings(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    return [m for r in caplog.records if name in (m := r.getMessage()) and r.levelname == "WARNING"]


def test_a_pool_that_does_not_exist_is_named_with_the_fix_until_it_is_made(
    found: Found, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    town = found(dag(scripted(pool="nope"), scripted("b", pool="nope"), scripted("c")))
    clock, signal = town.cluster.clock, town.cluster.signal
    run = town.trigger(run_id="r1")
    town.after(30)
    fix = "pool 'nope' does not exist; create it (tradewind pools set nope SLOTS DESCRIPTION)"
    code, text = only(why(town, run))
    assert (code, text.startswith(fix)) == ("unknown_pool", True), text
    assert town.tis(run)["c"].state is TaskState.QUEUED
    [line] = warnings(caplog, "'nope'")
    assert fix in line
    assert "task 'a' of DAG 'd', run 'r1'" in line

    town.trigger(run_id="r2")
    town.after(30)
    assert ["'r2'" in line for line in warnings(caplog, "'nope'")] == [False, True]

    set_pool(town.db, signal, clock, Pool(name="nope", slots=1))
    town.after(10)
    assert only(why(town, run))[0] == "unclaimed"
    assert only(why(town, run, "b")) == ("pool_full", "pool 'nope' has 0 of 1 slots free")

    delete_pool(town.db, signal, clock, "nope")
    town.after(30)
    assert len(warnings(caplog, "'nope'")) == 4


def test_a_task_larger_than_its_pool_is_told(
    found: Found, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    town = found(dag(scripted(pool="small", pool_slots=3)))
    run = town.trigger()
    town.after(30)
    code, text = only(why(town, run))
    assert code == "pool_too_small"
    assert [text in line for line in warnings(caplog, "'small'")] == [True]


def test_an_executor_that_is_not_configured_is_told(
    found: Found, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    town = found(dag(TaskSpec(task_id="a", executor="Moon")))
    run = town.trigger()
    town.after(30)
    code, text = only(why(town, run))
    assert code == "unknown_executor"
    assert "'Moon' is not configured here; configured: LocalExecutor, Scripted" in text
    assert "core.executor" in text
    assert len(warnings(caplog, "'Moon'")) == 1


def test_an_executors_reason_for_waiting_is_told(found: Found) -> None:
    town = found(dag(scripted()))
    run = town.trigger()
    town.after(5)
    attempt_id = town.executor.launches[-1].attempt_id
    town.executor.facts.append(Pending(attempt_id=attempt_id, reason="the image is pulled"))
    town.after(6)
    assert only(why(town, run)) == (
        "pending",
        "it was handed over and waits: the image is pulled",
    )


def test_what_waits_for_upstreams_or_has_ended(found: Found) -> None:
    town = found(dag(scripted(), TaskSpec(task_id="b", upstream=(0,)), scripted("c", no_op=True)))
    run = town.trigger()
    town.after(5)
    code, text = only(why(town, run, "b"))
    assert (code, text.endswith("waits for 1 upstream(s): a")) == ("upstream", True)
    assert why(town, run, "c") == ()
    with pytest.raises(NotFound, match="no task nobody"):
        why(town, run, "nobody")


def test_a_run_that_has_not_started_says_when_it_does(found: Found) -> None:
    town = found(dag(scripted()))
    run = town.trigger(run_after=EPOCH + timedelta(seconds=100))
    town.after(10)
    assert town.run(run).state is RunState.QUEUED
    [blocked] = why(town, run)
    assert (blocked.code, blocked.until) == ("run_after", EPOCH + timedelta(seconds=100))
    with pytest.raises(NotFound, match="no task nobody"):
        why(town, run, "nobody")


def test_a_paused_dag_holds_its_tasks_back(found: Found) -> None:
    town = found(dag(scripted(), TaskSpec(task_id="b", pool="nope")))
    run = town.trigger()
    town.after(10)
    pause(town.db, town.cluster.signal, town.cluster.clock, "d", paused=True)
    assert only(why(town, run, "b"))[0] == "paused"


def test_without_a_scheduler_that_is_what_holds_all_back(found: Found) -> None:
    town = found(dag(scripted(), TaskSpec(task_id="b", upstream=(0,))))
    run = town.trigger()
    town.after(5)
    assert [b.code for b in why(town, run, "b", later_s=3600)] == ["no_scheduler", "upstream"]
