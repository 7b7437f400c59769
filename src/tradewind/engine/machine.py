"""The legal moves of task instances, runs and attempts.

Theory of operation. The tables below are the whole truth about which state may follow which,
who moves it and why. `check` is called for every move that the engine makes: a move that is
not in the table is a bug of ours and raises, before anything is written. The diagrams in
`docs/state-machine.md` are drawn from the same tables, so they cannot lie.

Who:
    rule    the task's upstreams (and its previous run) decided it
    admit   admission gave it a slot
    worker  the attempt reported, or was found lost
    trigger the deferred task's trigger reported
    time    something came due
    user    cleared or marked
    run     the run as a whole: a time-out, fail_fast, a newer version, an expansion
"""

from __future__ import annotations

from typing import NamedTuple

from tradewind.errors import Bug
from tradewind.model.state import AttemptState, RunState, TaskState

_NONE = TaskState.NONE
_SCHEDULED = TaskState.SCHEDULED
_QUEUED = TaskState.QUEUED
_RUNNING = TaskState.RUNNING
_SUCCESS = TaskState.SUCCESS
_FAILED = TaskState.FAILED
_RETRY = TaskState.UP_FOR_RETRY
_RESCHEDULE = TaskState.UP_FOR_RESCHEDULE
_DEFERRED = TaskState.DEFERRED
_SKIPPED = TaskState.SKIPPED
_UPSTREAM_FAILED = TaskState.UPSTREAM_FAILED
_REMOVED = TaskState.REMOVED
_RESTARTING = TaskState.RESTARTING
_INPUT = TaskState.AWAITING_INPUT


class Move(NamedTuple):
    """Who makes a move, and why."""

    who: str
    why: str


_CLEAR = Move("user", "cleared")
_MARK = Move("user", "marked")
_GONE = Move("run", "not in this version or expansion")
_STOPPED = Move("run", "timed out, or stopped by fail_fast or a mark")

_OWN_MOVES: dict[tuple[TaskState, TaskState], Move] = {
    (_NONE, _SCHEDULED): Move("rule", "may run"),
    (_NONE, _SUCCESS): Move("rule", "may run and has nothing to execute"),
    (_NONE, _SKIPPED): Move("rule", "skipped by its rule, a branch, or an empty expansion"),
    (_NONE, _UPSTREAM_FAILED): Move("rule", "an upstream failed"),
    (_NONE, _FAILED): Move("run", "cannot be expanded"),
    (_SCHEDULED, _NONE): Move("rule", "an upstream was cleared"),
    (_SCHEDULED, _QUEUED): Move("admit", "has a slot"),
    (_SCHEDULED, _SKIPPED): Move("rule", "a branch did not choose it"),
    (_QUEUED, _RUNNING): Move("worker", "claimed"),
    (_QUEUED, _SCHEDULED): Move("worker", "lost before user code started"),
    (_QUEUED, _RETRY): Move("worker", "lost too often"),
    (_QUEUED, _FAILED): Move("worker", "lost too often"),
    (_RUNNING, _SUCCESS): Move("worker", "succeeded"),
    (_RUNNING, _FAILED): Move("worker", "failed for good"),
    (_RUNNING, _SKIPPED): Move("worker", "asked to be skipped"),
    (_RUNNING, _RETRY): Move("worker", "failed; tries are left"),
    (_RUNNING, _RESCHEDULE): Move("worker", "asked to be started again later"),
    (_RUNNING, _DEFERRED): Move("worker", "handed over to a trigger"),
    (_RUNNING, _SCHEDULED): Move("worker", "lost before user code started"),
    (_RUNNING, _RESTARTING): Move("user", "cleared while running"),
    (_RUNNING, _INPUT): Move("worker", "asks a person"),
    (_INPUT, _SCHEDULED): Move("user", "a person answered, or nobody in time"),
    (_RESTARTING, _NONE): Move("worker", "the cleared attempt ended"),
    (_RETRY, _SCHEDULED): Move("time", "the retry is due"),
    (_RETRY, _SKIPPED): Move("rule", "skipped by its rule or a branch"),
    (_RETRY, _UPSTREAM_FAILED): Move("rule", "an upstream failed"),
    (_RESCHEDULE, _SCHEDULED): Move("time", "the next poke is due"),
    (_RESCHEDULE, _SKIPPED): Move("rule", "skipped by its rule or a branch"),
    (_RESCHEDULE, _UPSTREAM_FAILED): Move("rule", "an upstream failed"),
    (_DEFERRED, _SCHEDULED): Move("trigger", "fired, failed or timed out"),
    (_REMOVED, _NONE): Move("run", "is back in this version or expansion"),
}


