from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.engine.machine import check, check_attempt, check_run, document
from tradewind.errors import Bug
from tradewind.model.state import AttemptState, RunState, TaskState

DOCUMENT = Path(__file__).parents[3] / "docs" / "state-machine.md"


def test_the_document_is_in_step_with_the_tables() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TaskState.NONE, TaskState.RUNNING),
        (TaskState.SCHEDULED, TaskState.RUNNING),
        (TaskState.RUNNING, TaskState.NONE),
        (TaskState.SUCCESS, TaskState.QUEUED),
        (TaskState.REMOVED, TaskState.SUCCESS),
    ],
)
def test_a_move_that_is_not_in_the_table_is_a_bug(before: TaskState, after: TaskState) -> None:
    with pytest.raises(Bug, match=f"from {before} to {after}"):
        check(before, after)


def test_runs_and_attempts_have_tables_too() -> None:
    check_run(RunState.QUEUED, RunState.RUNNING)
    check_attempt(AttemptState.QUEUED, AttemptState.RUNNING)
    with pytest.raises(Bug, match="a run cannot move"):
        check_run(RunState.SUCCESS, RunState.RUNNING)
    with pytest.raises(Bug, match="an attempt cannot move"):
        check_attempt(AttemptState.DONE, AttemptState.RUNNING)
