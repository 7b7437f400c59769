"""A ring is heard at once, costs nothing when nobody listens, and outlives a lost connection."""

from __future__ import annotations

import select
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tradewind.store.connect import Database, open_database
from tradewind.store.signal import Signal


@pytest.fixture
def listener(db: Database) -> Iterator[Signal]:
    signal = Signal(db, listen=True)
    yield signal
    signal.close()


def rings(signal: Signal, within_s: float = 5.0) -> bool:
    return bool(select.select([signal.fileno()], [], [], within_s)[0])


def test_a_ring_wakes_the_listener(db: Database, listener: Signal) -> None:
    assert not rings(listener, 0)
    Signal(db).ring()
    assert rings(listener)
    assert listener.drain()
    assert not listener.drain()
    assert not rings(listener, 0)


def test_many_rings_are_one(db: Database, listener: Signal) -> None:
    signal = Signal(db)
    for _ in range(500):
        signal.ring()
    assert rings(listener)
    while listener.drain():
        pass
    assert not rings(listener, 0)


def test_a_signal_handler_may_wake_its_own_listener_alone(db: Database, listener: Signal) -> None:
    other = Signal(db, listen=True)
    listener.wake()
    assert rings(listener)
    assert listener.drain()
    assert not rings(listener, 0)
    if db.sqlite_path is None:  # one socket beside a SQLite file: the last listener has it
        assert not rings(other, 0)
    other.close()
    other.wake()


def test_nobody_needs_to_listen(db: Database) -> None:
    Signal(db).ring()
    closed = Signal(db, listen=True)
    closed.close()
    Signal(db).ring()


def test_the_path_may_be_long(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100) / ("y" * 100)
    db = open_database(f"sqlite:///{folder / 'tradewind.db'}")
    listener = Signal(db, listen=True)
    Signal(db).ring()
    assert rings(listener)
    listener.close()
    db.close()


@pytest.mark.postgres
def test_a_lost_connection_is_a_ring_and_is_replaced(postgres_url: str) -> None:
    db = open_database(postgres_url)
    listener = Signal(db, listen=True)
    descriptor = listener.fileno()
    with db.write() as conn:
        conn.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert rings(listener)
    while rings(listener, 0.5):  # a farewell, then the end
        assert listener.drain()
    assert listener.fileno() == descriptor
    Signal(db).ring()
    assert rings(listener)
    assert listener.drain()
    listener.close()
    db.close()


@pytest.mark.postgres
def test_every_listener_hears_on_postgresql(postgres_url: str) -> None:
    db = open_database(postgres_url)
    listeners = [Signal(db, listen=True) for _ in range(2)]
    Signal(db).ring()
    assert all(rings(listener) for listener in listeners)
    for listener in listeners:
        listener.close()
    db.close()
