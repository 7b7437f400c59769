"""What the leading scheduler commits in one transaction: a `Turn`.

Values only. The scheduler fills a turn in memory; `store.apply.apply` writes it whole or not
at all, and only while the scheduler lease still has the turn's epoch. Attempt rows of remote
workers are moved by `store.attempts` (compare-and-set outside a turn); everything else that
touches a run goes through here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tradewind.model.deadline import Deadline
from tradewind.model.event import RunChange, TaskChange
from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.outcome import Question
from tradewind.model.run import Attempt, Run, TaskInstance
from tradewind.model.state import AttemptState


class AttemptClaim(msgspec.Struct, frozen=True, kw_only=True):
    """queued → running under this nonce."""

    attempt_id: AttemptId
    nonce: str
    worker: str
    at: datetime


class AttemptEnd(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A live attempt ends. before: the state that the row must still have.

    nonce: the claim's, when the end is a report (None for losses and cancels).
    outcome: JSON of the outcome, kept as evidence.
    """

    attempt_id: AttemptId
    before: AttemptState
    after: AttemptState
    at: datetime
    nonce: str | None = None
    outcome: bytes | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    reason: str | None = None


class XComWrite(msgspec.Struct, frozen=True, kw_only=True):
    """Insert or replace one XCom of a task instance.

    value: typed JSON text as bytes; b"" when it is kept elsewhere (see `store.xcoms`).
    kept_at, size: where else, and how many bytes.
    """

    ti: TiKey
    attempt_id: AttemptId
    key: str
    value: bytes
    kept_at: str | None = None
    size: int = 0


class RenderedWrite(msgspec.Struct, frozen=True, kw_only=True):
    """The rendered template fields of an attempt, already masked; JSON bytes."""

    ti: TiKey
    attempt_id: AttemptId
    fields: bytes
    map_index_label: str | None = None


class TriggerWrite(msgspec.Struct, frozen=True, kw_only=True):
    """A task deferred: its trigger's row. The key is (ti, fence)."""

    ti: TiKey
    fence: int
    classpath: str
    kwargs: bytes
    next_method: str
    next_kwargs: bytes
    timeout_at: datetime | None


class TriggerResult(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger ended; its result waits in the row for the resumed attempt."""

    ti: TiKey
    fence: int
    payload: bytes | None = None
    error: str | None = None
    timed_out: bool = False


class QuestionWrite(msgspec.Struct, frozen=True, kw_only=True):
    """A task asks a person; replaces what the task instance asked before."""

    ti: TiKey
    fence: int
    question: Question
    at: datetime
    timeout_at: datetime | None


class AnswerWrite(msgspec.Struct, frozen=True, kw_only=True):
    """A person answered. by: {"id", "name"}."""

    ti: TiKey
    fence: int
    at: datetime
    by: dict[str, str]
    chosen_options: tuple[str, ...]
    params_input: dict[str, Any] = {}


class AssetEventWrite(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One asset event. The asset's row is made when it is new.

    alias: the alias it came through. key: names the event; a second of the same key is dropped.
    """

    name: str
    uri: str
    at: datetime
    extra: dict[str, Any] = {}
    source: TiKey | None = None
    source_dag_id: str | None = None
    source_run_id: str | None = None
    alias: str | None = None
    key: str | None = None


class CallbackWrite(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One callback owed.

    dedup: "<ti or run>:<kind>:<try>:<clear>"; a second of the same key is dropped.
    deadline_id: the deadline that was missed, for kind "deadline".
    """

    dedup: str
    run_pk: int
    kind: str
    task_id: str | None = None
    map_index: int = -1
    try_number: int = 0
    reason: str | None = None
    deadline_id: int | None = None


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run to create (run_pk of `run` is ignored; the database gives it).

    consumed_events: asset event ids that triggered it; each is consumed once for this DAG.
    When a run with this run_id or logical date exists, nothing is created.
    deadlines: by when it must have ended; their run_pk is ignored, too.
    """

    run: Run
    consumed_events: tuple[int, ...] = ()
    deadlines: tuple[Deadline, ...] = ()


class ScheduleAdvance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a DAG's calendar stands now. before_due: what the row must still have.

    last_*: of the latest automated run; next_*: of the next one (for people and for restarts).
    """

    dag_id: str
    before_due: datetime | None
    next_due: datetime | None
    next_logical: datetime | None = None
    next_interval_start: datetime | None = None
    next_interval_end: datetime | None = None
    last_logical: datetime | None = None
    last_interval_start: datetime | None = None
    last_interval_end: datetime | None = None
    last_run_after: datetime | None = None


class InboxDone(msgspec.Struct, frozen=True, kw_only=True):
    """An inbox event was handled. answer: what the caller who waits is told (JSON-able)."""

    seq: int
    answer: dict[str, Any] = {}
    error: str | None = None


class Turn(msgspec.Struct, kw_only=True):
    """Everything of one scheduler turn, in the order in which it is written."""

    epoch: int
    now: datetime
    actor: str = "scheduler"
    new_runs: list[NewRun] = []
    claims: list[AttemptClaim] = []
    ends: list[AttemptEnd] = []
    created: list[TaskInstance] = []
    changes: list[TaskChange] = []
    run_changes: list[RunChange] = []
    attempts: list[Attempt] = []
    assignments: dict[AttemptId, bytes] = {}
    """What to run, of those attempts of the turn that go to remote workers."""
    pending: list[tuple[AttemptId, str]] = []
    """Why attempts that nobody has claimed wait outside, as their executors say."""
    xcoms: list[XComWrite] = []
    xcoms_gone: list[tuple[TiKey, str]] = []
    rendered: list[RenderedWrite] = []
    triggers: list[TriggerWrite] = []
    trigger_results: list[TriggerResult] = []
    triggers_gone: list[tuple[TiKey, int]] = []
    questions: list[QuestionWrite] = []
    answers: list[AnswerWrite] = []
    asset_events: list[AssetEventWrite] = []
    callbacks: list[CallbackWrite] = []
    callbacks_done: list[tuple[int, str | None]] = []
    deadlines_missed: list[int] = []
    deadlines_met: list[tuple[int, datetime]] = []
    """Runs and when they succeeded: their deadlines of that time and later are forgotten."""
    deadlines_moved: list[Deadline] = []
    advances: list[ScheduleAdvance] = []
    inbox_done: list[InboxDone] = []
    beats: list[AttemptId] = []


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that committed.

    created_runs: the runs of `new_runs` with their keys (None: existed).
    """

    created_runs: tuple[Run | None, ...] = ()


class InboxEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the inbox: something that `actions` or another process asks of the leader.

    kind: "run_created" {run_pk}, "cleared" {run_pk, keys, run_state, …}, "marked", "run_marked",
        "dag_published" {dag_id}, "dag_paused", "pools_changed", "claimed",
        "reported", "stopped" (of a remote attempt), "callback_ended", …
    """

    seq: int
    kind: str
    run_pk: int | None
    payload: dict[str, Any]
    at: datetime
