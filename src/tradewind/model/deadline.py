"""A DAG's deadlines: by when a run must have ended, and what the store keeps of each run's."""

from __future__ import annotations

from datetime import datetime

import msgspec


class LogicalDate(msgspec.Struct, frozen=True, tag="logical_date"):
    """Counted from the run's logical date; a run without one has no such deadline."""


class QueuedAt(msgspec.Struct, frozen=True, tag="queued_at"):
    """Counted from when the run was queued, also when it is queued anew by a clear."""


class FixedTime(msgspec.Struct, frozen=True, tag="fixed"):
    """Counted from one moment, the same for every run. at: aware UTC."""

    at: datetime


class AverageRuntime(msgspec.Struct, frozen=True, tag="average_runtime"):
    """Counted from the run's creation and what earlier runs took on average.

    max_runs: so many of the latest successful runs count. min_runs: with fewer there is no
    deadline.
    """

    max_runs: int = 10
    min_runs: int = 10


Reference = LogicalDate | QueuedAt | FixedTime | AverageRuntime


class DeadlineSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One deadline of a DAG. interval_s: added to the reference, may be negative."""

    reference: Reference
    interval_s: float
    name: str | None = None


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """One deadline of one run.

    position: which of its DAG's deadlines it is.
    """

    run_pk: int
    position: int
    due_at: datetime
    name: str | None = None
