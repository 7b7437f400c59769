"""What was told to stop while it ran and may still be on its way out.

The board knows what this leader told to stop. What an earlier leader told to stop is found in
the rows of attempts: those that were superseded a short time before this one took over.
"""

from __future__ import annotations

from datetime import timedelta

from tradewind.clock import Clock
from tradewind.model.ids import AttemptId
from tradewind.model.run import Stopping
from tradewind.scheduler.board import Board
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.read.scheduling import RunRows


class Stoppings:
    """Find the attempts for whose end a run's tasks wait."""

    def __init__(self, db: Database, board: Board, clock: Clock, grace_s: float) -> None:
        """Know nothing yet.

        Args:
            db: the database.
            board: holds what this leader told to stop.
            clock: tells the time.
            grace_s: after so long an attempt has stopped, whether or not anybody said so.
        """
        self._db = db
        self._board = board
        self._clock = clock
        self._grace = timedelta(seconds=grace_s)
        self._took_over_at = clock.now()
        self._found: set[AttemptId] = set()

    def take_over(self) -> None:
        """Know nothing but what the rows will say."""
        self._board.stopping.clear()
        self._found.clear()
        self._took_over_at = self._clock.now()

    def of(self, rows: RunRows) -> list[Stopping]:
        """Return a run's attempts that may still be on their way out."""
        run_pk = rows.run.run_pk
        since = self._clock.now() - self._grace
        if rows.instances and since < self._took_over_at:
            self._find(run_pk)
        return [s for s in self._board.stopping.values() if s.ti.run_pk == run_pk]

    def _find(self, run_pk: int) -> None:
        since = self._clock.now() - self._grace
        for found in scheduling.superseded(self._db, run_pk, since):
            # Of what was told to stop later we know at first hand, also that it has ended.
            if found.ended_at is None or found.ended_at > self._took_over_at:
                continue
            if found.attempt_id not in self._found:
                self._found.add(found.attempt_id)
                self._board.stopping[found.attempt_id] = Stopping(
                    attempt_id=found.attempt_id,
                    ti=found.ti,
                    executor=found.executor,
                    until=found.ended_at + self._grace,
                )
