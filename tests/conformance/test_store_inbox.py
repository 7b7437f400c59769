"""Small tables: inbox, pools, components, audit."""

from __future__ import annotations

import pytest

from tests.conformance.store_world import NOW, Leader, at
from tradewind.errors import NotFound, UserError
from tradewind.model.run import Pool
from tradewind.store import audit, components, inbox, pools
from tradewind.store.connect import Database
from tradewind.store.turn import InboxDone


def test_an_event_waits_until_it_is_answered(db: Database) -> None:
    with db.write() as conn:
        first = inbox.append(conn, "cleared", 7, {"keys": [["a", -1]]}, NOW)
        second = inbox.append(conn, "dag_paused", None, {}, NOW)
    found = inbox.pending(db, 10)
    assert [(e.seq, e.kind, e.run_pk) for e in found] == [
        (first, "cleared", 7),
        (second, "dag_paused", None),
    ]
    assert found[0].payload == {"keys": [["a", -1]]}
    assert found[0].at == NOW
    assert [e.seq for e in inbox.pending(db, 1)] == [first]
    assert inbox.answer(db, first) is None

    Leader(db).apply(inbox_done=[InboxDone(seq=first, answer={"cleared": 1}, error=None)])
    assert inbox.answer(db, first) == InboxDone(seq=first, answer={"cleared": 1})
    assert [e.seq for e in inbox.pending(db, 10)] == [second]


def test_an_answer_is_given_once(db: Database) -> None:
    with db.write() as conn:
        seq = inbox.append(conn, "marked", 1, {}, NOW)
    leader = Leader(db)
    leader.apply(inbox_done=[InboxDone(seq=seq, error="no")])
    leader.apply(inbox_done=[InboxDone(seq=seq, answer={"late": True})])
    assert inbox.answer(db, seq) == InboxDone(seq=seq, error="no")


def test_an_event_that_is_rolled_back_is_not_seen(db: Database) -> None:
    with pytest.raises(KeyError), db.write() as conn:  # noqa: PT012  the whole block is rolled back
        inbox.append(conn, "marked", 1, {}, NOW)
        raise KeyError
    assert inbox.pending(db, 10) == []


def test_pools_are_made_changed_and_deleted(db: Database) -> None:
    assert [(p.name, p.slots) for p in pools.all_pools(db)] == [("default_pool", 128)]
    with db.write() as conn:
        pools.set_pool(conn, Pool(name="gpu", slots=2))
        pools.set_pool(conn, Pool(name="gpu", slots=3, description="d", include_deferred=True))
    assert pools.all_pools(db)[1] == Pool(
        name="gpu", slots=3, description="d", include_deferred=True
    )
    with db.write() as conn:
        pools.delete_pool(conn, "gpu")
    with pytest.raises(NotFound, match="gpu"), db.write() as conn:
        pools.delete_pool(conn, "gpu")
    with pytest.raises(UserError, match="default_pool cannot be deleted"), db.write() as conn:
        pools.delete_pool(conn, "default_pool")


def test_the_latest_incarnation_of_a_part_is_found(db: Database) -> None:
    assert components.latest(db, "scheduler") is None
    first = components.register(db, "scheduler", at(0))
    second = components.register(db, "scheduler", at(1))
    other = components.register(db, "triggerer", at(2))
    components.beat(db, first, at(5))
    found = components.latest(db, "scheduler")
    assert found is not None
    assert (found.component_id, found.beat_at, found.started_at) == (first, at(5), at(0))
    components.stop(db, first, at(6))
    assert [c.component_id for c in components.running(db, since=at(1))] == [other, second]
    assert [c.component_id for c in components.running(db, since=at(2))] == [other]


def test_who_did_what_is_kept_with_what_was_done(db: Database) -> None:
    with db.write() as conn:
        audit.record(conn, "trigger", actor="me", now=at(0), dag_id="d", run_id="r")
        audit.record(
            conn, "clear", actor="you", now=at(1), dag_id="d", task_id="a", details={"n": 2}
        )
        audit.record(conn, "login", actor="me", now=at(2))
    with pytest.raises(KeyError), db.write() as conn:  # noqa: PT012  the whole block is rolled back
        audit.record(conn, "never", actor="me", now=at(3))
        raise KeyError
    every, total = audit.entries(db)
    assert ([e.action for e in every], total) == (["login", "clear", "trigger"], 3)
    assert every[1].details == {"n": 2}
    assert [e.action for e in audit.entries(db, dag_id="d")[0]] == ["clear", "trigger"]
    assert [e.action for e in audit.entries(db, actor="me", limit=1, offset=1)[0]] == ["trigger"]
