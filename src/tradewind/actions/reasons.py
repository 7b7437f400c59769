"""Why tasks do not run: the engine's own answer, over what the database says.

Command line, pages and API all ask here. The answer is that of the moment of the first
question: pools and active runs are read once for all that a `Reasons` is asked.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from tradewind.engine.admit import Admission, Capacity
from tradewind.engine.explain import explain
from tradewind.engine.graph import Graph
from tradewind.engine.live import LiveRun
from tradewind.model.event import Blocked
from tradewind.model.ids import TaskKey
from tradewind.model.run import Run, Stopping
from tradewind.store import pools
from tradewind.store.connect import Database
from tradewind.store.read import dags, deadline_list, scheduling
from tradewind.store.read.parts import alive
from tradewind.store.read.scheduling import RunRows

_MOST_COUNTED = 50
"""Active runs whose tasks are counted against pools to say why a task waits; a person asks about
one task, and beyond this the answer is about the pool's fullness all the same."""

_SILENT_AFTER = timedelta(seconds=30)
"""A scheduler beats every few seconds; one that was silent for this long is not there."""

_STOPS_WITHIN = timedelta(seconds=60)
"""An attempt that was told to stop so lately may still be on its way out."""


class Reasons:
    """What holds task instances back, at one moment."""

    def __init__(self, db: Database, now: datetime, capacity: Capacity) -> None:
        """Read nothing yet.

        Args:
            db: the database.
            now: the moment.
            capacity: executors and limits as configured; its pools are read from the database.
        """
        self._db = db
        self._now = now
        self._capacity = capacity
        self._counted: Admission | None = None
        self._runs: dict[int, tuple[LiveRun, RunRows] | None] = {}

    def of(self, run: Run, key: TaskKey) -> tuple[Blocked, ...]:
        """Return what holds a task instance back; empty when it runs, has ended or is gone.

        Raises:
            NotFound: the run has no such task instance.
        """
        found = self._live(run.run_pk)
        if found is None:
            return ()
        live, rows = found
        ti = live.find(key)
        attempt_id = ti.attempt_id if ti is not None else None
        pending = next((a.reason for a in rows.attempts if a.attempt_id == attempt_id), None)
        past = scheduling.past(self._db, live.run, [key.task_id], live.graph.spec)
        admission = self._admission(live)
        blocked = explain(live, key, admission, past, self._now, pending)
        return (*self._scheduler(), *blocked, *self._deadlines(live)) if blocked else ()

    def _admission(self, live: LiveRun) -> Admission:
        if self._counted is None:
            known = {pool.name: pool for pool in pools.all_pools(self._db)}
            self._counted = Admission()
            self._counted.set_capacity(msgspec.structs.replace(self._capacity, pools=known))
            for run in scheduling.active_runs(self._db)[:_MOST_COUNTED]:
                found = self._live(run.run_pk)
                if found is not None:
                    self._counted.load(found[0])
        dag = dags.dag(self._db, live.run.dag_id)
        self._counted.pause(live.run.dag_id, paused=dag is not None and dag.paused)
        self._counted.load(live)
        return self._counted

    def _live(self, run_pk: int) -> tuple[LiveRun, RunRows] | None:
        if run_pk not in self._runs:
            rows = scheduling.run_rows(self._db, run_pk)
            self._runs[run_pk] = None
            if rows is not None:
                graph = Graph.build(scheduling.version(self._db, rows.run.version_id).spec)
                live = LiveRun.load(graph, rows.run, rows.instances, self._stopping(run_pk))
                self._runs[run_pk] = live, rows
        return self._runs[run_pk]

    def _stopping(self, run_pk: int) -> list[Stopping]:
        return [
            Stopping(
                attempt_id=found.attempt_id,
                ti=found.ti,
                executor=found.executor,
                until=(found.ended_at or self._now) + _STOPS_WITHIN,
            )
            for found in scheduling.superseded(self._db, run_pk, self._now - _STOPS_WITHIN)
        ]

    def _deadlines(self, live: LiveRun) -> list[Blocked]:
        """Return what waiting costs: the run's deadlines."""
        if not live.graph.spec.deadlines:
            return []
        found: list[Blocked] = []
        for row in deadline_list.of_run(self._db, live.run.run_pk):
            name = f" {row.name!r}" if row.name else ""
            at = f"{row.due_at:%Y-%m-%d %H:%M:%S} UTC"
            if row.missed_at is not None:
                text = f"meanwhile the run has missed its deadline{name} of {at}"
                found.append(Blocked(code="deadline_missed", text=text))
            else:
                text = f"the run's deadline{name} is at {at}"
                found.append(Blocked(code="deadline", text=text, until=row.due_at))
        return found

    def _scheduler(self) -> tuple[Blocked, ...]:
        if alive(self._db, "scheduler", self._now - _SILENT_AFTER):
            return ()
        text = (
            "no scheduler is running; start it (tradewind standalone, or tradewind scheduler), or "
            "see what is wrong with it (tradewind jobs check)"
        )
        return (Blocked(code="no_scheduler", text=text),)
