from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from tradewind.engine.settle import retry_delay_s, settle
from tradewind.model.outcome import Failed, Vanished
from tradewind.model.run import Run, TaskInstance
from tradewind.model.spec import TaskSpec
from tradewind.model.state import RunState, RunType, TaskState

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RUN = Run(
    run_pk=1,
    dag_id="d",
    run_id="r",
    run_type=RunType.SCHEDULED,
    state=RunState.RUNNING,
    version_id=1,
    run_after=NOW,
    logical_date=NOW,
)


def running(try_number: int = 1, max_tries: int = 1, losses: int = 0) -> TaskInstance:
    return TaskInstance(
        run_pk=1,
        task_id="a",
        state=TaskState.RUNNING,
        try_number=try_number,
        max_tries=max_tries,
        infra_losses=losses,
    )


@pytest.mark.parametrize("try_number", [1, 2, 3])
def test_back_off_doubles_with_a_jitter_that_is_the_same_everywhere(try_number: int) -> None:
    task = TaskSpec(task_id="a", retry_delay_s=10, retry_backoff=2.0)
    least = 10 * 2 ** (try_number - 1)
    text = f"d#a#2026-03-01 00:00:00+00:00#{try_number}"
    jitter = int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16) % least
    assert retry_delay_s(task, try_number, RUN) == least + jitter


def test_back_off_is_capped() -> None:
    task = TaskSpec(task_id="a", retry_delay_s=10, retry_backoff=2.0)
    assert retry_delay_s(task, 5_000, RUN) == 86_400
    capped = TaskSpec(task_id="a", retry_delay_s=10, retry_backoff=2.0, max_retry_delay_s=15)
    assert retry_delay_s(capped, 9, RUN) == 15


def test_a_delay_of_its_own_goes_first() -> None:
    verdict = settle(
        TaskSpec(task_id="a"), running(), Failed(error="x", retry_delay_s=7), NOW, run=RUN
    )
    assert (verdict.state, verdict.due_at) == (TaskState.UP_FOR_RETRY, NOW + timedelta(seconds=7))


@pytest.mark.parametrize(
    ("ti", "outcome", "state"),
    [
        (running(2, 1), Failed(error="x"), TaskState.FAILED),
        (running(1, 1), Failed(error="x", retryable=False), TaskState.FAILED),
        (running(1, 1), Vanished(reason="oom"), TaskState.UP_FOR_RETRY),
        (running(1, 0), Vanished(reason="oom"), TaskState.FAILED),
        (running(1, 0, 2), Vanished(reason="gone", before_start=True), TaskState.SCHEDULED),
        (running(1, 0, 3), Vanished(reason="gone", before_start=True), TaskState.FAILED),
        (running(1, 1, 3), Vanished(reason="gone", before_start=True), TaskState.UP_FOR_RETRY),
    ],
)
def test_verdicts(ti: TaskInstance, outcome: Failed | Vanished, state: TaskState) -> None:
    assert settle(TaskSpec(task_id="a"), ti, outcome, NOW, run=RUN).state is state
