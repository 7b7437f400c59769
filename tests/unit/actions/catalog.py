"""A database with DAGs in it, and a leader that can be made to answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.store import inbox, leases
from tradewind.store.apply import apply
from tradewind.store.catalog import PublishedFile, publish, remove_files
from tradewind.store.connect import Database
from tradewind.store.signal import Signal
from tradewind.store.turn import InboxDone, InboxEvent, Turn

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class FixedClock:
    """A clock that stands still until somebody waits: each look at it passes a second."""

    def __init__(self, on_wait: Callable[[], None] | None = None) -> None:
        self._elapsed = 0.0
        self._on_wait = on_wait

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        self._elapsed += 1.0
        if self._on_wait is not None:
            self._on_wait()
        return self._elapsed


def published(db: Database, *specs: DagSpec, file: str = "dags.py") -> None:
    found = PublishedFile(dag_file=file, source_hash="s1", specs=specs, parsed_at=NOW)
    publish(db, [found], NOW)
    drain(db)


def unpublished(db: Database, file: str = "dags.py") -> None:
    remove_files(db, [file], NOW)
    drain(db)


def dag(dag_id: str = "etl", **fields: Any) -> DagSpec:
    fields.setdefault("tasks", (TaskSpec(task_id="a"), TaskSpec(task_id="b", upstream=(0,))))
    return DagSpec(dag_id=dag_id, **fields)


def bell(db: Database) -> Signal:
    return Signal(db)


class Leader:
    """Take the lease and answer what is in the inbox."""

    def __init__(self, db: Database) -> None:
        self._db = db
        epoch = leases.take(db, leases.SCHEDULER, "me", leases.read(db, leases.SCHEDULER))
        assert epoch is not None
        self.epoch = epoch

    def answer(self, error: str | None = None) -> list[InboxEvent]:
        events = inbox.pending(self._db, 1000)
        if events:
            turn = Turn(epoch=self.epoch, now=NOW)
            turn.inbox_done = [InboxDone(seq=e.seq, error=error) for e in events]
            apply(self._db, turn)
        return events

    def commit(self, **parts: Any) -> None:
        apply(self._db, Turn(epoch=self.epoch, now=NOW, **parts))


def drain(db: Database) -> list[InboxEvent]:
    """Take what is in the inbox, as a leader would."""
    return Leader(db).answer()
