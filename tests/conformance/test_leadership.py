"""Who leads, and what makes a leader step down."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import delete

from tests.conformance.store_world import Leader
from tradewind.errors import Fenced
from tradewind.scheduler.leadership import Leadership
from tradewind.store import leases, tables
from tradewind.store.connect import Database

LEASE_S, HEARTBEAT_S = 10.0, 2.0


class FakeClock:
    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def leadership(db: Database, clock: FakeClock) -> Leadership:
    # What happened before this leader: events of a run.
    Leader(db).start_run()
    with db.write() as conn:
        conn.execute(delete(tables.lease))
    leadership = Leadership(db, clock, LEASE_S, HEARTBEAT_S)
    assert leadership.try_lead()
    return leadership


def restore_a_backup(db: Database) -> None:
    with db.write() as conn:
        conn.execute(delete(tables.ti_event).where(tables.ti_event.c.seq > 1))


def test_a_leader_beats_when_it_is_time_to(leadership: Leadership, clock: FakeClock) -> None:
    assert leadership.beat()
    assert not leadership.just_beaten
    clock.at += HEARTBEAT_S
    assert leadership.beat()
    assert leadership.just_beaten


def test_a_leader_whose_lease_was_taken_is_told(
    db: Database, leadership: Leadership, clock: FakeClock
) -> None:
    leases.take(db, leases.SCHEDULER, "another", leases.read(db, leases.SCHEDULER))
    clock.at += HEARTBEAT_S
    assert not leadership.beat()
    # Another holds it now, and beats.
    assert not leadership.try_lead()


def test_a_database_that_went_back_in_time_ends_the_leadership_and_it_leads_again_at_once(
    db: Database, leadership: Leadership, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    before = leadership.epoch
    restore_a_backup(db)
    assert leadership.beat()
    clock.at += HEARTBEAT_S
    with pytest.raises(Fenced, match="went back in time: its newest event is 1"):
        leadership.beat()
    assert "went back in time" in caplog.text
    assert leadership.try_lead()
    assert (leadership.epoch or 0) > (before or 0)
    clock.at += HEARTBEAT_S
    assert leadership.beat()


def test_a_memo_is_forgotten(db: Database) -> None:
    assert db.memo("k", lambda: "old") == "old"
    db.forget()
    assert db.memo("k", lambda: "new") == "new"
