"""A clock that stands still, and jumps to the next thing that is due instead of waiting.

Sensors in mode "poke" wait with it (the time passes at once); triggers pause with it (each
until its time, as the runner jumps from one due moment to the next).
"""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta

_START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """A clock for tests.

    Args:
        now: where it starts, an aware time.
    """

    def __init__(self, now: datetime = _START) -> None:
        self._now = now
        self._started_at = now
        self._pauses: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        """Return the time."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return (self._now - self._started_at).total_seconds()

    def wait(self, seconds: float) -> None:
        """Let this time pass at once."""
        self.jump(self._now + timedelta(seconds=max(0.0, seconds)))

    async def pause(self, seconds: float) -> None:
        """Return when the clock has come this far."""
        self._count += 1
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        at = self._now + timedelta(seconds=max(0.0, seconds))
        heapq.heappush(self._pauses, (at, self._count, over))
        await over

    def pausing(self) -> int:
        """Return how many pauses are not over."""
        return sum(not over.done() for _, _, over in self._pauses)

    def next_pause(self) -> datetime | None:
        """Return when the next pause is over, or None when nothing pauses."""
        while self._pauses and self._pauses[0][2].done():
            heapq.heappop(self._pauses)  # the trigger that paused was cancelled
        return self._pauses[0][0] if self._pauses else None

    def jump(self, at: datetime) -> None:
        """Go to this time, if it lies ahead, and end the pauses that are over then."""
        self._now = max(self._now, at)
        while (due := self.next_pause()) is not None and due <= self._now:
            heapq.heappop(self._pauses)[2].set_result(None)
