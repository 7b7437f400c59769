"""Late, repeated and foreign messages change nothing; what is lost is found.

Each of these is also what shows that a guard of the scheduler is needed: see `tests/sim`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from tests.unit.scheduler.town import WORKER, Town, dag, scripted
from tradewind.executors.base import Gone
from tradewind.model.outcome import Deferred, Failed, Succeeded
from tradewind.model.run import Run
from tradewind.model.state import RunState, TaskState
from tradewind.scheduler.deferral import trigger_id
from tradewind.store import tables
from tradewind.testing.simulation.network import EPOCH
from tradewind.wire.messages import (
    Beat,
    Claim,
    Finish,
    Launch,
    Request,
    RunningAttempt,
    SetXCom,
    TriggerFinish,
    XComValue,
)

SPEC = dag(scripted(), max_active_runs=1)
RESUBMIT_S = 30.0
LEASE_S = 60.0


@pytest.fixture
def town(tmp_path: Path, sqlite_template: Path) -> Iterator[Town]:
    made = Town(tmp_path, sqlite_template, SPEC)
    yield made
    made.cluster.close()


def queued(town: Town) -> tuple[Run, Launch]:
    run = town.trigger()
    town.after(1)
    (launch,) = town.executor.launches
    return run, launch


def running(town: Town) -> tuple[Run, Launch]:
    run, launch = queued(town)
    town.claim(launch)
    assert town.tis(run)["a"].state is TaskState.RUNNING
    return run, launch


def claim_of(launch: Launch) -> Claim:
    return Claim(
        seq=1,
        attempt_id=launch.attempt_id,
        nonce="n",
        claim_token=launch.claim_token,
        worker=WORKER,
    )


def finish_of(launch: Launch) -> Finish:
    xcom = XComValue(key="return_value", value=b"1")
    return Finish(
        seq=2, attempt_id=launch.attempt_id, nonce="n", outcome=Succeeded(), xcoms=(xcom,)
    )


def xcoms(town: Town) -> list[bytes]:
    with town.db.read() as conn:
        return list(conn.execute(select(tables.xcom.c.value)).scalars())


def test_only_who_was_given_an_attempt_may_claim_it(town: Town) -> None:
    run, launch = queued(town)
    assert town.say(replace(claim_of(launch), claim_token="guessed")).error == "fenced"
    assert town.tis(run)["a"].state is TaskState.QUEUED
    assert town.say(claim_of(launch)).error is None


def test_a_second_claim_is_refused_and_a_repeated_one_is_the_same(town: Town) -> None:
    _, launch = queued(town)
    assert town.say(claim_of(launch)).error is None
    assert town.say(claim_of(launch)).error is None
    assert town.say(replace(claim_of(launch), nonce="m")).error == "fenced"


def test_two_claims_in_one_turn_start_it_once(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    _, launch = queued(town)
    listener = town.cluster.net.listener
    assert listener is not None
    listener.arrive(None, "another", replace(claim_of(launch), nonce="m"))
    assert town.say(claim_of(launch)).error == "fenced"
    # Not the database, which would refuse the whole turn.
    assert "done again" not in caplog.text


def test_an_outcome_under_another_claim_changes_nothing(town: Town) -> None:
    run, launch = running(town)
    assert town.say(replace(finish_of(launch), nonce="m")).error == "fenced"
    assert town.tis(run)["a"].state is TaskState.RUNNING
    assert xcoms(town) == []
    assert town.say(finish_of(launch)).error is None
    assert town.run(run).state is RunState.SUCCESS


def test_the_first_outcome_counts(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    run, launch = running(town)
    listener = town.cluster.net.listener
    assert listener is not None
    listener.arrive(None, WORKER, finish_of(launch))
    late = Finish(seq=3, attempt_id=launch.attempt_id, nonce="n", outcome=Failed(error="late"))
    listener.arrive(None, WORKER, late)
    town.after(0.1)
    assert town.tis(run)["a"].state is TaskState.SUCCESS
    assert "done again" not in caplog.text
    assert town.say(replace(late, seq=4)).error is None
    assert town.run(run).state is RunState.SUCCESS


def test_a_call_under_another_claim_is_refused(town: Town) -> None:
    _, launch = running(town)
    call = SetXCom(key="k", value=b"1")
    ask = Request(seq=5, attempt_id=launch.attempt_id, nonce="m", call=call)
    assert town.say(ask).error == "fenced"
    assert xcoms(town) == []
    assert town.say(replace(ask, nonce="n")).error is None
    assert xcoms(town) == [b"1"]


def test_what_nobody_claims_is_handed_over_again(town: Town) -> None:
    run, launch = queued(town)
    town.after(RESUBMIT_S + 6)
    assert [x.attempt_id for x in town.executor.launches] == [launch.attempt_id] * 2
    assert town.tis(run)["a"].try_number == 1


def test_what_was_committed_and_not_handed_over_is_handed_over_by_the_next(town: Town) -> None:
    _, launch = queued(town)
    town.executor.launches.clear()
    town.fail_over()
    town.after(1)
    assert {x.attempt_id for x in town.executor.launches} == {launch.attempt_id}


def test_who_is_silent_for_the_lease_is_lost_and_its_outcome_refused(town: Town) -> None:
    run, launch = running(town)
    town.after(LEASE_S - 5)
    assert town.tis(run)["a"].state is TaskState.RUNNING
    town.after(12)
    ti = town.tis(run)["a"]
    assert (ti.state, ti.reason) == (
        TaskState.FAILED,
        f"no sign of life from {WORKER} for {LEASE_S:g} s",
    )
    assert town.say(finish_of(launch)).error == "fenced"
    assert xcoms(town) == []


def test_who_beats_is_not_lost_and_is_told_what_to_stop(town: Town) -> None:
    run, launch = running(town)
    mine = RunningAttempt(launch.attempt_id, "n")
    for _ in range(4):
        town.after(LEASE_S / 2)
        foreign = RunningAttempt(launch.attempt_id, "m")
        assert town.say(Beat(seq=6, attempts=(mine,))).cancel == ()
        assert town.say(Beat(seq=7, attempts=(foreign,))).cancel == (launch.attempt_id,)
    assert town.tis(run)["a"].state is TaskState.RUNNING


def test_a_beat_under_another_claim_keeps_nothing_alive(town: Town) -> None:
    run, launch = running(town)
    for _ in range(4):
        town.after(LEASE_S / 3)
        town.say(Beat(seq=7, attempts=(RunningAttempt(launch.attempt_id, "m"),)))
    assert town.tis(run)["a"].state is TaskState.FAILED


def test_a_loss_before_user_code_costs_no_try(town: Town) -> None:
    run, launch = queued(town)
    town.executor.facts.append(Gone(attempt_id=launch.attempt_id, reason="no node"))
    town.after(6)
    ti = town.tis(run)["a"]
    assert (ti.state, ti.try_number, ti.infra_losses) == (TaskState.QUEUED, 1, 1)
    assert town.executor.launches[-1].attempt_id != launch.attempt_id


def test_a_claim_and_news_of_its_end_in_one_turn_leave_it_running(town: Town) -> None:
    run, launch = queued(town)
    listener = town.cluster.net.listener
    assert listener is not None
    town.executor.facts.append(Gone(attempt_id=launch.attempt_id, reason="stale news"))
    listener.arrive(None, WORKER, claim_of(launch))
    town.after(0.1)
    assert town.tis(run)["a"].state is TaskState.RUNNING
    assert town.say(finish_of(launch)).error is None


def test_no_answer_goes_out_before_its_turn_is_committed(town: Town) -> None:
    run, launch = queued(town)
    with town.db.write() as conn:
        # Somebody wrote past the leader: the turn with the claim is refused, and done again.
        conn.execute(
            tables.task_instance.update()
            .where(tables.task_instance.c.run_pk == run.run_pk)
            .values(fence=tables.task_instance.c.fence + 1)
        )
    assert town.say(claim_of(launch)).error is None
    with town.db.read() as conn:
        row = conn.execute(select(tables.attempt.c.state, tables.attempt.c.nonce)).one()
    assert tuple(row) == ("running", "n")
    assert town.tis(run)["a"].state is TaskState.RUNNING


def test_a_claim_of_what_has_ended_in_the_database_is_refused(town: Town) -> None:
    _, launch = queued(town)
    with town.db.write() as conn:
        conn.execute(tables.attempt.update().values(state="lost", ended_at=EPOCH))
    assert town.say(claim_of(launch)).error == "fenced"


def test_an_outcome_of_what_another_has_claimed_in_the_database_is_refused(town: Town) -> None:
    run, launch = running(town)
    with town.db.write() as conn:
        conn.execute(tables.attempt.update().values(nonce="m"))
    assert town.say(finish_of(launch)).error == "fenced"
    assert town.tis(run)["a"].state is TaskState.RUNNING
    assert xcoms(town) == []


def test_a_trigger_of_an_earlier_deferral_wakes_nobody(town: Town) -> None:
    run, launch = running(town)
    town.cluster.hosts["triggerer"].crash()
    outcome = Deferred(trigger="x.Y", kwargs=b"{}", next_method="go", next_kwargs=b"{}")
    assert town.say(replace(finish_of(launch), outcome=outcome)).error is None
    ti = town.tis(run)["a"]
    assert ti.state is TaskState.DEFERRED
    for fence in (ti.fence - 1, ti.fence):
        attempt_id = trigger_id(ti.key, fence)
        assert town.say(TriggerFinish(seq=8, attempt_id=attempt_id, nonce="m")).error == "fenced"
    assert town.tis(run)["a"].state is TaskState.DEFERRED


def test_a_leader_that_lost_the_lease_writes_nothing(town: Town) -> None:
    run, launch = queued(town)
    for _ in range(20):
        # Until the leader has just looked at its lease.
        (node,) = town.cluster.nodes.values()
        if node.parts.leadership.just_beaten:
            break
        town.after(0.5)
        town.say(Beat(seq=9, attempts=()))
    with town.db.write() as conn:
        conn.execute(tables.lease.update().values(epoch=tables.lease.c.epoch + 1, holder="other"))
    listener = town.cluster.net.listener
    assert listener is not None
    listener.arrive(None, WORKER, claim_of(launch))
    town.after(0.1)
    assert town.tis(run)["a"].state is TaskState.QUEUED


def test_a_second_run_waits_for_its_place(town: Town) -> None:
    first, launch = running(town)
    second = town.trigger()
    town.after(6)
    assert town.run(second).state is RunState.QUEUED
    assert town.say(finish_of(launch)).error is None
    assert town.run(first).state is RunState.SUCCESS
    assert town.run(second).state is RunState.RUNNING
