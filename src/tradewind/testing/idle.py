"""Wait for what happens next: news from attempts and triggers, or a time."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime

from tradewind.sdk.waiting import Waiter
from tradewind.testing.clock import FakeClock
from tradewind.testing.triggers import Triggers

_REAL_WORK_S = 0.005
_TURNS, _PATIENCE = 50, 200
"""Before a fake clock jumps, triggers may work in real time: until each pauses with the clock,
or (those that sleep or wait for something real) for so many times `_REAL_WORK_S`."""


class Idle:
    """Wait.

    Args:
        clock: tells the time.
        loop: turns while we wait, so that triggers and forked attempts go on.
    """

    def __init__(self, clock: Waiter, loop: asyncio.AbstractEventLoop) -> None:
        self._clock = clock
        self._loop = loop
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Say that something has happened."""
        self._news.set()

    def clear(self) -> None:
        """Forget the news: they are about to be looked at."""
        self._news.clear()

    def until(
        self, at: datetime | None, triggers: Triggers, *, busy: bool, tick_s: float | None
    ) -> bool:
        """Wait until there is news or the time has come; False when neither ever will.

        Args:
            at: the time; None for none.
            triggers: those that wait.
            busy: whether attempts run in other processes.
            tick_s: return after this time at the latest.
        """
        if isinstance(self._clock, FakeClock):
            return self._jump(self._clock, at, triggers)
        if at is None and not triggers and not busy:
            return False
        timeouts = [] if at is None else [(at - self._clock.now()).total_seconds()]
        if tick_s is not None:
            timeouts.append(tick_s)
        timeout_s = max(0.0, min(timeouts)) if timeouts else None
        if timeout_s is not None and not triggers and not busy:
            self._clock.wait(timeout_s)  # needs no loop: works inside a notebook's own, too
        else:
            self._loop.run_until_complete(self._wait(timeout_s))
        return True

    def _jump(self, clock: FakeClock, at: datetime | None, triggers: Triggers) -> bool:
        """Let triggers do their real work, then go to what is due next."""
        if triggers:
            self._loop.run_until_complete(self._work(clock, triggers))
        if self._news.is_set():
            return True
        due = [when for when in (at, clock.next_pause()) if when is not None]
        if due:
            clock.jump(min(due))
        return bool(due or triggers)

    async def _work(self, clock: FakeClock, triggers: Triggers) -> None:
        """Return when there is news, or when every trigger pauses with the clock."""
        for turn in range(_TURNS + _PATIENCE):
            if self._news.is_set() or clock.pausing() >= len(triggers):
                return
            await (asyncio.sleep(0) if turn < _TURNS else self._wait(_REAL_WORK_S))

    async def _wait(self, timeout_s: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
