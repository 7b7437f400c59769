"""What is to be done at a time: the waiting side of a loop over descriptors."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from tradewind.clock import Clock


class Timers:
    """Call functions when their time has come. A function that is not needed any more must know."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()

    def after(self, seconds: float, function: Callable[[], object]) -> None:
        """Call a function in so many seconds."""
        due = self._clock.monotonic() + seconds
        heapq.heappush(self._heap, (due, next(self._order), function))

    def wait_s(self) -> float | None:
        """Return the seconds until something is due; None when nothing ever is."""
        if not self._heap:
            return None
        return max(0.0, self._heap[0][0] - self._clock.monotonic())

    def run(self) -> None:
        """Call what is due."""
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2]()
