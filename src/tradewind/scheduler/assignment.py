"""Write down what a worker needs to run one attempt, trigger or callback."""

from __future__ import annotations

from datetime import datetime

from tradewind.model.ids import AttemptId
from tradewind.model.run import Run
from tradewind.scheduler.board import Board, LiveAttempt, RunEntry
from tradewind.scheduler.triggers import LiveTrigger, Watcher
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.read.scheduling import Deferral, OwedCallback
from tradewind.wire.messages import (
    AssetEventInfo,
    Assignment,
    CallbackCall,
    MapLevel,
    RunInfo,
    TriggerCall,
)
from tradewind.wire.runs import run_info


class Assignments:
    """Build assignments from the board and, for resumed tasks, the deferral's row."""

    def __init__(self, db: Database, board: Board, live_sources: dict[str, str]) -> None:
        self._db = db
        self._board = board
        self._live_sources = live_sources
        """The source hash that each DAG's file has in the DAG folder now."""

    def task(self, entry: RunEntry, live: LiveAttempt, *, stored: bool = False) -> Assignment:
        """Return the assignment of a task attempt.

        Args:
            entry: its run.
            live: the attempt.
            stored: for a remote worker, before the turn that queues it is committed: what the
                task's trigger left is added when it is claimed.
        """
        ti = entry.live.get(live.ti.in_run)
        task = entry.live.task(ti.task_id)
        run = entry.live.run
        resumes = live.ti in self._board.resuming
        return Assignment(
            attempt_id=live.attempt_id,
            fence=live.fence,
            try_number=ti.try_number,
            max_tries=ti.max_tries,
            dag_file=entry.version.dag_file,
            source_hash=run.source_hash or entry.version.source_hash,
            tree_hash=run.tree_hash or entry.version.tree_hash,
            in_place=self._in_place(entry),
            version_number=entry.version.number,
            task_id=ti.task_id,
            map_index=ti.map_index,
            map_levels=tuple(
                MapLevel(group_id=group, lengths=lengths, index=index)
                for group, lengths, index in entry.live.map_levels(live.ti.in_run)
            ),
            upstream_indexes=entry.live.upstream_indexes(live.ti.in_run),
            run=self.run_info(run),
            callbacks=task.callbacks,
            first_started_at=ti.first_started_at,
            reschedule_count=ti.reschedule_count,
            resumes=resumes,
            resume=scheduling.resume(self._db, live.ti) if resumes and not stored else None,
        )

    def trigger(self, entry: RunEntry, deferral: Deferral, attempt_id: AttemptId) -> Assignment:
        """Return the assignment of a deferred task's trigger."""
        ti = entry.live.get(deferral.ti.in_run)
        return Assignment(
            kind="trigger",
            attempt_id=attempt_id,
            fence=deferral.fence,
            try_number=ti.try_number,
            max_tries=ti.max_tries,
            dag_file=entry.version.dag_file,
            source_hash=entry.live.run.source_hash or entry.version.source_hash,
            tree_hash=entry.live.run.tree_hash or entry.version.tree_hash,
            in_place=self._in_place(entry),
            version_number=entry.version.number,
            task_id=ti.task_id,
            map_index=ti.map_index,
            run=self.run_info(entry.live.run),
            trigger=TriggerCall(
                classpath=deferral.classpath,
                kwargs=deferral.kwargs,
                timeout_at=deferral.timeout_at,
            ),
        )

    def of_trigger(
        self, trigger: LiveTrigger, attempt_id: AttemptId, now: datetime
    ) -> Assignment | None:
        """Return the assignment of a trigger; None: its run is not in memory."""
        subject = trigger.subject
        if isinstance(subject, Watcher):
            return _watching(subject, attempt_id, now)
        entry = self._board.runs.get(subject.ti.run_pk)
        return None if entry is None else self.trigger(entry, subject, attempt_id)

    def callback(self, owed: OwedCallback, run: Run, attempt_id: AttemptId) -> Assignment:
        """Return the assignment of a callback."""
        version = scheduling.version(self._db, run.version_id)
        source = run.source_hash or version.source_hash
        return Assignment(
            kind="callback",
            attempt_id=attempt_id,
            fence=0,
            try_number=owed.try_number,
            max_tries=owed.try_number,
            dag_file=version.dag_file,
            source_hash=source,
            tree_hash=run.tree_hash or version.tree_hash,
            in_place=self._live_sources.get(run.dag_id, source) == source,
            version_number=version.number,
            task_id=owed.task_id or "",
            map_index=owed.map_index,
            run=self.run_info(run),
            callback=CallbackCall(
                callback_id=owed.callback_id,
                kind=owed.kind,
                reason=owed.reason,
                deadline=owed.deadline,
            ),
        )

    def run_info(self, run: Run) -> RunInfo:
        """Return the run as user code sees it."""
        consumed: tuple[AssetEventInfo, ...] = ()
        if run.run_type == "asset_triggered":
            consumed = tuple(scheduling.consumed_events(self._db, run.run_pk))
        return run_info(run, consumed)

    def _in_place(self, entry: RunEntry) -> bool:
        source = entry.live.run.source_hash or entry.version.source_hash
        return self._live_sources.get(entry.live.run.dag_id, source) == source


def _watching(watcher: Watcher, attempt_id: AttemptId, now: datetime) -> Assignment:
    return Assignment(
        kind="watcher",
        attempt_id=attempt_id,
        fence=0,
        try_number=0,
        max_tries=0,
        dag_file=watcher.dag_file,
        source_hash=watcher.source_hash,
        tree_hash=watcher.tree_hash,
        task_id="",
        run=RunInfo(dag_id=watcher.dag_id, run_id="", run_type="asset_triggered", run_after=now),
        trigger=TriggerCall(classpath=watcher.spec.classpath, kwargs=watcher.spec.kwargs.encode()),
    )
