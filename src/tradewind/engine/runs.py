"""Which queued runs may start.

`max_active_runs` is counted per DAG for scheduled and manual runs together, and for each
backfill in a lane of its own, with a limit of its own, so that a backfill never holds up the
schedule. A run that stands for a later time waits for it. A run that can only wait for an
earlier one (depends_on_past) gives its place to an earlier one that was cleared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from tradewind.model.run import Run

Lane = tuple[str, int | None]
"""A DAG and a backfill of it (None: its schedule and manual runs)."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """A lane's limits. paused: nothing starts."""

    max_active_runs: int
    paused: bool = False


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Who starts, in order, and who gives a place up. put_back: (run, the earlier run's id)."""

    started: tuple[int, ...]
    put_back: tuple[tuple[int, str], ...] = ()


def admit_runs(
    queued: Sequence[Run],
    active: Mapping[Lane, int],
    limits: Mapping[Lane, Limits],
    now: datetime,
    waiting: Sequence[Run] = (),
) -> Places:
    """Return the runs that start now, oldest first, and those that make room for them.

    Args:
        queued: the runs that wait.
        active: running runs by lane.
        limits: by lane.
        now: the time.
        waiting: running runs that only an earlier run can help (`engine.past`). One of them
            gives its place to an earlier run of its lane; both would wait for ever otherwise.
    """
    counts: Counter[Lane] = Counter(active)
    started: list[int] = []
    put_back: list[tuple[int, str]] = []
    left = sorted(waiting, key=place, reverse=True)
    for run in sorted(queued, key=lambda r: (r.run_after, r.run_pk)):
        lane = (run.dag_id, run.backfill_id)
        limit = limits[lane]
        if limit.paused or run.run_after > now:
            continue
        if counts[lane] >= limit.max_active_runs:
            gives = next((w for w in left if _gives(w, run)), None)
            if gives is None:
                continue
            left.remove(gives)
            put_back.append((gives.run_pk, run.run_id))
            counts[lane] -= 1
        counts[lane] += 1
        started.append(run.run_pk)
    return Places(started=tuple(started), put_back=tuple(put_back))


def place(run: Run) -> tuple[datetime, int]:
    """Return what orders the runs of a DAG: the time for which each stands."""
    return (run.logical_date or run.run_after, run.run_pk)


def _gives(waiting: Run, queued: Run) -> bool:
    same = (waiting.dag_id, waiting.backfill_id) == (queued.dag_id, queued.backfill_id)
    return same and place(queued) < place(waiting)