def _task_table() -> dict[tuple[TaskState, TaskState], Move]:
    table = dict(_OWN_MOVES)
    for state in TaskState:
        if state is _REMOVED:
            continue
        table.setdefault((state, _REMOVED), _GONE)
        if state is not _NONE and state is not _RUNNING:
            table.setdefault((state, _NONE), _CLEAR)
        if state not in _ENDED:
            table.setdefault((state, _FAILED), _STOPPED)
            table.setdefault((state, _SKIPPED), _STOPPED)
        for marked in (_SUCCESS, _FAILED, _SKIPPED):
            if state is not marked:
                table.setdefault((state, marked), _MARK)
    return table


_ENDED = frozenset({_SUCCESS, _FAILED, _SKIPPED, _UPSTREAM_FAILED, _REMOVED})

TASK_MOVES = _task_table()
"""(from, to) → who and why. A user may also mark what another actor may move the same way."""

RUN_MOVES: dict[tuple[RunState, RunState], Move] = {
    (RunState.QUEUED, RunState.RUNNING): Move("admit", "max_active_runs has room"),
    (RunState.QUEUED, RunState.SUCCESS): _MARK,
    (RunState.QUEUED, RunState.FAILED): _MARK,
    (RunState.RUNNING, RunState.SUCCESS): Move("run", "every leaf succeeded or was skipped"),
    (RunState.RUNNING, RunState.FAILED): Move("run", "a leaf failed, or the run timed out"),
    (RunState.RUNNING, RunState.QUEUED): Move(
        "admit", "gives its place to an earlier run; or a user queues it"
    ),
    (RunState.SUCCESS, RunState.QUEUED): _CLEAR,
    (RunState.FAILED, RunState.QUEUED): _CLEAR,
    (RunState.SUCCESS, RunState.FAILED): _MARK,
    (RunState.FAILED, RunState.SUCCESS): _MARK,
}

ATTEMPT_MOVES: dict[tuple[AttemptState, AttemptState], Move] = {
    (AttemptState.QUEUED, AttemptState.RUNNING): Move("worker", "claimed with a nonce"),
    (AttemptState.QUEUED, AttemptState.LOST): Move("worker", "will not start"),
    (AttemptState.QUEUED, AttemptState.SUPERSEDED): Move("user", "cleared, marked or stopped"),
    (AttemptState.RUNNING, AttemptState.DONE): Move("worker", "reported its outcome"),
    (AttemptState.RUNNING, AttemptState.LOST): Move("worker", "ended without a report"),
    (AttemptState.RUNNING, AttemptState.SUPERSEDED): Move("user", "cleared, marked or stopped"),
}


def check(before: TaskState, after: TaskState) -> None:
    """Refuse a move of a task instance that is not in the table.

    Raises:
        Bug: there is no such move.
    """
    if (before, after) not in TASK_MOVES:
        raise Bug(f"a task instance cannot move from {before} to {after}")


def check_run(before: RunState, after: RunState) -> None:
    """Refuse a move of a run that is not in the table.

    Raises:
        Bug: there is no such move.
    """
    if (before, after) not in RUN_MOVES:
        raise Bug(f"a run cannot move from {before} to {after}")


def check_attempt(before: AttemptState, after: AttemptState) -> None:
    """Refuse a move of an attempt that is not in the table.

    Raises:
        Bug: there is no such move.
    """
    if (before, after) not in ATTEMPT_MOVES:
        raise Bug(f"an attempt cannot move from {before} to {after}")


def document() -> str:
    """Return `docs/state-machine.md`, drawn from the tables."""
    everywhere = {_CLEAR, _MARK, _GONE, _STOPPED}
    own = {pair: move for pair, move in TASK_MOVES.items() if move not in everywhere}
    return "\n".join(
        [
            "# State machine",
            "",
            "Generated from `tradewind/engine/machine.py`; a test keeps it in step.",
            "Write it anew with `python -m tradewind.engine.machine > docs/state-machine.md`.",
            "",
            "## Task instances",
            "",
            *_diagram(own),
            "",
            "Beside these, from almost everywhere:",
            "",
            "* a user clears: any state → `none` (`running` goes through `restarting`);",
            "* a user marks: any state → `success`, `failed` or `skipped`;",
            "* the run times out or fails fast: any unfinished state → `skipped` or `failed`;",
            "* a newer version or a shorter expansion has no such instance: any state → `removed`.",
            "",
            "## Runs",
            "",
            *_diagram(RUN_MOVES),
            "",
            "## Attempts",
            "",
            *_diagram(ATTEMPT_MOVES),
            "",
        ]
    )


def _diagram(
    moves: dict[tuple[TaskState, TaskState], Move]
    | dict[tuple[RunState, RunState], Move]
    | dict[tuple[AttemptState, AttemptState], Move],
) -> list[str]:
    lines = [
        f"    {before.value} --> {after.value}: {move.who} - {move.why}"
        for (before, after), move in moves.items()
    ]
    return ["```mermaid", "stateDiagram-v2", *lines, "```"]


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201 (the generator's output)
