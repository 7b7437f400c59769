from __future__ import annotations

import asyncio
import logging
import signal
import threading
from datetime import UTC, datetime

import pytest

from tradewind.model.ids import AttemptId
from tradewind.triggerer.blocking import EXIT_CODE, Timed, TriggerBlocks, Watchdog, _interrupt
from tradewind.triggerer.running import RunningTrigger, current
from tradewind.wire.messages import Assignment, RunInfo, TriggerCall

NOW = datetime(2024, 1, 1, tzinfo=UTC)


class FakeClock:
    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.at


class Steps:
    def __init__(self) -> None:
        self.counted = 0

    def count(self) -> None:
        self.counted += 1


def running() -> RunningTrigger:
    assignment = Assignment(
        kind="trigger",
        attempt_id=AttemptId("trigger.1"),
        fence=1,
        try_number=1,
        max_tries=0,
        dag_file="dag.py",
        source_hash="s",
        task_id="wait",
        run=RunInfo(dag_id="d", run_id="r", run_type="manual", run_after=NOW),
        trigger=TriggerCall(classpath="pack.Mine", kwargs=b"{}"),
    )
    return RunningTrigger(assignment, "token", "nonce")


def test_a_step_that_takes_long_is_named(caplog: pytest.LogCaptureFixture) -> None:
    clock, steps = FakeClock(), Steps()

    async def slow() -> str:
        await asyncio.sleep(0)
        clock.at += 3.0
        await asyncio.sleep(0)
        return "done"

    async def main() -> str:
        result: str = await Timed(slow(), "pack.Slow", clock, steps.count)
        return result

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(main()) == "done"
    (message,) = [r.getMessage() for r in caplog.records if "pack.Slow" in r.getMessage()]
    assert "held up all triggers for 3.0 s" in message
    assert steps.counted == 3, "each step shows that the loop goes on"


def test_waiting_is_not_blocking(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()

    async def patient() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        timed = asyncio.ensure_future(
            _await(Timed(patient(), "pack.Patient", clock, Steps().count))
        )
        await asyncio.sleep(0)
        clock.at += 100.0
        await timed

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert not caplog.records


async def _await(timed: Timed) -> None:
    await timed


def test_cancelling_and_errors_reach_the_coroutine() -> None:
    seen: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("mine")

    async def main() -> None:
        task = asyncio.create_task(_await(Timed(waits(), "x", FakeClock(), Steps().count)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(ValueError, match="mine"):
            await Timed(fails(), "x", FakeClock(), Steps().count)

    asyncio.run(main())
    assert seen == ["cancelled"]


def test_the_watchdog_interrupts_once_and_ends_the_process_at_last() -> None:
    clock = FakeClock()
    ends: list[int] = []
    signals: list[str] = []
    before = signal.signal(signal.SIGUSR1, lambda *_: signals.append("interrupted"))
    try:
        watchdog = Watchdog(clock, 10.0, ends.append)
        watchdog.look()
        watchdog.turned()
        for clock.at in (9.0, 11.0, 12.0):
            watchdog.look()
        assert signals == ["interrupted"]
        assert ends == []
        clock.at = 20.0
        watchdog.look()
        assert ends == [EXIT_CODE]
        watchdog.turned()
        clock.at = 31.0
        watchdog.look()
        assert signals == ["interrupted", "interrupted"], "it may block again"
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_only_the_code_of_a_trigger_is_interrupted() -> None:
    _interrupt(signal.SIGUSR1, None)
    token = current.set(running())
    try:
        with pytest.raises(TriggerBlocks, match=r"pack\.Mine of d\.wait \(r\)"):
            _interrupt(signal.SIGUSR1, None)
    finally:
        current.reset(token)
    assert threading.current_thread() is threading.main_thread()
