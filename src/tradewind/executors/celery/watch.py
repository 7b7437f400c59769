"""Look, from a thread, at what the broker and the result backend know of waiting attempts.

Two questions, asked only about attempts that may be stuck: how many messages wait in their
queue and does any worker take from it; and has Celery noted that their task failed or was
revoked. The answers are hints: they decide whether an attempt is offered once more and what
people are told, never what became of it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from tradewind.clock import Clock
from tradewind.executors.base import Fact, Wake
from tradewind.executors.celery.app import BrokerConnection, BrokerError
from tradewind.model.ids import AttemptId

log = logging.getLogger(__name__)

FRESH_S = 15.0
"""How long a look at a queue is worth something."""
_ASK_WORKERS_S = 1.0
"""How long workers have to say which queues they take from."""
_STOP_S = 5.0


class Evidence(Protocol):
    """What the watch needs of a `ResultReader`."""

    def read(self, attempts: Sequence[AttemptId]) -> list[Fact]:
        """Return what is known of attempts."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a queue. at: monotonic seconds."""

    depth: int
    consumers: int
    at: float


class Watch:
    """A thread with connections of its own, idle until it is asked."""

    def __init__(
        self,
        connection: BrokerConnection,
        evidence: Evidence | None,
        clock: Clock,
        wake: Wake,
        *,
        ask_workers: bool,
    ) -> None:
        """Make a watch that does not run yet.

        Args:
            connection: used by the thread alone.
            evidence: the result backend; None when there is none to read.
            clock: the clock.
            wake: called when facts were found.
            ask_workers: the broker does not know its consumers (Redis): ask the workers.
        """
        self._connection = connection
        self._evidence = evidence
        self._clock = clock
        self._wake = wake
        self._ask_workers = ask_workers
        self._change = threading.Condition()
        self._wanted: set[str] = set()
        self._attempts: Sequence[AttemptId] = ()
        self._seen: dict[str, Queue] = {}
        self._facts: list[Fact] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="celery-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the look that is going on."""
        with self._change:
            self._stopping = True
            self._change.notify()
        self._thread.join(_STOP_S)

    def look(self, queues: Iterable[str], attempts: Sequence[AttemptId]) -> None:
        """Ask for a look at these queues and at what was noted of these attempts."""
        with self._change:
            self._wanted |= set(queues)
            self._attempts = attempts
            self._change.notify()

    def seen(self, queue: str) -> Queue | None:
        """Return what was last seen of a queue, if that is fresh."""
        found = self._seen.get(queue)
        if found is None or self._clock.monotonic() - found.at > FRESH_S:
            return None
        return found

    def facts(self) -> list[Fact]:
        """Return what was found since the last call."""
        with self._change:
            found, self._facts = self._facts, []
        return found

    # ---- the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._stopping or self._wanted or self._attempts)
                if self._stopping:
                    break
                queues, self._wanted = self._wanted, set()
                attempts, self._attempts = self._attempts, ()
            try:
                self._look(queues)
            except BrokerError as error:
                self._connection.close()
                log.debug("no look at the queues: %s", error)
            except Exception:
                log.exception("the queues cannot be looked at")
            self._read(attempts)
        self._connection.close()
        if self._evidence is not None:
            self._evidence.close()

    def _look(self, queues: set[str]) -> None:
        if not queues:
            return
        self._connection.open()
        workers: list[set[str]] = []
        if self._ask_workers:
            found = self._connection.ask_workers("active_queues", _ASK_WORKERS_S)
            workers = [{q["name"] for q in theirs} for theirs in found.values()]
        for queue in queues:
            depth, consumers = self._connection.depth(queue)
            if self._ask_workers:
                consumers = sum(queue in theirs for theirs in workers)
            self._seen[queue] = Queue(
                depth=depth, consumers=consumers or 0, at=self._clock.monotonic()
            )

    def _read(self, attempts: Sequence[AttemptId]) -> None:
        if self._evidence is None or not attempts:
            return
        try:
            found = self._evidence.read(attempts)
        except Exception as error:  # noqa: BLE001  evidence is a luxury: nothing depends on it
            log.warning("the result backend cannot be read: %s", error)
            return
        if found:
            with self._change:
                self._facts += found
            self._wake()
