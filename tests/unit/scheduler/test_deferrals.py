"""Deferred tasks and the triggerer that has their triggers."""

from __future__ import annotations

from msgspec.structs import replace

from tests.unit.scheduler.town import Found, Town, dag, scripted
from tradewind.model.ids import AttemptId
from tradewind.model.outcome import Deferred
from tradewind.model.run import Run
from tradewind.model.state import TaskState
from tradewind.scheduler.deferral import trigger_id
from tradewind.wire.messages import Finish

LONG = 3
"""A seed with which the first trigger lasts."""


def deferred(town: Town) -> tuple[Run, AttemptId]:
    """Let a task defer; return its run and the id of its trigger."""
    run = town.trigger()
    town.after(1)
    (launch,) = town.executor.launches
    town.claim(launch)
    outcome = Deferred(trigger="x.Y", kwargs=b"{}", next_method="go", next_kwargs=b"{}")
    told = Finish(seq=2, attempt_id=launch.attempt_id, nonce="n", outcome=outcome)
    assert town.say(told).error is None
    ti = town.tis(run)["a"]
    assert ti.state is TaskState.DEFERRED
    return run, trigger_id(ti.key, ti.fence)


def test_a_trigger_starts_as_soon_as_its_task_has_deferred(found: Found) -> None:
    town = found(dag(scripted()), seed=LONG)
    _, attempt_id = deferred(town)
    assert attempt_id in town.cluster.hosts["triggerer"].runner.jobs


def test_who_is_given_a_trigger_again_goes_on_with_it_and_its_event_counts(found: Found) -> None:
    town = found(dag(scripted()), seed=LONG)
    run, attempt_id = deferred(town)
    triggerer = town.cluster.hosts["triggerer"]
    (node,) = town.cluster.nodes.values()
    deferrals = node.parts.deferrals
    nonce = triggerer.runner.jobs[attempt_id].nonce
    # As after a silence of a lease: the scheduler had taken it away.
    deferrals.disconnected(triggerer.runner.name)
    deferrals.connected(replace(triggerer.hello(), running=()))
    deferrals.launch()
    assert deferrals.current(attempt_id, nonce) is None
    town.after(0.1)
    assert deferrals.current(attempt_id, nonce) is not None
    town.after(60)
    assert town.tis(run)["a"].state is not TaskState.DEFERRED


def test_the_event_of_who_is_given_a_trigger_again_counts_before_it_claims(found: Found) -> None:
    town = found(dag(scripted()), seed=LONG)
    run, attempt_id = deferred(town)
    triggerer = town.cluster.hosts["triggerer"]
    (node,) = town.cluster.nodes.values()
    deferrals = node.parts.deferrals
    job = triggerer.runner.jobs[attempt_id]
    deferrals.disconnected(triggerer.runner.name)
    deferrals.connected(replace(triggerer.hello(), running=()))
    triggerer.runner.finish(job)
    deferrals.launch()
    town.after(1)
    assert town.tis(run)["a"].state is not TaskState.DEFERRED
