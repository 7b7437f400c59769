"""Which queued runs may start.

`max_active_runs` is counted per DAG for scheduled and manual runs together, and for each
backfill in a lane of its own, with a limit of its own, so that a backfill never holds up the
schedule. A run that stands for a later time waits for it.
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


def admit_runs(
    queued: Sequence[Run], active: Mapping[Lane, int], limits: Mapping[Lane, Limits], now: datetime
) -> list[int]:
    """Return the runs that start now, oldest first.

    Args:
        queued: the runs that wait.
        active: running runs by lane.
        limits: by lane.
        now: the time.
    """
    counts: Counter[Lane] = Counter(active)
    started: list[int] = []
    for run in sorted(queued, key=lambda r: (r.run_after, r.run_pk)):
        lane = (run.dag_id, run.backfill_id)
        limit = limits[lane]
        if limit.paused or run.run_after > now:
            continue
        if counts[lane] >= limit.max_active_runs:
            continue
        counts[lane] += 1
        started.append(run.run_pk)
    return started
