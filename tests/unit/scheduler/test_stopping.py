"""What is told to stop ends before its task starts anew, whoever stopped it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.scheduler.town import Town, dag, scripted
from tradewind.actions.clear import clear, clear_run
from tradewind.actions.mark import mark, mark_run
from tradewind.actions.plan import plan, plan_mark
from tradewind.engine.plan import Selection
from tradewind.executors.base import Gone
from tradewind.model.run import Run
from tradewind.model.state import RunState, TaskState
from tradewind.wire.messages import Launch

GRACE_S = 60.0
SPEC = dag(scripted("a"), scripted("b"), fail_fast=True)


@pytest.fixture
def town(tmp_path: Path, sqlite_template: Path) -> Iterator[Town]:
    made = Town(tmp_path, sqlite_template, SPEC)
    yield made
    made.cluster.close()


def _running(town: Town) -> tuple[Run, Launch]:
    """Start a run, and its task "a"."""
    run = town.trigger()
    town.after(1)
    launch = next(x for x in town.executor.launches if x.assignment.task_id == "a")
    town.claim(launch)
    assert town.tis(run)["a"].state is TaskState.RUNNING
    return run, launch


def _order(town: Town, act: Callable[..., object], *args: Any) -> None:
    act(town.db, town.cluster.signal, town.cluster.clock, *args, wait_s=0)
    town.after(0.1)


def _mark_task(town: Town, run: Run) -> None:
    planned = plan_mark(town.db, run, Selection(task_ids=("a",)), TaskState.SUCCESS)
    _order(town, mark, planned, TaskState.SUCCESS)


def _mark_run(town: Town, run: Run) -> None:
    _order(town, mark_run, run, RunState.FAILED)
    assert town.run(run).state is RunState.FAILED


def _fail_fast(town: Town, run: Run) -> None:
    planned = plan_mark(town.db, run, Selection(task_ids=("b",)), TaskState.FAILED)
    assert planned.keys
    other = next(x for x in town.executor.launches if x.assignment.task_id == "b")
    town.claim(other)
    town.executor.facts.append(Gone(attempt_id=other.attempt_id, reason="died", exit_signal=9))
    town.after(6)
    assert {t.state for t in town.tis(run).values()} == {TaskState.FAILED}


STOPS = {"a task is marked": _mark_task, "a run is marked": _mark_run, "fail_fast": _fail_fast}


@pytest.mark.parametrize("stop", sorted(STOPS))
def test_it_starts_anew_when_the_old_attempt_has_ended(town: Town, stop: str) -> None:
    run, old = _running(town)
    STOPS[stop](town, run)
    assert old.attempt_id in town.executor.cancelled
    town.executor.launches.clear()
    _order(town, clear_run, run)
    town.after(10)
    assert town.tis(run)["a"].state is TaskState.NONE
    assert "a" not in {x.assignment.task_id for x in town.executor.launches}
    town.executor.facts.append(Gone(attempt_id=old.attempt_id, reason="killed", exit_signal=15))
    town.after(6)
    assert town.tis(run)["a"].state is TaskState.QUEUED


@pytest.mark.parametrize("cleared", ["before", "after"])
def test_whoever_takes_over_waits_for_it_too(town: Town, cleared: str) -> None:
    run, old = _running(town)
    _mark_run(town, run)
    if cleared == "before":
        _order(town, clear_run, run)
    town.fail_over()
    if cleared == "after":
        _order(town, clear_run, run)
    town.executor.launches.clear()
    town.after(3)
    assert town.tis(run)["a"].state is TaskState.NONE
    town.executor.facts.append(Gone(attempt_id=old.attempt_id, reason="killed", exit_signal=15))
    town.after(6)
    assert town.tis(run)["a"].state is TaskState.QUEUED


def test_what_nobody_hears_of_again_counts_as_ended_after_the_lease(town: Town) -> None:
    run, _ = _running(town)
    _mark_task(town, run)
    planned = plan(town.db, run, Selection(task_ids=("a",)))
    _order(town, clear, planned)
    town.after(GRACE_S - 5)
    assert town.tis(run)["a"].state is TaskState.NONE
    town.after(6)
    assert town.tis(run)["a"].state is TaskState.QUEUED
