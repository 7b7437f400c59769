"""Write down what a worker needs to run one attempt, trigger or callback."""

from __future__ import annotations

from tradewind.model.ids import AttemptId
from tradewind.model.run import Run
from tradewind.scheduler.board import Board, LiveAttempt, RunEntry
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.read.scheduling import Deferral, OwedCallback
from tradewind.wire.messages import (
    AssetEventInfo,
    Assignment,
    CallbackCall,
    MapLevel,
    Resume,
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

    def task(self, entry: RunEntry, live: LiveAttempt) -> Assignment:
        """Return the assignment of a task attempt."""
        ti = entry.live.get(live.ti.in_run)
        task = entry.live.task(ti.task_id)
        run = entry.live.run
        resume = self._resume(live) if live.ti in self._board.resuming else None
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
            resume=resume,
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
            callback=CallbackCall(callback_id=owed.callback_id, kind=owed.kind, reason=owed.reason),
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

    def _resume(self, live: LiveAttempt) -> Resume | None:
        deferral = scheduling.deferral(self._db, live.ti)
        if deferral is None:
            return None
        return Resume(
            method=deferral.next_method,
            kwargs=deferral.next_kwargs,
            payload=deferral.payload,
            error=deferral.error,
            timed_out=deferral.timed_out,
        )
