"""What has happened since this server began to count.

Theory of operation. Prometheus wants numbers that only grow and takes a restart for what it
is; so each server counts for itself, from the events that the scheduler writes anyway. Each
look reads the events after the last one that was heeded: a scrape costs what happened since
the scrape before, however long the history is. Several servers count the same events: a
dashboard takes one of them, or `max`, not the sum.

Series are bounded: beyond `MAX_SERIES` of one name what comes new is counted under the label
value "(other)", so that ids made by the thousand do not fill the memory of either side.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from tradewind.store.components import Component
from tradewind.store.connect import Database
from tradewind.store.read import figures
from tradewind.store.read.figures import Step
from tradewind.web.metrics.exposition import Family, Sample

MAX_SERIES = 2_000
OTHER = "(other)"
QUANTILES = (0.5, 0.9, 0.99)
MAX_FRESH = 20_000
"""Single values of one name between two looks; the oldest beyond are lost."""
_WINDOW = 64
"""The latest values that quantiles are of."""

OperatorOf = Callable[[int, str], str]
"""The operator of a task of a DAG's version."""


class Counts:
    """A counter by labels."""

    def __init__(self, name: str, help_: str, *labels: str) -> None:
        self._name, self._help, self._labels = name, help_, labels
        self._counts: Counter[tuple[str, ...]] = Counter()
        if not labels:
            self._counts[()] = 0

    def add(self, *values: str) -> None:
        """Count one, by the values of its labels."""
        self._counts[_bounded(self._counts, values)] += 1

    def family(self) -> Family:
        """Return what was counted."""
        samples = [
            Sample(n, dict(zip(self._labels, values, strict=True)))
            for values, n in sorted(self._counts.items())
        ]
        return Family(self._name, "counter", self._help, tuple(samples))


class Times:
    """A summary of times in seconds, by labels."""

    def __init__(self, name: str, help_: str, *labels: str, keep: bool = False) -> None:
        self._name, self._help, self._labels = name, help_, labels
        self._fresh: deque[Sample] | None = deque(maxlen=MAX_FRESH) if keep else None
        self._sums: dict[tuple[str, ...], float] = {}
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._latest: dict[tuple[str, ...], deque[float]] = {}

    def add(self, value_s: float | None, *values: str) -> None:
        """Add a time, by the values of its labels; None is not known and not counted."""
        if value_s is None:
            return
        key = _bounded(self._counts, values)
        self._counts[key] += 1
        self._sums[key] = self._sums.get(key, 0.0) + value_s
        self._latest.setdefault(key, deque(maxlen=_WINDOW)).append(value_s)
        if self._fresh is not None:
            self._fresh.append(Sample(value_s, dict(zip(self._labels, key, strict=True))))

    def family(self) -> Family:
        """Return sums, counts, and quantiles of the latest times."""
        samples: list[Sample] = []
        for key, count in sorted(self._counts.items()):
            labels = dict(zip(self._labels, key, strict=True))
            latest = sorted(self._latest[key])
            for q in QUANTILES:
                value = latest[min(len(latest) - 1, int(q * len(latest)))]
                samples.append(Sample(value, {**labels, "quantile": str(q)}))
            samples.append(Sample(self._sums[key], labels, "_sum"))
            samples.append(Sample(count, labels, "_count"))
        fresh = tuple(self._fresh or ())
        if self._fresh is not None:
            self._fresh.clear()
        return Family(self._name, "summary", self._help, tuple(samples), fresh)


def _bounded(seen: Counter[tuple[str, ...]], values: tuple[str, ...]) -> tuple[str, ...]:
    if values in seen or len(seen) < MAX_SERIES:
        return values
    return (OTHER,) * len(values)


