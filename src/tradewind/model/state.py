"""The states of task instances, runs and attempts.

Who writes them: task-instance and run states are decisions, written only by the scheduler
that holds the lease; attempt states are facts about execution, moved by compare-and-set by
whoever runs the attempt. The legal moves are the table in `tradewind.engine.machine`.
"""

from __future__ import annotations

from enum import StrEnum


class TaskState(StrEnum):
    """The state of a task instance."""

    NONE = "none"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    DEFERRED = "deferred"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    REMOVED = "removed"
    RESTARTING = "restarting"
    AWAITING_INPUT = "awaiting_input"


class RunState(StrEnum):
    """The state of a DAG run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


class AttemptState(StrEnum):
    """The state of an attempt.

    `superseded` is an attempt that a clear or a mark took the task instance away from.
    """

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    LOST = "lost"
    SUPERSEDED = "superseded"


class RunType(StrEnum):
    """Why a run exists."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    BACKFILL = "backfill"
    ASSET_TRIGGERED = "asset_triggered"
    OPERATOR_TRIGGERED = "operator_triggered"


class TriggerRule(StrEnum):
    """When a task may run, given its direct upstreams' states.

    The last two are Airflow 2's names of other members.
    """

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALL_SKIPPED = "all_skipped"
    ALWAYS = "always"
    NONE_FAILED_OR_SKIPPED = NONE_FAILED_MIN_ONE_SUCCESS
    DUMMY = ALWAYS


class WeightRule(StrEnum):
    """How a task's priority weight grows along the graph."""

    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    ABSOLUTE = "absolute"


SUCCESS_STATES = frozenset({TaskState.SUCCESS, TaskState.SKIPPED})
FAILED_STATES = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED})
TERMINAL_STATES = frozenset(
    {
        TaskState.SUCCESS,
        TaskState.FAILED,
        TaskState.SKIPPED,
        TaskState.UPSTREAM_FAILED,
        TaskState.REMOVED,
    }
)
LIVE_STATES = frozenset({TaskState.QUEUED, TaskState.RUNNING, TaskState.RESTARTING})
"""States in which a current attempt exists and may be executing."""

TERMINAL_RUN_STATES = frozenset({RunState.SUCCESS, RunState.FAILED})
LIVE_ATTEMPT_STATES = frozenset({AttemptState.QUEUED, AttemptState.RUNNING})
