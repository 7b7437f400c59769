"""What no turn can hold is set aside, and everything else goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.unit.scheduler.town import WORKER, Town, dag, scripted
from tradewind.errors import Bug
from tradewind.executors.base import Gone
from tradewind.model.ids import AttemptId
from tradewind.model.outcome import Succeeded
from tradewind.model.state import RunState, TaskState
from tradewind.scheduler.channel import Message
from tradewind.scheduler.replay import TRIES, Replay
from tradewind.store import inbox, tables
from tradewind.wire.messages import AssetEventOut, Beat, Finish, Request, SetXCom

SPEC = dag(scripted())


@pytest.fixture
def town(tmp_path: Path, sqlite_template: Path) -> Iterator[Town]:
    made = Town(tmp_path, sqlite_template, SPEC)
    yield made
    made.cluster.close()


def _finish(attempt_id: AttemptId, *events: AssetEventOut) -> Finish:
    return Finish(seq=5, attempt_id=attempt_id, nonce="n", outcome=Succeeded(), asset_events=events)


def test_an_outcome_that_cannot_be_recorded_fails_its_task_only(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = town.trigger(), town.trigger(run_id="good")
    town.after(1)
    first, second = town.executor.launches
    town.claim(first)
    town.claim(second)
    listener = town.cluster.net.listener
    assert listener is not None
    # The database cannot take this, and says so in every turn that holds it.
    poison = AssetEventOut(name="orders", uri="", extra={"what": object()})
    with caplog.at_level(logging.ERROR):
        listener.arrive(None, WORKER, _finish(first.attempt_id, poison))
        listener.arrive(None, WORKER, _finish(second.attempt_id))
        town.after(1)
    assert town.run(good).state is RunState.SUCCESS
    assert town.run(bad).state is RunState.FAILED
    reason = town.tis(bad)["a"].reason or ""
    assert reason.startswith("the scheduler cannot record this (")
    assert f"a Finish of far away about {first.attempt_id!r} is set aside" in caplog.text


def test_a_call_that_cannot_be_done_is_refused(town: Town) -> None:
    run = town.trigger()
    town.after(1)
    (launch,) = town.executor.launches
    town.claim(launch)
    call = SetXCom(key="k", value=object())  # type: ignore[arg-type]
    reply = town.say(Request(seq=9, attempt_id=launch.attempt_id, nonce="n", call=call))
    assert reply.error == "invalid"
    assert "cannot record this" in (reply.message or "")
    assert town.say(_finish(launch.attempt_id)).error is None
    assert town.run(run).state is RunState.SUCCESS


def test_an_order_that_cannot_be_done_is_answered(town: Town) -> None:
    run = town.trigger()
    town.after(1)
    now = town.cluster.clock.now()
    with town.db.write() as conn:
        # No action asks for such a mark; the state table has no such move.
        impossible = {"keys": [["a", -1]], "state": "awaiting_input"}
        seq = inbox.append(conn, "marked", run.run_pk, impossible, now)
        inbox.append(conn, "run_marked", run.run_pk, {"state": "failed"}, now)
    town.cluster.signal.ring()
    town.after(1)
    assert town.run(run).state is RunState.FAILED
    with town.db.read() as conn:
        error = conn.execute(
            select(tables.inbox.c.error).where(tables.inbox.c.seq == seq)
        ).scalar_one()
    assert error == (
        "the scheduler cannot do this: a task instance cannot move from queued to awaiting_input"
    )


def test_what_an_executor_said_outlives_a_refused_turn(town: Town) -> None:
    run = town.trigger()
    town.after(1)
    (launch,) = town.executor.launches
    town.claim(launch)
    with town.db.write() as conn:
        # Somebody wrote past the leader: the turn that ends the attempt is refused once.
        conn.execute(
            tables.task_instance.update()
            .where(tables.task_instance.c.run_pk == run.run_pk)
            .values(fence=tables.task_instance.c.fence + 1)
        )
    town.executor.facts.append(Gone(attempt_id=launch.attempt_id, reason="died", exit_signal=9))
    town.after(6)
    assert town.tis(run)["a"].state is TaskState.FAILED


def _beat(seq: int) -> Message:
    return Message("p", Beat(seq=seq, attempts=()))


def test_one_thing_at_a_time_then_everything_again() -> None:
    replay = Replay(inbox_batch=200)
    error = ValueError("no")
    for _ in range(TRIES):
        batch = replay.next([] if replay.pending else [_beat(1), _beat(2)])
        assert (len(batch.messages), batch.inbox) == (2, 200)
        assert replay.refused(batch, [], error) is None
    alone = replay.next([_beat(3)])
    assert (alone.messages, alone.inbox) == ([_beat(1)], 0)
    replay.accepted()
    for attempt in range(TRIES):
        alone = replay.next([])
        assert alone.messages == [_beat(2)]
        answer = replay.refused(alone, [], error)
        assert (answer is not None) == (attempt == TRIES - 1)
    assert answer is not None
    assert (answer[0], answer[1].seq, answer[1].error) == ("p", 2, "fenced")
    for _ in range(2):
        replay.next([])
        replay.accepted()
    assert not replay.pending
    assert replay.next([_beat(4), _beat(5)]).messages == [_beat(4), _beat(5)]


def test_what_strikes_without_a_message_is_not_hidden() -> None:
    replay = Replay(inbox_batch=200)
    error = Bug("always")
    for _ in range(2 * TRIES - 1):
        assert replay.refused(replay.next([]), [], error) is None
    with pytest.raises(Bug, match="always"):
        replay.refused(replay.next([]), [], error)
