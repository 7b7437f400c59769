"""What the engine is told (events), what it decides (changes, effects) and why not (blocked).

Events are past participles: something that happened to one run. A `Step` is the engine's
answer; `store.apply` commits it whole or not at all.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from tradewind.model.ids import AttemptId, TaskKey
from tradewind.model.outcome import Outcome, TriggerFailed, TriggerFired
from tradewind.model.run import Run, TaskInstance
from tradewind.model.state import RunState, TaskState

# ---- events -----------------------------------------------------------------------------


class Started(msgspec.Struct, frozen=True, tag="started"):
    """The run may run: admission found room for it (queued → running)."""


class PutBack(msgspec.Struct, frozen=True, tag="put_back"):
    """The run gives its place to this earlier one, for which it waits (running → queued)."""

    earlier: str


class Admitted(msgspec.Struct, frozen=True, tag="admitted"):
    """Admission gave this scheduled task a slot under a new attempt id."""

    key: TaskKey
    attempt_id: AttemptId


class Claimed(msgspec.Struct, frozen=True, tag="claimed"):
    """A worker claimed the attempt; user code is about to start."""

    key: TaskKey
    attempt_id: AttemptId


class Reported(msgspec.Struct, frozen=True, kw_only=True, tag="reported"):
    """The attempt ended with this outcome. Ignored unless the attempt is current."""

    key: TaskKey
    attempt_id: AttemptId
    outcome: Outcome
    mapped_length: int | None = None
    returned: bool = False


class TriggerReported(msgspec.Struct, frozen=True, kw_only=True, tag="trigger_reported"):
    """The trigger of a deferred task came to something. Ignored unless the fence is current."""

    key: TaskKey
    fence: int
    result: TriggerFired | TriggerFailed


class Cleared(msgspec.Struct, frozen=True, kw_only=True, tag="cleared"):
    """A user cleared exactly these task instances: they run again."""

    keys: tuple[TaskKey, ...]
    run_state: RunState | None = RunState.QUEUED
    actor: str = ""


class Marked(msgspec.Struct, frozen=True, kw_only=True, tag="marked"):
    """A user set exactly these task instances to success, failed or skipped."""

    keys: tuple[TaskKey, ...]
    state: TaskState
    actor: str = ""


class RunMarked(msgspec.Struct, frozen=True, kw_only=True, tag="run_marked"):
    """A user set the run to success, failed or queued."""

    state: RunState
    actor: str = ""


class PastChanged(msgspec.Struct, frozen=True, kw_only=True, tag="past_changed"):
    """Tasks of the previous run that a task here asks about (depends_on_past) have changed."""

    task_ids: tuple[str, ...]


class Ticked(msgspec.Struct, frozen=True, tag="ticked"):
    """Time passed: something may be due (retry, reschedule, a time-out, a start date)."""


Event = (
    Started
    | PutBack
    | Admitted
    | Claimed
    | Reported
    | TriggerReported
    | Cleared
    | Marked
    | RunMarked
    | PastChanged
    | Ticked
)

# ---- what a later run may ask about an earlier one --------------------------------------


class PastTask(msgspec.Struct, frozen=True, kw_only=True):
    """How a task ended in the previous run.

    state: success or skipped let depends_on_past pass; for a mapped task, the worst of its
        instances. None when the previous run had no such task instance.
    downstream_done: every direct downstream of it succeeded or was skipped.
    """

    state: TaskState | None
    downstream_done: bool


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """The previous run of the same DAG as far as this run asks about it; None fields: no such run.

    exists: there is a previous run (by logical date, else by run_after).
    tasks: by task id, only those asked for.
    """

    exists: bool = False
    tasks: dict[str, PastTask] = {}


# ---- decisions --------------------------------------------------------------------------


class TaskChange(msgspec.Struct, frozen=True):
    """One legal move of one task instance.

    The store writes `after` where the row still has `before`'s state and fence.
    """

    before: TaskInstance
    after: TaskInstance
    reason: str | None = None


class RunChange(msgspec.Struct, frozen=True):
    """One legal move of the run."""

    before: Run
    after: Run
    reason: str | None = None


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """Stop a live attempt: it was cleared, marked or timed out. state: of the attempt row."""

    attempt_id: AttemptId
    reason: str


class CancelTrigger(msgspec.Struct, frozen=True, kw_only=True, tag="cancel_trigger"):
    """Forget the trigger of a task that is no longer deferred under this fence.

    timed_out: the deferral's time is up and the task goes on (fails) with its next attempt.
    """

    key: TaskKey
    fence: int
    timed_out: bool = False


RUN_EVENT = "run_"
"""How the kinds of callbacks begin that tell listeners of a run's state."""


class CallBack(msgspec.Struct, frozen=True, kw_only=True, tag="callback"):
    """Run a user's callback, at least once. key is None for the DAG's own.

    kind: "success", "failure", "retry", "skipped"; "run_running" and so on for listeners.
    """

    kind: str
    key: TaskKey | None = None
    try_number: int = 0
    reason: str | None = None


Effect = Cancel | CancelTrigger | CallBack


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine decided for one run.

    changes: in order; the same instance may move twice (none → scheduled → queued).
    created: new instances (the run's first, an expansion's, or after a clear of a newer version).
    wake_at: the earliest time at which this run needs a `Ticked`; None: only events matter.
    """

    changes: tuple[TaskChange, ...] = ()
    created: tuple[TaskInstance, ...] = ()
    run_change: RunChange | None = None
    effects: tuple[Effect, ...] = ()
    wake_at: datetime | None = None


class Blocked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why something does not run now.

    code: stable, for machines ("pool_full", "upstream", "depends_on_past", "paused", …).
    text: one sentence for people that names the thing and, where there is one, the way out.
    until: when it will change by itself, if known.
    """

    code: str
    text: str
    until: datetime | None = None
