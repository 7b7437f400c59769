"""What tasks and assets keep, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.conformance.store_world import NOW, Leader, at
from tradewind.errors import Fenced
from tradewind.store import states, tables
from tradewind.store.connect import Database
from tradewind.store.read.paging import Slice


def test_only_the_attempt_that_runs_may_write(db: Database) -> None:
    leader = Leader(db)
    ti = leader.claim(leader.queue(leader.create(leader.start_run())))
    with db.write() as conn, pytest.raises(Fenced):
        states.must_run(conn, ti.attempt_id or "", "another")
    with db.read() as conn:
        nonce = conn.execute(select(tables.attempt.c.nonce)).scalar_one()
    with db.write() as conn:
        states.must_run(conn, ti.attempt_id or "", nonce)
    leader.finish(ti)
    with db.write() as conn, pytest.raises(Fenced):
        states.must_run(conn, ti.attempt_id or "", nonce)


def test_values_of_an_asset_are_found_by_name_or_uri(db: Database) -> None:
    with db.write() as conn:
        assert states.asset_called(conn, "a", "s3://a") is None
        place = states.asset_called(conn, "a", "s3://a", make=True)
        assert place is not None
        assert (
            states.asset_called(conn, "a", "") == place == states.asset_called(conn, "", "s3://a")
        )
        assert states.asset_called(conn, "b", "", make=True) is None
        for value in (1, {"x": None}):
            states.put(conn, place, "k", value, NOW, at(10), by={"kind": "task"})
    (kept,), _ = states.find(db, place, NOW, Slice(limit=5))
    assert (kept.value, kept.updated_by) == ({"x": None}, {"kind": "task"})
    assert states.find(db, place, at(10), Slice(limit=5)) == ([], 0)
