"""What the processor does at certain times, by name."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tradewind.clock import Clock


class _Timer(msgspec.Struct):
    at: float
    action: Callable[[], None]
    period_s: float | None = None


class Timers:
    """Named timers; a name stands for one action."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timers: dict[str, _Timer] = {}

    def every(self, period_s: float, name: str, action: Callable[[], None]) -> None:
        """Do something again and again, for the first time after one period."""
        self._timers[name] = _Timer(self._clock.monotonic() + period_s, action, period_s)

    def after(self, delay_s: float, name: str, action: Callable[[], None]) -> None:
        """Do something once; when it is set already, the earlier time counts."""
        at = self._clock.monotonic() + delay_s
        timer = self._timers.get(name)
        if timer is None:
            self._timers[name] = _Timer(at, action)
        else:
            timer.at = min(timer.at, at)

    def hold(self, delay_s: float, name: str) -> None:
        """Put a timer off, should it be set, until this much time has passed."""
        timer = self._timers.get(name)
        if timer is not None:
            timer.at = max(timer.at, self._clock.monotonic() + delay_s)

    def next(self) -> float | None:
        """Return when `run` has something to do."""
        return min((timer.at for timer in self._timers.values()), default=None)

    def run(self) -> None:
        """Do what is due."""
        now = self._clock.monotonic()
        for name, timer in list(self._timers.items()):
            if timer.at > now:
                continue
            if timer.period_s is None:
                del self._timers[name]
            else:
                timer.at = now + timer.period_s
            timer.action()
