"""Attempts that wait for a warm pod: by priority, then as they came."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Set as AbstractSet

from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Launch


class Waiting:
    """A queue that can be left."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._queue: list[tuple[int, float, int, Launch]] = []
        self._here: set[AttemptId] = set()
        self._count = itertools.count()

    def __contains__(self, attempt_id: AttemptId) -> bool:
        """Tell whether an attempt waits."""
        return attempt_id in self._here

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._here)

    def add(self, launch: Launch, since: float) -> None:
        """Let an attempt wait. since: it has waited from then on, in monotonic seconds."""
        self._here.add(launch.attempt_id)
        heapq.heappush(self._queue, (-launch.priority, since, next(self._count), launch))

    def take(self) -> tuple[Launch, float]:
        """Return the first, which waits no more, and since when it has; there must be one."""
        while True:
            _, since, _, launch = heapq.heappop(self._queue)
            if launch.attempt_id in self._here:
                self._here.discard(launch.attempt_id)
                return launch, since

    def drop(self, attempt_id: AttemptId) -> bool:
        """Let one go; False when it does not wait."""
        was_here = attempt_id in self._here
        self._here.discard(attempt_id)
        return was_here

    def keep(self, believed: AbstractSet[AttemptId]) -> None:
        """Let all others go."""
        self._here &= believed

    def overdue(self, now: float) -> list[Launch]:
        """Return those that have waited long enough, and let them go."""
        late = [entry for entry in self._queue if now - entry[1] >= self._patience_s]
        found = [entry[3] for entry in late if entry[3].attempt_id in self._here]
        self._here -= {launch.attempt_id for launch in found}
        self._queue = [entry for entry in self._queue if entry[3].attempt_id in self._here]
        heapq.heapify(self._queue)
        return found

    def next_due(self) -> float | None:
        """Return when one will have waited long enough, in monotonic seconds."""
        since = min((entry[1] for entry in self._queue), default=None)
        return None if since is None else since + self._patience_s
