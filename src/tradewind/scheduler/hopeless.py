"""Warn of tasks that wait for what will never come by itself: a pool that nobody made.

Each reason is logged once for each run, and once more if it went away and came back.
"""

from __future__ import annotations

import logging

from tradewind.scheduler.board import Board

log = logging.getLogger(__name__)


class HopelessWaits:
    """What has been warned of already."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._told: set[tuple[int, str]] = set()

    def warn(self) -> None:
        """Log what is new since the last look."""
        found = set()
        for ti, blocked in self._board.admission.hopeless():
            found.add((ti.run_pk, blocked.text))
            entry = self._board.runs.get(ti.run_pk)
            if entry is not None and (ti.run_pk, blocked.text) not in self._told:
                run = entry.live.run
                log.warning(
                    "task %r of DAG %r, run %r, waits: %s",
                    ti.task_id,
                    run.dag_id,
                    run.run_id,
                    blocked.text,
                )
        self._told = found
