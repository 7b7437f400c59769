"""Runs, task instances, attempts, pools: the values that cross every boundary."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tradewind.model.ids import UNMAPPED, AttemptId, TaskKey, TiKey
from tradewind.model.state import AttemptState, RunState, RunType, TaskState


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG run.

    logical_date is None for manual runs without one and for asset-triggered runs.
    version_id: the DAG version the run is pinned to; source_hash: the code it is pinned to.
    clear_number: how often the run was cleared.
    """

    run_pk: int
    dag_id: str
    run_id: str
    run_type: RunType
    state: RunState
    version_id: int
    source_hash: str = ""
    tree_hash: str = ""
    run_after: datetime
    logical_date: datetime | None = None
    interval_start: datetime | None = None
    interval_end: datetime | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    conf: dict[str, Any] = {}
    triggered_by: str = "timetable"
    triggering_user: str | None = None
    backfill_id: int | None = None
    clear_number: int = 0
    note: str | None = None


class TaskInstance(msgspec.Struct, frozen=True, kw_only=True):
    """A task instance: one task (and map index) in one run.

    try_number: 0 before the first try, then the number of the current or latest try.
    max_tries: the highest try_number that may still be retried is max_tries; a clear raises it.
    fence: grows by one at each passage into `queued`; 0 before the first.
    due_at: when a retry or reschedule becomes ready, or a deferral times out.
    started_at / ended_at: of the current try; first_started_at: of the try's first poke, which
        a rescheduling sensor counts its timeout from.
    mapped_length: length of the returned list or dict when a downstream maps over it.
    returned: whether the try pushed a `return_value`.
    infra_losses: losses before user code started in this try; they cost no retry.
    map_path: the index at each mapping level, outermost first; empty when unmapped.
    skips: direct downstream task ids that this instance's accepted outcome chose to skip; ("*",)
        is everything downstream. Kept so that a cleared downstream is skipped again.
    """

    run_pk: int
    task_id: str
    map_index: int = UNMAPPED
    state: TaskState = TaskState.NONE
    try_number: int = 0
    max_tries: int = 0
    fence: int = 0
    attempt_id: AttemptId | None = None
    due_at: datetime | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    first_started_at: datetime | None = None
    reschedule_count: int = 0
    mapped_length: int | None = None
    returned: bool = False
    infra_losses: int = 0
    map_path: tuple[int, ...] = ()
    skips: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def key(self) -> TiKey:
        """Return the key among all runs."""
        return TiKey(self.run_pk, self.task_id, self.map_index)

    @property
    def is_placeholder(self) -> bool:
        """Whether it stood for a mapped task's instances, or is a task that was removed whole."""
        return self.state is TaskState.REMOVED and self.map_index == UNMAPPED

    @property
    def in_run(self) -> TaskKey:
        """Return the key inside the run."""
        return TaskKey(self.task_id, self.map_index)


class Stopping(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that was told to stop while it ran, and has not said yet that it ended.

    Its task starts no other attempt meanwhile.

    until: when it counts as ended; by then a worker that nobody hears of has stopped it.
    """

    attempt_id: AttemptId
    ti: TiKey
    executor: str
    until: datetime


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of one task instance to execute, from `queued` to its end.

    claim_token: random, made with the row; only who was given it may claim.
    nonce: random, written by the claim; every later write must name it.
    hb_counter: rises with each heartbeat; a lease is judged by its standing still.
    """

    attempt_id: AttemptId
    ti: TiKey
    fence: int
    try_number: int
    state: AttemptState
    executor: str
    queue: str | None = None
    claim_token: str = ""
    nonce: str | None = None
    worker: str | None = None
    hb_counter: int = 0
    submit_count: int = 0
    queued_at: datetime | None = None
    claimed_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    reason: str | None = None


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A pool of slots.

    slots < 0 is unlimited. include_deferred: deferred tasks hold their slots.
    """

    name: str
    slots: int
    description: str = ""
    include_deferred: bool = False
