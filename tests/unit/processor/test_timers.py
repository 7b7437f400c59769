from __future__ import annotations

from datetime import UTC, datetime

from tradewind.processor.timers import Timers


class FakeClock:
    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> datetime:
        return datetime(2024, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.at


def test_a_periodic_timer_comes_again() -> None:
    clock, done = FakeClock(), []
    timers = Timers(clock)
    timers.every(10, "x", lambda: done.append(clock.at))
    for clock.at in (105, 110, 115, 121):
        timers.run()
    assert done == [110, 121]
    assert timers.next() == 131


def test_once_and_the_earlier_time_counts() -> None:
    clock, done = FakeClock(), []
    timers = Timers(clock)
    timers.after(10, "x", lambda: done.append("x"))
    timers.after(5, "x", lambda: done.append("never"))
    assert timers.next() == 105
    clock.at = 106
    timers.run()
    timers.run()
    assert done == ["x"]
    assert timers.next() is None


def test_hold_puts_a_timer_off() -> None:
    clock, done = FakeClock(), []
    timers = Timers(clock)
    timers.every(1, "x", lambda: done.append("x"))
    timers.hold(30, "x")
    timers.hold(30, "unknown")
    clock.at = 120
    timers.run()
    assert not done
    assert timers.next() == 130


def test_an_action_may_set_timers() -> None:
    clock, done = FakeClock(), []
    timers = Timers(clock)
    timers.after(0, "x", lambda: timers.after(0, "x", lambda: done.append("again")))
    timers.run()
    timers.run()
    assert done == ["again"]
