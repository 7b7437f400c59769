"""Deadlines as authors write them, and what a missed one calls."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tradewind.errors import DagError
from tradewind.model.deadline import (
    AverageRuntime,
    DeadlineSpec,
    FixedTime,
    LogicalDate,
    QueuedAt,
    Reference,
)
from tradewind.model.ids import AttemptId
from tradewind.sdk import (
    DAG,
    AsyncCallback,
    BaseDeadlineReference,
    BaseNotifier,
    DeadlineAlert,
    DeadlineReference,
    SyncCallback,
    VariableInterval,
)
from tradewind.sdk.arguments import ArgumentError
from tradewind.sdk.build import to_spec
from tradewind.sdk.callbacks import run_callback
from tradewind.wire.messages import Assignment, CallbackCall, MissedDeadline, RunInfo

DAY = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
CALLED: list[Any] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    CALLED.clear()


def plain(text: str, context: Any) -> None:
    CALLED.append((text, context["deadline"]["id"], context["dag_run"]["dag_run_id"]))


def without_context(text: str) -> None:
    CALLED.append(text)


async def waits(**kwargs: Any) -> None:
    CALLED.append((kwargs["text"], kwargs["context"].get("dag_run", {}).get("dag_id")))


class Shout(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, text: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text

    def notify(self, context: Any) -> None:
        CALLED.append(("notify", self.text, context["dag_run"].run_id))

    async def async_notify(self, context: Any) -> None:
        CALLED.append(("async", self.text, context["deadline"]["deadline_time"]))


def raises(context: Any) -> None:
    raise RuntimeError("the pager is down")


def alert(
    callback: AsyncCallback | SyncCallback,
    reference: BaseDeadlineReference = DeadlineReference.DAGRUN_QUEUED_AT,
    interval: Any = HOUR,
) -> DeadlineAlert:
    return DeadlineAlert(reference=reference, interval=interval, callback=callback, name="n")


def call(callback: AsyncCallback | SyncCallback) -> None:
    """Call it as a worker does."""
    dag = DAG("d", deadline=[alert(SyncCallback(raises)), alert(callback)])
    assignment = Assignment(
        kind="callback",
        attempt_id=AttemptId("callback.1.0"),
        fence=0,
        try_number=0,
        max_tries=0,
        dag_file="d.py",
        source_hash="",
        task_id="",
        run=RunInfo(dag_id="d", run_id="r", run_type="manual", run_after=DAY),
        callback=CallbackCall(
            callback_id=1,
            kind="deadline",
            deadline=MissedDeadline(deadline_id=7, position=1, due_at=DAY),
        ),
    )
    run_callback(dag, assignment)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (DeadlineReference.DAGRUN_LOGICAL_DATE, LogicalDate()),
        (DeadlineReference.DAGRUN_QUEUED_AT, QueuedAt()),
        (DeadlineReference.FIXED_DATETIME(DAY), FixedTime(DAY)),
        (DeadlineReference.FIXED_DATETIME(DAY.replace(tzinfo=None)), FixedTime(DAY)),
        (DeadlineReference.AVERAGE_RUNTIME(), AverageRuntime(max_runs=10, min_runs=10)),
        (DeadlineReference.AVERAGE_RUNTIME(5, 2), AverageRuntime(max_runs=5, min_runs=2)),
    ],
)
def test_references_are_data(reference: BaseDeadlineReference, expected: Reference) -> None:
    one = DAG("d", deadline=alert(SyncCallback(plain), reference))
    assert to_spec(one).deadlines == (
        DeadlineSpec(reference=expected, interval_s=3600.0, name="n"),
    )


def test_a_dag_may_have_several() -> None:
    several = DAG("d", deadline=[alert(SyncCallback(plain)), alert(AsyncCallback(waits))])
    assert len(to_spec(several).deadlines) == 2
    assert to_spec(DAG("d")).deadlines == ()


def test_an_interval_may_be_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    one = DAG("d", deadline=alert(SyncCallback(plain), interval=VariableInterval("late_s")))
    monkeypatch.setenv("TRADEWIND_VAR_LATE_S", "90")
    assert to_spec(one).deadlines[0].interval_s == 90.0
    monkeypatch.setenv("TRADEWIND_VAR_LATE_S", "soon")
    with pytest.raises(ArgumentError, match="must be a whole number of seconds, not 'soon'"):
        to_spec(one)
    monkeypatch.delenv("TRADEWIND_VAR_LATE_S")
    with pytest.raises(ArgumentError, match="there is no variable 'late_s'"):
        to_spec(one)


class Own(BaseDeadlineReference):
    """A reference that Airflow would ask in its scheduler."""


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DAG("d", deadline=HOUR), "DAG 'd': deadline: must be a DeadlineAlert"),
        (lambda: alert(plain), "callback: must be AsyncCallback"),  # type: ignore[arg-type]
        (lambda: alert(SyncCallback(plain), HOUR), "reference: must be one of"),  # type: ignore[arg-type]
        (lambda: alert(SyncCallback(plain), interval=60), "interval: must be a timedelta, not int"),
        (lambda: AsyncCallback(plain), "plain cannot be awaited; make it `async def`"),
        (lambda: SyncCallback("nothing"), "must be a function, a class or the dotted path"),
        (lambda: SyncCallback(plain, {"context": 1}), "'context' is given by Tradewind"),
        (lambda: DeadlineReference.AVERAGE_RUNTIME(5, 0), "min_runs: 0 is below 1"),
        (
            lambda: to_spec(DAG("d", deadline=alert(SyncCallback(plain), Own()))),
            "Own: a deadline reference of your own would run in the scheduler",
        ),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(DagError, match=message):
        make()


@pytest.mark.parametrize(
    ("callback", "expected"),
    [
        (SyncCallback(plain, {"text": "late"}), ("late", "7", "r")),
        (SyncCallback(without_context, {"text": "late"}), "late"),
        (SyncCallback(f"{__name__}.without_context", {"text": "by path"}), "by path"),
        (AsyncCallback(waits, {"text": "late"}), ("late", "d")),
        (
            SyncCallback(Shout, {"text": "{{ dag_run.dag_id }} is late"}),
            ("notify", "d is late", "r"),
        ),
        (AsyncCallback(Shout, {"text": "{{ run_id }} is late"}), ("async", "r is late", DAY)),
    ],
)
def test_what_is_called(callback: SyncCallback | AsyncCallback, expected: Any) -> None:
    call(callback)
    assert [expected] == CALLED


def test_a_callback_that_raises_is_told_and_raised(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(RuntimeError, match="the pager is down"):
        call(SyncCallback(raises))
    assert "test_deadlines.raises failed" in caplog.text
