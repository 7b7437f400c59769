"""The thread in which Celery's task bodies run.

A body only returns what the supervisor said of its ticket. Its result goes to the writer, where
the result backend takes many together; any other backend writes it here, which may take as long
as a database does, and so does not happen in Celery's event loop.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from tradewind.model.ids import AttemptId
from tradewind.worker.celery.result_writer import LAST_WORDS_S, ResultWriter

log = logging.getLogger(__name__)

NOTHING = (0, None, 0.0)
"""What Celery's books are told of a message without a result: no failure, no value, no time."""
_BATCH = 200
"""Most bodies at a time."""

_spoken = threading.local()


class AttemptLost(Exception):
    """The worker cannot say what became of the attempt."""


class Job(msgspec.Struct, eq=False):
    """A message that Celery handed to the pool.

    target, args: what runs the body and stores its result. callback: takes the target's value.
    accept: acknowledges the message; a method of Celery's request.
    """

    target: Callable[..., Any]
    args: tuple[Any, ...]
    callback: Callable[[Any], None]
    accept: Callable[[int, float], None]
    attempt_id: AttemptId | None = None

    def give_back(self) -> None:
        """Let another worker have the message."""
        self.accept.__self__.reject(requeue=True)  # type: ignore[attr-defined]


def outcome_of_current_ticket() -> str:
    """Return what became of the ticket whose task body runs now; called by that body alone.

    Raises:
        AttemptLost: nobody knows.
    """
    outcome: str | Exception = _spoken.outcome
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


class Finishing:
    """Take jobs whose outcome is known, and give them back with Celery's result."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._writer = ResultWriter(app)
        self._todo: queue.SimpleQueue[tuple[Job, str | Exception] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Job, Any]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="results", daemon=True)
        self.wake: Callable[[], None] = lambda: None
        """Called from the thread when something is done."""
        self.unfinished = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._writer.start()

    def stop(self) -> None:
        """End when everything is written, or has had its time."""
        self._todo.put(None)
        self._thread.join(LAST_WORDS_S)
        self._writer.stop()

    def add(self, job: Job, outcome: str | Exception) -> None:
        """Finish a job."""
        self.unfinished += 1
        self._todo.put((job, outcome))

    def take(self) -> list[tuple[Job, Any]]:
        """Return the jobs that are finished, with their results."""
        found: list[tuple[Job, Any]] = []
        while True:
            try:
                found.append(self._done.get_nowait())
            except queue.Empty:
                self.unfinished -= len(found)
                return found

    def _run(self) -> None:
        ending = False
        while not ending:
            first = self._todo.get()
            batch = [] if first is None else [first]
            ending = first is None
            while not ending and len(batch) < _BATCH and not self._todo.empty():
                item = self._todo.get()
                ending = item is None
                if item is not None:
                    batch.append(item)
            for each in self._finish(batch):
                self._done.put(each)
            self.wake()

    def _finish(self, batch: list[tuple[Job, str | Exception]]) -> list[tuple[Job, Any]]:
        backend = self._app.backend
        together = hasattr(backend, "collect")
        if together:
            backend.collect()
        done = [(job, _run_body(job, outcome)) for job, outcome in batch]
        if together:
            self._writer.add(backend.collected())
        return done


def _run_body(job: Job, outcome: str | Exception) -> Any:
    _spoken.outcome = outcome
    try:
        return job.target(*job.args)
    except Exception as error:  # noqa: BLE001  likewise: the outcome is known elsewhere
        log.warning("a result was not written: %s", error)
        return NOTHING
