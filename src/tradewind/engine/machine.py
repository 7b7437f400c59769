"""The state machines, as tables. A move that is not in its table raises.

`docs/state-machine.md` is generated from here; the store's writes and the tests read it too.
Any state may be left by a clear (to none) or by a mark (to success, failed or skipped): those
are a user's moves and stand in `USER_MOVES`, not in the table.
"""

from __future__ import annotations

from tradewind.errors import Bug
from tradewind.model.state import AttemptState, RunState, TaskState

_T = TaskState

TASK_MOVES: dict[TaskState, frozenset[TaskState]] = {
    _T.NONE: frozenset(
        {_T.SCHEDULED, _T.SKIPPED, _T.UPSTREAM_FAILED, _T.REMOVED, _T.FAILED, _T.SUCCESS}
    ),
    _T.SCHEDULED: frozenset({_T.QUEUED, _T.SUCCESS, _T.SKIPPED, _T.FAILED, _T.REMOVED, _T.NONE}),
    _T.QUEUED: frozenset(
        {_T.RUNNING, _T.SCHEDULED, _T.UP_FOR_RETRY, _T.FAILED, _T.SKIPPED, _T.RESTARTING}
    ),
    _T.RUNNING: frozenset(
        {
            _T.SUCCESS,
            _T.FAILED,
            _T.SKIPPED,
            _T.UP_FOR_RETRY,
            _T.UP_FOR_RESCHEDULE,
            _T.DEFERRED,
            _T.SCHEDULED,
            _T.RESTARTING,
            _T.AWAITING_INPUT,
        }
    ),
    _T.UP_FOR_RETRY: frozenset({_T.SCHEDULED, _T.SKIPPED, _T.FAILED, _T.REMOVED}),
    _T.UP_FOR_RESCHEDULE: frozenset({_T.SCHEDULED, _T.SKIPPED, _T.FAILED, _T.REMOVED}),
    _T.DEFERRED: frozenset({_T.SCHEDULED, _T.SKIPPED, _T.FAILED, _T.SUCCESS, _T.REMOVED}),
    _T.AWAITING_INPUT: frozenset({_T.SCHEDULED, _T.SKIPPED, _T.FAILED, _T.SUCCESS, _T.REMOVED}),
    _T.RESTARTING: frozenset({_T.NONE, _T.SCHEDULED, _T.FAILED}),
    _T.SUCCESS: frozenset(),
    _T.FAILED: frozenset(),
    _T.SKIPPED: frozenset(),
    _T.UPSTREAM_FAILED: frozenset(),
    _T.REMOVED: frozenset(),
}

USER_MOVES: frozenset[TaskState] = frozenset({_T.NONE, _T.SUCCESS, _T.FAILED, _T.SKIPPED})
"""Where a clear (none) or a mark may take a task instance, from any state."""

RUN_MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.SUCCESS, RunState.FAILED}),
    RunState.RUNNING: frozenset({RunState.SUCCESS, RunState.FAILED, RunState.QUEUED}),
    RunState.SUCCESS: frozenset({RunState.QUEUED, RunState.FAILED}),
    RunState.FAILED: frozenset({RunState.QUEUED, RunState.SUCCESS}),
}

ATTEMPT_MOVES: dict[AttemptState, frozenset[AttemptState]] = {
    AttemptState.QUEUED: frozenset(
        {AttemptState.RUNNING, AttemptState.LOST, AttemptState.SUPERSEDED}
    ),
    AttemptState.RUNNING: frozenset(
        {AttemptState.DONE, AttemptState.LOST, AttemptState.SUPERSEDED}
    ),
    AttemptState.DONE: frozenset(),
    AttemptState.LOST: frozenset(),
    AttemptState.SUPERSEDED: frozenset(),
}


def check(before: TaskState, after: TaskState, *, by_user: bool = False) -> None:
    """Refuse a move of a task instance that is not legal.

    Raises:
        Bug: the move is not in the table.
    """
    if after in TASK_MOVES[before] or (by_user and after in USER_MOVES):
        return
    raise Bug(f"a task instance cannot go from {before} to {after}")


def check_run(before: RunState, after: RunState) -> None:
    """Refuse a move of a run that is not legal.

    Raises:
        Bug: the move is not in the table.
    """
    if after not in RUN_MOVES[before]:
        raise Bug(f"a run cannot go from {before} to {after}")


def mermaid() -> str:
    """Return the task instance's state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> none"]
    for before, moves in TASK_MOVES.items():
        lines += [f"    {before} --> {after}" for after in sorted(moves)]
        if not moves:
            lines.append(f"    {before} --> [*]")
    return "\n".join(lines) + "\n"
