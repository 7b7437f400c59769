"""Send requests: a few threads, one token bucket, each job again until it is done.

Jobs are tried in the order of their priority and arrival. A job that asks for a pause comes back
when it is over; a server that asks to be left alone is left alone by every job.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from typing import Self

import msgspec

from tradewind.clock import Clock
from tradewind.kube.pacing import Bucket, pause_s

log = logging.getLogger(__name__)


class Again(msgspec.Struct, frozen=True):
    """A job is not done. asked_s: how long the server asks to be left alone, if it does."""

    asked_s: float | None = None


Job = Callable[[], Again | None]


class Desk:
    """Threads that send requests."""

    def __init__(
        self, name: str, threads: int, bucket: Bucket, clock: Clock, jitter: Callable[[], float]
    ) -> None:
        self._bucket = bucket
        self._clock = clock
        self._jitter = jitter
        self._ready = threading.Condition()
        self._jobs: list[tuple[int, int, int, Job]] = []
        self._later: list[tuple[float, int, int, int, Job]] = []
        self._count = itertools.count()
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-{n}", daemon=True)
            for n in range(threads)
        ]

    def __enter__(self) -> Self:
        """Start the threads."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop: what is not sent is not sent, and comes due again with the next scheduler."""
        with self._ready:
            self._stopped = True
            self._ready.notify_all()
        for thread in self._threads:
            thread.join()

    def put(self, job: Job, priority: int = 0) -> None:
        """Do a job as soon as may be; higher priorities first."""
        with self._ready:
            heapq.heappush(self._jobs, (-priority, next(self._count), 0, job))
            self._ready.notify()

    def _serve(self) -> None:
        while (taken := self._take()) is not None:
            order, count, failures, job = taken
            try:
                again = job()
            except Exception:
                log.exception("a request to Kubernetes failed by a fault of ours; trying again")
                again = Again()
            if again is not None:
                self._postpone(order, count, failures + 1, job, again)

    def _take(self) -> tuple[int, int, int, Job] | None:
        with self._ready:
            while not self._stopped:
                now = self._clock.monotonic()
                while self._later and self._later[0][0] <= now:
                    heapq.heappush(self._jobs, heapq.heappop(self._later)[1:])
                wait_s = self._later[0][0] - now if self._later else None
                if self._jobs:
                    wait_s = self._bucket.take(now)
                    if not wait_s:
                        return heapq.heappop(self._jobs)
                self._ready.wait(wait_s)
            return None

    def _postpone(self, order: int, count: int, failures: int, job: Job, again: Again) -> None:
        now = self._clock.monotonic()
        with self._ready:
            if again.asked_s:
                self._bucket.close(now, again.asked_s)
            due = now + pause_s(failures, again.asked_s, self._jitter())
            heapq.heappush(self._later, (due, order, count, failures, job))
            self._ready.notify()
