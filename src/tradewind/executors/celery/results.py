"""Read Celery's result backend, where it is a database, and keep it small."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tradewind.clock import Clock
from tradewind.config import Config
from tradewind.executors.base import Fact
from tradewind.executors.celery.evidence import ResultRow, facts_of
from tradewind.executors.celery.settings import result_url
from tradewind.model.ids import AttemptId
from tradewind.store import celery_results

_TELLING = ("FAILURE", "REVOKED")
_PRUNE_S = 600.0


class ResultReader:
    """The scheduler's view of the results; for one thread."""

    def __init__(self, url: str, expires_s: float, clock: Clock) -> None:
        """Connect when it is first asked.

        Args:
            url: of the result backend ("db+…").
            expires_s: older results are deleted.
            clock: the clock.
        """
        self._engine = celery_results.open_results(url)
        self._expires = timedelta(seconds=expires_s)
        self._clock = clock
        self._prune_at = clock.monotonic()

    def read(self, attempts: Sequence[AttemptId]) -> list[Fact]:
        """Return what is known of attempts; now and then delete old results."""
        if self._clock.monotonic() >= self._prune_at:
            self._prune_at = self._clock.monotonic() + _PRUNE_S
            celery_results.prune(self._engine, self._clock.now() - self._expires)
        found = celery_results.rows_of(self._engine, attempts, _TELLING)
        return facts_of(
            ResultRow(task_id=task_id, status=status, result=result)
            for task_id, status, result in found
        )

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def reader_of(config: Config, clock: Clock) -> ResultReader | None:
    """Return a reader of the configured result backend; None when it is no database."""
    url = result_url(config)
    if url is None or not url.startswith("db+"):
        return None
    return ResultReader(url, config.celery.result_expires_s, clock)
