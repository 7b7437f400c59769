"""What remote workers write, and what they may not write any more."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.conformance.store_world import NOW, Leader, a_run, at, attempt_of, end_of, moved
from tradewind.errors import Fenced, NotFound
from tradewind.model.event import TaskChange
from tradewind.model.ids import AttemptId
from tradewind.model.run import TaskInstance
from tradewind.model.state import AttemptState, TaskState
from tradewind.store import attempts, inbox, tables, xcoms
from tradewind.store.attempts import Report
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


def claim(db: Database, ti: TaskInstance, nonce: str = "n", token: str = "token") -> None:
    attempts.claim(db, id_of(ti), token, nonce, "worker", NOW)


def report(ti: TaskInstance, **fields: Any) -> Report:
    base: dict[str, Any] = {
        "attempt_id": id_of(ti),
        "nonce": "n",
        "outcome": b'{"type":"succeeded"}',
    }
    return Report(**(base | fields))


def state(db: Database, ti: TaskInstance) -> AttemptState:
    found = attempts.get(db, id_of(ti))
    assert found is not None
    return found.state


def news(db: Database) -> list[InboxEvent]:
    return inbox.pending(db, 100)


def test_a_claim_starts_the_attempt_and_tells_the_leader(
    db: Database, queued: TaskInstance
) -> None:
    claimed = attempts.claim(db, id_of(queued), "token", "n", "worker", at(1))
    assert claimed == attempts.get(db, id_of(queued))
    assert (claimed.state, claimed.nonce, claimed.claimed_at) == (
        AttemptState.RUNNING,
        "n",
        at(1),
    )
    assert [(e.kind, e.run_pk, e.payload["attempt_id"]) for e in news(db)] == [
        ("claimed", queued.run_pk, queued.attempt_id)
    ]


def test_the_same_claim_again_is_answered_the_same(db: Database, queued: TaskInstance) -> None:
    claim(db, queued)
    claim(db, queued)
    assert len(news(db)) == 1


@pytest.mark.parametrize(("nonce", "token"), [("other", "token"), ("n", "wrong")])
def test_another_claim_is_refused(
    db: Database, queued: TaskInstance, nonce: str, token: str
) -> None:
    claim(db, queued)
    with pytest.raises(Fenced):
        claim(db, queued, nonce, token)


def test_a_claim_with_a_wrong_token_is_refused(db: Database, queued: TaskInstance) -> None:
    with pytest.raises(Fenced):
        claim(db, queued, token="guessed")
    assert state(db, queued) is AttemptState.QUEUED


def test_an_unknown_attempt_is_not_found(db: Database) -> None:
    with pytest.raises(NotFound):
        attempts.claim(db, AttemptId("0" * 32), "t", "n", "w", NOW)
    assert attempts.get(db, AttemptId("0" * 32)) is None


def test_a_beat_tells_which_attempts_must_stop(
    db: Database, leader: Leader, queued: TaskInstance
) -> None:
    claim(db, queued)
    other = leader.queue(leader.create(leader.start_run(a_run("r2"))))
    claim(db, other, "n2")
    gone = AttemptId("0" * 32)
    running = [(id_of(queued), "n"), (id_of(other), "wrong"), (gone, "n")]
    assert attempts.beat(db, running) == [id_of(other), gone]
    beaten = attempts.get(db, id_of(queued))
    assert beaten is not None
    assert beaten.hb_counter == 2


def test_an_end_commits_everything_at_once(db: Database, queued: TaskInstance) -> None:
    claim(db, queued)
    event = AssetEventWrite(name="a", uri="s3://a", at=NOW, extra={"rows": 3})
    done = report(
        queued,
        xcoms=(("return_value", b"[1,2]"),),
        mapped_length=2,
        returned=True,
        rendered=b'{"bash_command":"true"}',
        exit_code=0,
        asset_events=(event,),
    )
    assert attempts.finish(db, done, at(5))
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
    done = report(queued, xcoms=(("k", b"1"),))
    assert attempts.finish(db, done, NOW)
    assert not attempts.finish(db, report(queued, xcoms=(("k", b"2"),)), NOW)
    assert xcoms.value(db, queued.key, "k") == b"1"
    assert [e.kind for e in news(db)] == ["claimed", "reported"]


def test_nothing_that_a_lost_attempt_sends_is_seen(
    db: Database, leader: Leader, queued: TaskInstance
) -> None:
    claim(db, queued)
    lost = attempts.get(db, id_of(queued))
    assert lost is not None
    again = moved(queued, TaskState.QUEUED, fence=2, attempt_id=AttemptId("a" * 32))
    leader.apply(
        ends=[end_of(queued, after=AttemptState.LOST, nonce=None)],
        changes=[TaskChange(queued, again)],
        attempts=[attempt_of(again)],
    )
    before = history.newest(db)
    with pytest.raises(Fenced):
        attempts.finish(db, report(queued, xcoms=(("k", b"1"),)), NOW)
    with pytest.raises(Fenced):
        attempts.put_xcom(db, id_of(queued), "n", "k", b"1", NOW)
    with pytest.raises(Fenced):
        attempts.delete_xcom(db, id_of(queued), "n", "k")
    with pytest.raises(Fenced):
        attempts.put_rendered(db, id_of(queued), "n", b"{}")
    assert attempts.beat(db, [(id_of(queued), "n")]) == [id_of(queued)]
    assert xcoms.listed(db, queued.run_pk) == []
    assert history.newest(db) == before


def test_a_running_attempt_writes_and_deletes_xcoms(db: Database, queued: TaskInstance) -> None:
    with pytest.raises(Fenced):
        attempts.put_xcom(db, id_of(queued), "n", "k", b"1", NOW)
    claim(db, queued)
    attempts.put_xcom(db, id_of(queued), "n", "k", b"1", NOW)
    attempts.put_xcom(db, id_of(queued), "n", "k", b"2", NOW)
    attempts.put_xcom(db, id_of(queued), "n", "other", b"3", NOW)
    attempts.delete_xcom(db, id_of(queued), "n", "other")
    assert [(x.key, x.size) for x in xcoms.listed(db, queued.run_pk)] == [("k", 1)]
    assert xcoms.value(db, queued.key, "k") == b"2"


def test_rendered_fields_may_be_written_while_running(db: Database, queued: TaskInstance) -> None:
    claim(db, queued)
    attempts.put_rendered(db, id_of(queued), "n", b'{"a":1}')
    with db.read() as conn:
        row = conn.execute(select(tables.rendered)).one()
    assert (bytes(row.fields), row.attempt_id) == (b'{"a":1}', queued.attempt_id)
