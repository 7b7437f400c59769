"""What remote workers write, and what they may not write any more."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from tests.conformance.store_world import NOW, Leader, a_run, at, attempt_of, end_of, moved
from tradewind.model.event import TaskChange
from tradewind.model.ids import AttemptId
from tradewind.model.run import TaskInstance
from tradewind.model.state import AttemptState, TaskState
from tradewind.store import attempts, inbox, tables, xcoms
from tradewind.store.attempts import (
    BeatMove,
    ClaimMove,
    EndMove,
    Move,
    RenderedMove,
    Verdict,
    XComMove,
)
from tradewind.store.connect import Database
from tradewind.store.read import history
from tradewind.store.turn import AssetEventWrite, InboxEvent


@pytest.fixture
def leader(db: Database) -> Leader:
    return Leader(db)


@pytest.fixture
def queued(leader: Leader) -> TaskInstance:
    return leader.queue(leader.create(leader.start_run()))


def id_of(ti: TaskInstance) -> AttemptId:
    assert ti.attempt_id is not None
    return ti.attempt_id


def claim_move(ti: TaskInstance, nonce: str = "n", token: str = "token") -> ClaimMove:
    return ClaimMove(attempt_id=id_of(ti), claim_token=token, nonce=nonce, worker="worker")


def end_move(ti: TaskInstance, **fields: Any) -> EndMove:
    base: dict[str, Any] = {
        "attempt_id": id_of(ti),
        "nonce": "n",
        "outcome": b'{"type":"succeeded"}',
    }
    return EndMove(**(base | fields))


def one(db: Database, move: Move, now: datetime = NOW) -> Verdict:
    (verdict,) = attempts.settle(db, [move], now)
    return verdict


def claim(db: Database, ti: TaskInstance, nonce: str = "n") -> None:
    assert one(db, claim_move(ti, nonce)).error is None


def put(ti: TaskInstance, key: str, value: bytes | None) -> XComMove:
    return XComMove(attempt_id=id_of(ti), nonce="n", key=key, value=value)


def state(db: Database, ti: TaskInstance) -> AttemptState:
    found = attempts.get(db, id_of(ti))
    assert found is not None
    return found.state


def news(db: Database) -> list[InboxEvent]:
    return inbox.pending(db, 100)


def test_a_claim_starts_the_attempt_and_tells_the_leader(
    db: Database, queued: TaskInstance
) -> None:
    verdict = one(db, claim_move(queued), at(1))
    assert (verdict.error, verdict.new) == (None, True)
    claimed = attempts.get(db, id_of(queued))
    assert claimed is not None
    assert (claimed.state, claimed.nonce, claimed.claimed_at) == (
        AttemptState.RUNNING,
        "n",
        at(1),
    )
    (told,) = news(db)
    assert (told.kind, told.run_pk) == ("claimed", queued.run_pk)
    assert told.payload == {
        "attempt_id": queued.attempt_id,
        "task_id": "a",
        "map_index": -1,
        "fence": 1,
        "nonce": "n",
        "worker": "worker",
    }


def test_a_claim_is_answered_with_what_to_run(db: Database, leader: Leader) -> None:
    ti = leader.create(leader.start_run())
    queued, changes = leader.to_queued(ti)
    leader.apply(
        changes=changes,
        attempts=[attempt_of(queued)],
        assignments={id_of(queued): b"what to run"},
    )
    assert one(db, claim_move(queued)).assignment == b"what to run"
    assert one(db, claim_move(queued)).assignment == b"what to run"
    assert one(db, claim_move(queued, "other")).assignment is None
    one(db, end_move(queued))
    with db.read() as conn:
        assert conn.execute(select(tables.attempt.c.assignment)).scalar() is None


def test_the_same_claim_again_is_answered_the_same(db: Database, queued: TaskInstance) -> None:
    claim(db, queued)
    again = one(db, claim_move(queued))
    assert (again.error, again.new) == (None, False)
    assert len(news(db)) == 1


@pytest.mark.parametrize(("nonce", "token"), [("other", "token"), ("n", "wrong")])
def test_another_claim_is_refused(
    db: Database, queued: TaskInstance, nonce: str, token: str
) -> None:
    claim(db, queued)
    assert one(db, claim_move(queued, nonce, token)).error == "fenced"
    assert len(news(db)) == 1


def test_a_claim_with_a_wrong_token_is_refused(db: Database, queued: TaskInstance) -> None:
    assert one(db, claim_move(queued, token="guessed")).error == "fenced"
    assert state(db, queued) is AttemptState.QUEUED


def test_an_unknown_attempt_is_not_found(db: Database) -> None:
    gone = AttemptId("0" * 32)
    move = ClaimMove(attempt_id=gone, claim_token="t", nonce="n", worker="w")
    assert one(db, move).error == "not_found"
    assert attempts.get(db, gone) is None


def test_a_beat_tells_which_attempts_must_stop(
    db: Database, leader: Leader, queued: TaskInstance
) -> None:
    claim(db, queued)
    other = leader.queue(leader.create(leader.start_run(a_run("r2"))))
    claim(db, other, "n2")
    gone = AttemptId("0" * 32)
    running = [(id_of(queued), "n"), (id_of(other), "wrong"), (gone, "n")]
    verdicts = attempts.settle(db, [BeatMove(attempt_id=a, nonce=n) for a, n in running], NOW)
    assert [v.error for v in verdicts] == [None, "fenced", "not_found"]
    assert attempts.heartbeats(db, [a for a, _ in running]) == {id_of(queued): 2, id_of(other): 1}


def test_an_end_commits_everything_at_once(db: Database, queued: TaskInstance) -> None:
    claim(db, queued)
    event = AssetEventWrite(name="a", uri="s3://a", at=NOW, extra={"rows": 3})
    done = end_move(
        queued,
        xcoms=(("return_value", b"[1,2]"),),
        mapped_length=2,
        returned=True,
        rendered=b'{"bash_command":"true"}',
        exit_code=0,
        asset_events=(event,),
    )
    assert one(db, done, at(5)).new
    found = attempts.get(db, id_of(queued))
    assert found is not None
    assert (found.state, found.exit_code, found.ended_at) == (AttemptState.DONE, 0, at(5))
    assert xcoms.value(db, queued.key, "return_value") == b"[1,2]"
    with db.read() as conn:
        assert len(conn.execute(select(tables.asset_event)).all()) == 1
        assert len(conn.execute(select(tables.rendered)).all()) == 1
    told = news(db)[-1]
    assert told.kind == "reported"
    assert told.payload["outcome"] == {"type": "succeeded"}
    assert (told.payload["mapped_length"], told.payload["returned"]) == (2, True)
    assert [
        (e.from_state, e.to_state)
        for e in history.events(db, queued.run_pk)
        if e.subject == "attempt"
    ] == [(None, "queued"), ("queued", "running"), ("running", "done")]


def test_the_same_end_again_changes_nothing(db: Database, queued: TaskInstance) -> None:
    claim(db, queued)
    assert one(db, end_move(queued, xcoms=(("k", b"1"),))).new
    again = one(db, end_move(queued, xcoms=(("k", b"2"),)))
    assert (again.error, again.new) == (None, False)
    assert xcoms.value(db, queued.key, "k") == b"1"
    assert [e.kind for e in news(db)] == ["claimed", "reported"]


def test_many_moves_are_one_transaction_and_see_each_other(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    first, second = (leader.queue(leader.create(run, "t", i)) for i in range(2))
    moves: list[Move] = [
        claim_move(first),
        claim_move(first, "late"),
        put(first, "k", b"1"),
        end_move(first, xcoms=(("r", b"2"),)),
        put(first, "k", b"3"),
        claim_move(second),
    ]
    errors = [v.error for v in attempts.settle(db, moves, NOW)]
    assert errors == [None, "fenced", None, None, "fenced", None]
    assert (state(db, first), state(db, second)) == (AttemptState.DONE, AttemptState.RUNNING)
    assert [(x.key, x.ti.map_index) for x in xcoms.listed(db, run.run_pk)] == [("k", 0), ("r", 0)]
    assert [(e.kind, e.payload["map_index"]) for e in news(db)] == [
        ("claimed", 0),
        ("reported", 0),
        ("claimed", 1),
    ]


def test_nothing_that_a_lost_attempt_sends_is_seen(
    db: Database, leader: Leader, queued: TaskInstance
) -> None:
    claim(db, queued)
    again = moved(queued, TaskState.QUEUED, fence=2, attempt_id=AttemptId("a" * 32))
    leader.apply(
        ends=[end_of(queued, after=AttemptState.LOST, nonce=None)],
        changes=[TaskChange(queued, again)],
        attempts=[attempt_of(again)],
    )
    before = history.newest(db)
    moves: list[Move] = [
        put(queued, "k", b"1"),
        put(queued, "k", None),
        RenderedMove(attempt_id=id_of(queued), nonce="n", fields=b"{}"),
        BeatMove(attempt_id=id_of(queued), nonce="n"),
        end_move(queued, xcoms=(("k", b"1"),)),
        end_move(queued, nonce="not mine"),
    ]
    assert {v.error for v in attempts.settle(db, moves, NOW)} == {"fenced"}
    assert xcoms.listed(db, queued.run_pk) == []
    assert history.newest(db) == before
    # That it has ended matters to a cleared task, which waits for it.
    assert [e.kind for e in news(db)] == ["claimed", "stopped"]


def test_a_running_attempt_writes_and_deletes_xcoms(db: Database, queued: TaskInstance) -> None:
    assert one(db, put(queued, "k", b"1")).error == "fenced"
    claim(db, queued)
    one(db, put(queued, "k", b"1"))
    one(db, put(queued, "k", b"2"))
    one(db, put(queued, "other", b"3"))
    one(db, put(queued, "other", None))
    assert [(x.key, x.size) for x in xcoms.listed(db, queued.run_pk)] == [("k", 1)]
    assert xcoms.value(db, queued.key, "k") == b"2"


def test_rendered_fields_may_be_written_while_running(db: Database, queued: TaskInstance) -> None:
    claim(db, queued)
    one(db, RenderedMove(attempt_id=id_of(queued), nonce="n", fields=b'{"a":1}'))
    with db.read() as conn:
        row = conn.execute(select(tables.rendered)).one()
    assert (bytes(row.fields), row.attempt_id) == (b'{"a":1}', queued.attempt_id)
