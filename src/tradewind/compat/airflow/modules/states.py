"""`airflow.utils.state`: the states under the names of Airflow's `State`."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from tradewind.model.state import RunState, TaskState


class JobState(StrEnum):
    """The state of a part of Airflow."""

    RUNNING = "running"
    SUCCESS = "success"
    RESTARTING = "restarting"
    FAILED = "failed"


class TerminalTIState(StrEnum):
    """A state in which a task instance stays."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    REMOVED = "removed"


class IntermediateTIState(StrEnum):
    """A state in which a task instance does not stay."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RESTARTING = "restarting"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    DEFERRED = "deferred"
    AWAITING_INPUT = "awaiting_input"


class State:
    """The states of runs and task instances. `NONE` is None."""

    NONE = None
    SUCCESS = TaskState.SUCCESS
    RUNNING = TaskState.RUNNING
    FAILED = TaskState.FAILED
    REMOVED = TaskState.REMOVED
    SCHEDULED = TaskState.SCHEDULED
    QUEUED = TaskState.QUEUED
    RESTARTING = TaskState.RESTARTING
    UP_FOR_RETRY = TaskState.UP_FOR_RETRY
    UP_FOR_RESCHEDULE = TaskState.UP_FOR_RESCHEDULE
    UPSTREAM_FAILED = TaskState.UPSTREAM_FAILED
    SKIPPED = TaskState.SKIPPED
    DEFERRED = TaskState.DEFERRED

    finished_dr_states: ClassVar = frozenset({RunState.SUCCESS, RunState.FAILED})
    unfinished_dr_states: ClassVar = frozenset({RunState.QUEUED, RunState.RUNNING})
    task_states: ClassVar = (None, *(s for s in TaskState if s is not TaskState.NONE))
    dag_states: ClassVar = tuple(RunState)
    success_states: ClassVar = frozenset({TaskState.SUCCESS, TaskState.SKIPPED})
    failed_states: ClassVar = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED})
    finished: ClassVar = frozenset(TaskState(state.value) for state in TerminalTIState)
    unfinished: ClassVar = frozenset(
        {None, TaskState.RUNNING, *(TaskState(state.value) for state in IntermediateTIState)}
    )
    terminating_states: ClassVar = frozenset({TaskState.RESTARTING})
    running: ClassVar = frozenset({TaskState.RUNNING, TaskState.DEFERRED})
