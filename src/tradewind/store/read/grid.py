"""The grid: the states of every task in many runs, packed to a letter a cell.

A hundred runs of a thousand tasks are 100,000 rows. What a run's column looked like is kept
in memory until an event says that something in the run changed, so only live runs are read
again. The watermark is the number of the newest event that was heeded.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence

import msgspec
from sqlalchemy import select

from tradewind.model.run import Run
from tradewind.model.state import TERMINAL_RUN_STATES, TaskState
from tradewind.store import tables
from tradewind.store.connect import Database
from tradewind.store.read.history import MAX_EVENTS, events_after, newest

LETTERS: dict[str, str] = {
    TaskState.NONE: ".",
    TaskState.SCHEDULED: "c",
    TaskState.QUEUED: "q",
    TaskState.RUNNING: "r",
    TaskState.SUCCESS: "s",
    TaskState.FAILED: "f",
    TaskState.UP_FOR_RETRY: "y",
    TaskState.UP_FOR_RESCHEDULE: "e",
    TaskState.DEFERRED: "d",
    TaskState.SKIPPED: "k",
    TaskState.UPSTREAM_FAILED: "u",
    TaskState.REMOVED: "x",
    TaskState.RESTARTING: "g",
    TaskState.AWAITING_INPUT: "a",
}
ABSENT = "-"
"""The run has no such task."""

_WORST_FIRST = "fuagryedqc.skx"
"""Which state a mapped task shows: the one that most wants attention."""
_KEPT_RUNS = 1_000

_ti = tables.task_instance


class Column(msgspec.Struct, frozen=True):
    """A run's states: letters by task id, and for mapped tasks how many of each letter."""

    letters: dict[str, str]
    mapped: dict[str, dict[str, int]]


class Columns:
    """Columns of runs, remembered. Threads may share it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Column] = OrderedDict()
        self._seen: int | None = None

    def of(self, runs: Sequence[Run]) -> dict[int, Column]:
        """Return the columns of these runs by run_pk."""
        with self._lock:
            self._heed()
            # Noted before reading: what changes meanwhile is newer than the watermark.
            missing = [run.run_pk for run in runs if run.run_pk not in self._kept]
            fresh = read_columns(self._db, missing)
            found = {r.run_pk: self._kept.get(r.run_pk) or fresh[r.run_pk] for r in runs}
            for run in runs:
                if run.state in TERMINAL_RUN_STATES:
                    self._kept[run.run_pk] = found[run.run_pk]
                    self._kept.move_to_end(run.run_pk)
            while len(self._kept) > _KEPT_RUNS:
                self._kept.popitem(last=False)
        return found

    def _heed(self) -> None:
        if self._seen is None:
            self._seen = newest(self._db)
            return
        changed = events_after(self._db, self._seen, MAX_EVENTS)
        if len(changed) == MAX_EVENTS:
            self._kept.clear()
            self._seen = newest(self._db)
            return
        for event in changed:
            self._kept.pop(event.run_pk, None)
            self._seen = event.seq


def read_columns(db: Database, run_pks: Sequence[int]) -> dict[int, Column]:
    """Return the columns of runs as they stand."""
    if not run_pks:
        return {}
    statement = select(_ti.c.run_pk, _ti.c.task_id, _ti.c.map_index, _ti.c.state).where(
        _ti.c.run_pk.in_(run_pks)
    )
    columns = {run_pk: Column({}, {}) for run_pk in run_pks}
    counts: dict[tuple[int, str], Counter[str]] = {}
    letters = {str(state): letter for state, letter in LETTERS.items()}
    with db.read() as conn:
        for run_pk, task_id, map_index, state in conn.execute(statement):
            if map_index < 0:
                columns[run_pk].letters[task_id] = letters[state]
            else:
                counts.setdefault((run_pk, task_id), Counter())[letters[state]] += 1
    for (run_pk, task_id), counted in counts.items():
        worst = next(letter for letter in _WORST_FIRST if counted[letter])
        columns[run_pk].letters[task_id] = worst
        columns[run_pk].mapped[task_id] = dict(counted)
    return columns
