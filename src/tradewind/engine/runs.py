"""Which queued runs may start.

`max_active_runs` is counted per DAG for scheduled and manual runs together, and for each
backfill in a lane of its own, so that a backfill never holds up the schedule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from tradewind.model.run import Run

Lane = tuple[str, int | None]
"""A DAG and a backfill of it (None: its schedule and manual runs)."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG's limits. paused: nothing starts."""

    max_active_runs: int
    paused: bool = False


def admit_runs(
    queued: Sequence[Run], active: Mapping[Lane, int], limits: Mapping[str, Limits]
) -> list[int]:
    """Return the runs that start now, oldest first.

    Args:
        queued: the runs that wait.
        active: running runs by lane.
        limits: by DAG.
    """
    counts: Counter[Lane] = Counter(active)
    started: list[int] = []
    for run in sorted(queued, key=lambda r: (r.run_after, r.run_pk)):
        limit = limits[run.dag_id]
        if limit.paused:
            continue
        lane = (run.dag_id, run.backfill_id)
        if counts[lane] >= limit.max_active_runs:
            continue
        counts[lane] += 1
        started.append(run.run_pk)
    return started
