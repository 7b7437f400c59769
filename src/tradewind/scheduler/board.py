"""What the leader keeps in memory: its active runs and their live attempts.

Rules
* The board mirrors committed state. A turn may have changed `LiveRun`s in memory before its
  commit; when the commit fails or its fate is unknown, the touched runs are dropped here and
  loaded again from the database.
* Everything here can be rebuilt from the database: a take-over starts with an empty board.
"""

from __future__ import annotations

import heapq
from datetime import datetime

import msgspec

from tradewind.engine.admit import Admission
from tradewind.engine.graph import Graph
from tradewind.engine.live import LiveRun
from tradewind.model.event import Past
from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.run import Stopping
from tradewind.store.read.scheduling import Version

NO_PAST = Past()
_GRAPH_CACHE = 512
"""Graphs of versions without an active run that are kept for their next run."""


class LiveAttempt(msgspec.Struct):
    """An attempt that is queued or running.

    beaten_at: monotonic seconds of the last sign of life (of the claim, at first).
    queued_at: monotonic seconds when it was queued.
    next_submit_at: monotonic seconds when an unclaimed attempt is handed over again.
    pending_reason: why it waits outside, as its executor says; kept in its row, too.
    """

    attempt_id: AttemptId
    ti: TiKey
    fence: int
    executor: str
    claim_token: str
    nonce: str | None = None
    worker: str | None = None
    beaten_at: float = 0.0
    queued_at: float = 0.0
    next_submit_at: float = 0.0
    submit_count: int = 0
    pending_reason: str | None = None


class RunEntry(msgspec.Struct):
    """An active run."""

    live: LiveRun
    version: Version
    past: Past = NO_PAST
    past_needs: frozenset[str] = frozenset()
    wake_at: datetime | None = None


class Board:
    """The active runs, their attempts, and when each run wants to be woken."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.runs: dict[int, RunEntry] = {}
        self.attempts: dict[AttemptId, LiveAttempt] = {}
        self.stopping: dict[AttemptId, Stopping] = {}
        """Attempts that were told to stop while they ran. They change nothing any more, but
        their tasks start again only when they have ended. They stay when their run is dropped:
        it may be cleared and loaded again."""
        self.by_dag: dict[str, set[int]] = {}
        self.resuming: dict[TiKey, int] = {}
        """Deferred tasks whose trigger has fired and whose next attempt goes on from there,
        with the fence of the deferral."""
        self._graphs: dict[int, Graph] = {}
        self._wakes: list[tuple[datetime, int]] = []

    def graph(self, version: Version) -> Graph:
        """Return the version's graph, built once for all of its runs."""
        graph = self._graphs.get(version.version_id)
        if graph is None:
            if len(self._graphs) >= _GRAPH_CACHE:
                used = {entry.version.version_id for entry in self.runs.values()}
                self._graphs = {k: g for k, g in self._graphs.items() if k in used}
            graph = self._graphs[version.version_id] = Graph.build(version.spec)
        return graph

    def forget_graphs(self) -> None:
        """Forget the graphs: a version of this number may be another than it was."""
        self._graphs.clear()

    def add(self, entry: RunEntry) -> None:
        """Take in a run that was loaded from the database."""
        run = entry.live.run
        self.runs[run.run_pk] = entry
        self.by_dag.setdefault(run.dag_id, set()).add(run.run_pk)
        self.admission.load(entry.live)

    def drop(self, run_pk: int) -> None:
        """Forget a run and its attempts: it ended, or memory may differ from the database."""
        entry = self.runs.pop(run_pk, None)
        self.admission.forget(run_pk)
        if entry is None:
            return
        runs = self.by_dag.get(entry.live.run.dag_id)
        if runs is not None:
            runs.discard(run_pk)
            if not runs:
                del self.by_dag[entry.live.run.dag_id]
        for attempt_id in [a for a, live in self.attempts.items() if live.ti.run_pk == run_pk]:
            del self.attempts[attempt_id]
        for ti in [ti for ti in self.resuming if ti.run_pk == run_pk]:
            del self.resuming[ti]

    def set_wake(self, run_pk: int, wake_at: datetime | None) -> None:
        """Note when a run next needs a look."""
        entry = self.runs.get(run_pk)
        if entry is None or entry.wake_at == wake_at:
            return
        entry.wake_at = wake_at
        if wake_at is not None:
            heapq.heappush(self._wakes, (wake_at, run_pk))

    def due(self, now: datetime) -> list[int]:
        """Return the runs whose wake time has come, each once."""
        found: list[int] = []
        while self._wakes and self._wakes[0][0] <= now:
            wake_at, run_pk = heapq.heappop(self._wakes)
            entry = self.runs.get(run_pk)
            if entry is not None and entry.wake_at == wake_at:
                entry.wake_at = None
                found.append(run_pk)
        return found

    def next_wake(self) -> datetime | None:
        """Return the earliest wake time of any run."""
        while self._wakes:
            wake_at, run_pk = self._wakes[0]
            entry = self.runs.get(run_pk)
            if entry is not None and entry.wake_at == wake_at:
                return wake_at
            heapq.heappop(self._wakes)
        return None
