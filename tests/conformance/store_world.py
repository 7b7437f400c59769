"""What the store's tests are made of: a leader, a run, tasks and their moves."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tradewind.model.event import RunChange, TaskChange
from tradewind.model.ids import UNMAPPED, AttemptId, TiKey
from tradewind.model.run import Attempt, Run, TaskInstance
from tradewind.model.state import AttemptState, RunState, RunType, TaskState
from tradewind.store import leases
from tradewind.store.apply import apply
from tradewind.store.connect import Database
from tradewind.store.turn import Applied, AttemptClaim, AttemptEnd, NewRun, Turn

NOW = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_run(run_id: str = "r1", dag_id: str = "d", **fields: Any) -> Run:
    base: dict[str, Any] = {
        "run_pk": 0,
        "dag_id": dag_id,
        "run_id": run_id,
        "run_type": RunType.MANUAL,
        "state": RunState.QUEUED,
        "version_id": 1,
        "run_after": NOW,
        "queued_at": NOW,
    }
    return Run(**(base | fields))


class Leader:
    """A scheduler as the store sees it: it holds the lease and commits turns."""

    def __init__(self, db: Database) -> None:
        self.db = db
        epoch = leases.take(db, leases.SCHEDULER, "leader", leases.read(db, leases.SCHEDULER))
        assert epoch is not None
        self.epoch = epoch
        self._ids = itertools.count(1)

    def turn(self, **parts: Any) -> Turn:
        base: dict[str, Any] = {"epoch": self.epoch, "now": NOW}
        return Turn(**(base | parts))

    def apply(self, **parts: Any) -> Applied:
        return apply(self.db, self.turn(**parts))

    def start_run(self, run: Run | None = None) -> Run:
        applied = self.apply(new_runs=[NewRun(run=run or a_run())])
        created = applied.created_runs[0]
        assert created is not None
        running = msgspec.structs.replace(created, state=RunState.RUNNING, started_at=NOW)
        self.apply(run_changes=[RunChange(created, running)])
        return running

    def create(
        self, run: Run, task_id: str = "a", map_index: int = UNMAPPED, **fields: Any
    ) -> TaskInstance:
        ti = TaskInstance(run_pk=run.run_pk, task_id=task_id, map_index=map_index, **fields)
        self.apply(created=[ti])
        return ti

    def queue(self, ti: TaskInstance, **parts: Any) -> TaskInstance:
        """none (or whatever) → queued under a new attempt."""
        queued, changes = self.to_queued(ti)
        changes = parts.pop("changes", []) + changes
        self.apply(changes=changes, attempts=[attempt_of(queued)], **parts)
        return queued

    def to_queued(self, ti: TaskInstance) -> tuple[TaskInstance, list[TaskChange]]:
        scheduled = moved(ti, TaskState.SCHEDULED)
        queued = moved(
            scheduled,
            TaskState.QUEUED,
            fence=ti.fence + 1,
            attempt_id=AttemptId(f"{next(self._ids):032x}"),
            try_number=ti.try_number + 1,
            queued_at=NOW,
        )
        changes = [TaskChange(scheduled, queued)]
        if ti.state is not TaskState.SCHEDULED:
            changes.insert(0, TaskChange(ti, scheduled))
        return queued, changes

    def claim(self, ti: TaskInstance, nonce: str = "n") -> TaskInstance:
        """queued → running."""
        running = moved(ti, TaskState.RUNNING, started_at=NOW)
        self.apply(claims=[claim_of(ti, nonce)], changes=[TaskChange(ti, running)])
        return running

    def finish(
        self, ti: TaskInstance, state: TaskState = TaskState.SUCCESS, **parts: Any
    ) -> TaskInstance:
        """running → whatever."""
        ended = moved(ti, state, ended_at=NOW)
        self.apply(ends=[end_of(ti)], changes=[TaskChange(ti, ended)], **parts)
        return ended

    def run_once(
        self, run: Run, task_id: str = "a", map_index: int = UNMAPPED, **parts: Any
    ) -> TaskInstance:
        """Bring a new task instance to success."""
        ti = self.create(run, task_id, map_index)
        return self.finish(self.claim(self.queue(ti)), **parts)


def moved(ti: TaskInstance, state: TaskState, **fields: Any) -> TaskInstance:
    return msgspec.structs.replace(ti, state=state, **fields)


def attempt_of(ti: TaskInstance, **fields: Any) -> Attempt:
    assert ti.attempt_id is not None
    base: dict[str, Any] = {
        "attempt_id": ti.attempt_id,
        "ti": ti.key,
        "fence": ti.fence,
        "try_number": ti.try_number,
        "state": AttemptState.QUEUED,
        "executor": "LocalExecutor",
        "claim_token": "token",
        "queued_at": NOW,
    }
    return Attempt(**(base | fields))


def claim_of(ti: TaskInstance, nonce: str = "n") -> AttemptClaim:
    assert ti.attempt_id is not None
    return AttemptClaim(attempt_id=ti.attempt_id, nonce=nonce, worker="host:1", at=NOW)


def end_of(ti: TaskInstance, **fields: Any) -> AttemptEnd:
    assert ti.attempt_id is not None
    base: dict[str, Any] = {
        "attempt_id": ti.attempt_id,
        "before": AttemptState.RUNNING,
        "after": AttemptState.DONE,
        "at": NOW,
        "nonce": "n",
        "outcome": b'{"type":"succeeded"}',
        "exit_code": 0,
    }
    return AttemptEnd(**(base | fields))


def key_of(ti: TaskInstance) -> TiKey:
    return ti.key