class Tally:
    """Counts what starts and ends. Threads may share it.

    Args:
        db: the database.
        operator_of: tells the operator of a task.
        keep_values: also hand out every single time, to one reader.
    """

    def __init__(self, db: Database, operator_of: OperatorOf, *, keep_values: bool = False) -> None:
        self._db = db
        self._operator_of = operator_of
        self._lock = threading.Lock()
        self._seen: int | None = None
        self._beats: dict[str, datetime] = {}
        self._heartbeats: Counter[str] = Counter()
        by_task = ("dag_id", "task_id")
        self._started = Counts("airflow_ti_start", "Task instances that started.", *by_task)
        self._finished = Counts(
            "airflow_ti_finish", "Task instances that ended, by how.", *by_task, "state"
        )
        self._successes = Counts("airflow_ti_successes", "Task instances that succeeded.")
        self._failures = Counts("airflow_ti_failures", "Task instances that failed.")
        self._operator_successes = Counts(
            "airflow_operator_successes", "Successes of an operator's tasks.", "operator"
        )
        self._operator_failures = Counts(
            "airflow_operator_failures", "Failures of an operator's tasks.", "operator"
        )
        self._runs = Counts("tradewind_dagruns_total", "Runs, by their step.", "dag_id", "state")
        times = partial(Times, keep=keep_values)
        self._task_times = times(
            "airflow_task_duration", "From a task's start to its end, in seconds.", *by_task
        )
        self._queued_times = times(
            "airflow_task_queued_duration", "From a task's queueing to its start.", *by_task
        )
        self._run_times = times(
            "airflow_dagrun_duration", "From a run's start to its success, in seconds.", "dag_id"
        )
        self._failed_times = times(
            "airflow_dagrun_failed", "From a run's start to its failure, in seconds.", "dag_id"
        )
        self._delays = times(
            "airflow_dagrun_schedule_delay",
            "From when a run was due to its start, in seconds.",
            "dag_id",
        )

    def look(self, parts: Sequence[Component]) -> list[Family]:
        """Count what is new and return everything that was counted.

        Args:
            parts: the latest incarnation of each part.
        """
        with self._lock:
            self._count_beats(parts)
            self._count_steps()
            return self._families()

    def _count_beats(self, parts: Sequence[Component]) -> None:
        for part in parts:
            if self._beats.get(part.kind) != part.beat_at:
                self._beats[part.kind] = part.beat_at
                self._heartbeats[part.kind] += 1

    def _count_steps(self) -> None:
        if self._seen is None:
            self._seen = figures.newest_step(self._db)
        steps, newest = figures.steps_after(self._db, self._seen)
        # A smaller number than before: the database went back in time.
        self._seen = newest
        for step in steps:
            if step.is_task:
                self._count_task(step)
            else:
                self._count_run(step)

    def _count_task(self, step: Step) -> None:
        task = (step.dag_id, step.task_id)
        if step.state == "running":
            self._started.add(*task)
            self._queued_times.add(step.waited_s, *task)
            return
        self._finished.add(*task, step.state)
        if step.state in {"success", "failed", "up_for_retry"}:
            self._task_times.add(step.took_s, *task)
        if step.state == "success":
            self._successes.add()
            self._operator_successes.add(self._operator_of(step.version_id, step.task_id))
        elif step.state in {"failed", "up_for_retry"}:
            self._failures.add()
            self._operator_failures.add(self._operator_of(step.version_id, step.task_id))

    def _count_run(self, step: Step) -> None:
        self._runs.add(step.dag_id, step.state)
        if step.state == "running":
            self._delays.add(step.waited_s, step.dag_id)
        elif step.state == "success":
            self._run_times.add(step.took_s, step.dag_id)
        else:
            self._failed_times.add(step.took_s, step.dag_id)

    def _families(self) -> list[Family]:
        beats = [
            Family(
                f"airflow_{kind}_heartbeat",
                "counter",
                "Looks that found a new sign of life; standing still means silence.",
                (Sample(count, {"type": "counter"}),),
            )
            for kind, count in sorted(self._heartbeats.items())
        ]
        counted: list[Counts | Times] = [
            self._started,
            self._finished,
            self._successes,
            self._failures,
            self._operator_successes,
            self._operator_failures,
            self._runs,
            self._task_times,
            self._queued_times,
            self._run_times,
            self._failed_times,
            self._delays,
        ]
        return beats + [part.family() for part in counted]
