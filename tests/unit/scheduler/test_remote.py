"""The leader follows what remote workers did through API servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.unit.scheduler.town import Town, dag, scripted
from tradewind.executors.base import Gone
from tradewind.model.outcome import Deferred, Outcome, Succeeded, Vanished
from tradewind.model.run import Run
from tradewind.model.state import AttemptState, TaskState
from tradewind.store import attempts, callbacks
from tradewind.store.attempts import BeatMove, ClaimMove, EndMove
from tradewind.store.read import scheduling
from tradewind.web.workers.assigned import assigned
from tradewind.wire.messages import Launch
from tradewind.wire.remote import decode_assignment


class Far:
    """A worker that moves its attempt's row as an API server does."""

    def __init__(self, town: Town) -> None:
        self.town = town

    def launch(self) -> Launch:
        return self.town.executor.launches[-1]

    def move(self, move: attempts.Move) -> str | None:
        (verdict,) = attempts.settle(self.town.db, [move], self.town.cluster.clock.now())
        return verdict.error

    def claim(self) -> str | None:
        launch = self.launch()
        error = self.move(
            ClaimMove(
                attempt_id=launch.attempt_id,
                claim_token=launch.claim_token,
                nonce="n",
                worker="far:1",
            )
        )
        self.town.cluster.signal.ring()
        return error

    def beat(self) -> str | None:
        return self.move(BeatMove(attempt_id=self.launch().attempt_id, nonce="n"))

    def end(self, outcome: Outcome, *, ring: bool = True) -> str | None:
        lost = isinstance(outcome, Vanished)
        error = self.move(
            EndMove(
                attempt_id=self.launch().attempt_id,
                nonce="n",
                outcome=msgspec.json.encode(outcome),
                after=AttemptState.LOST if lost else AttemptState.DONE,
                xcoms=(("k", b"1"),),
            )
        )
        if ring:
            self.town.cluster.signal.ring()
        return error


@pytest.fixture
def town(tmp_path: Path, sqlite_template: Path) -> Iterator[Town]:
    made = Town(
        tmp_path,
        sqlite_template,
        dag(scripted("a", retries=1, retry_delay_s=1.0)),
        remote=True,
    )
    yield made
    made.cluster.close()


def started(town: Town) -> Run:
    run = town.trigger()
    town.after(0.5)
    return run


def state(town: Town, run: Run) -> TaskState:
    return town.tis(run)["a"].state


def test_a_queued_attempt_has_what_to_run_in_its_row(town: Town) -> None:
    started(town)
    far = Far(town)
    launch = far.launch()
    moves = [
        ClaimMove(
            attempt_id=launch.attempt_id, claim_token=launch.claim_token, nonce="n", worker="w"
        )
    ]
    (verdict,) = attempts.settle(town.db, moves, town.cluster.clock.now())
    assert verdict.assignment is not None
    assert decode_assignment(verdict.assignment) == launch.assignment


def test_a_claim_and_an_outcome_become_the_tasks_states(town: Town) -> None:
    run, far = started(town), Far(town)
    assert state(town, run) is TaskState.QUEUED
    far.claim()
    town.after(0.5)
    assert state(town, run) is TaskState.RUNNING
    far.end(Succeeded())
    town.after(0.5)
    assert state(town, run) is TaskState.SUCCESS
    assert town.run(run).state.value == "success"


def test_claim_and_outcome_may_be_news_of_one_turn(town: Town) -> None:
    run, far = started(town), Far(town)
    far.move(
        ClaimMove(
            attempt_id=far.launch().attempt_id,
            claim_token=far.launch().claim_token,
            nonce="n",
            worker="w",
        )
    )
    far.end(Succeeded())
    town.after(0.5)
    assert state(town, run) is TaskState.SUCCESS


def test_an_outcome_that_no_leader_has_read_is_read_by_the_next(town: Town) -> None:
    run, far = started(town), Far(town)
    far.claim()
    town.after(0.5)
    (node,) = town.cluster.nodes.values()
    node.paused = True
    far.end(Succeeded())
    node.paused = False
    town.fail_over()
    town.after(2)
    assert state(town, run) is TaskState.SUCCESS


def test_while_it_beats_an_attempt_is_not_lost_and_after_that_it_is(town: Town) -> None:
    run, far = started(town), Far(town)
    far.claim()
    for _ in range(8):
        town.after(20)
        assert far.beat() is None
    assert state(town, run) is TaskState.RUNNING
    town.after(80)
    assert far.beat() == "fenced"
    assert far.end(Succeeded()) == "fenced"
    assert town.tis(run)["a"].try_number == 2


def test_what_an_executor_calls_gone_counts_only_without_an_outcome(town: Town) -> None:
    run, far = started(town), Far(town)
    far.claim()
    far.end(Succeeded(), ring=False)
    town.executor.facts.append(Gone(attempt_id=far.launch().attempt_id, reason="its pod is gone"))
    town.after(20)
    assert state(town, run) is TaskState.SUCCESS


def test_a_deferral_of_a_remote_attempt_is_kept(town: Town) -> None:
    run, far = started(town), Far(town)
    far.claim()
    far.end(
        Deferred(trigger="x.Y", kwargs=b'{"a":1}', next_method="go", next_kwargs=b"{}", timeout_s=9)
    )
    town.after(0.05)
    (kept,) = scheduling.deferrals(town.db)
    assert (kept.classpath, kept.kwargs, kept.next_method) == ("x.Y", b'{"a":1}', "go")
    town.after(20)  # its trigger fires
    launch = far.launch()
    move = ClaimMove(
        attempt_id=launch.attempt_id, claim_token=launch.claim_token, nonce="m", worker="w"
    )
    (verdict,) = attempts.settle(town.db, [move], town.cluster.clock.now())
    assert verdict.assignment is not None
    given = assigned(town.db, verdict.assignment, town.tis(run)["a"].key)
    assert given.resume is not None
    assert given.resume.method == "go"


def test_a_vanished_attempt_is_tried_again(town: Town) -> None:
    run, far = started(town), Far(town)
    far.claim()
    far.end(Vanished(reason="killed by SIGKILL", exit_signal=9))
    town.after(5)
    assert town.tis(run)["a"].try_number == 2
    assert len(town.executor.launches) == 2


def test_callbacks_are_offered_and_struck_off(tmp_path: Path, sqlite_template: Path) -> None:
    town = Town(
        tmp_path,
        sqlite_template,
        dag(scripted("a", callbacks=("success",))),
        remote=True,
    )
    started(town)
    far = Far(town)
    far.claim()
    far.end(Succeeded())
    town.after(1)
    launch = far.launch()
    assert launch.attempt_id.startswith(callbacks.PREFIX)
    offered = callbacks.claim(town.db, launch.attempt_id, launch.claim_token, "n")
    assert decode_assignment(offered.assignment) == launch.assignment
    town.after(50)
    assert far.launch() is launch, "its worker has it"
    town.after(100)
    assert far.launch().attempt_id != launch.attempt_id, "that worker is silent"
    launch = far.launch()
    callbacks.claim(town.db, launch.attempt_id, launch.claim_token, "m")
    now = town.cluster.clock.now()
    callbacks.end(town.db, launch.attempt_id, "m", {"error": None}, now)
    town.after(6)
    assert scheduling.owed_callbacks(town.db, 9) == []
    town.cluster.close()
