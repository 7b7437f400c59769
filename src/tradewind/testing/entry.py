"""One run that the runner drives: the DAG, the engine's run, and what the two need between."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tradewind.engine.live import LiveRun
from tradewind.model.event import CallBack, Past
from tradewind.model.ids import AttemptId, TaskKey
from tradewind.model.outcome import Deferred, TriggerFailed, TriggerFired
from tradewind.wire.messages import (
    Assignment,
    CallbackCall,
    MapLevel,
    Resume,
    TriggerCall,
)
from tradewind.wire.runs import run_info


class Deferral(msgspec.Struct):
    """What a deferred task waits for, and what came of it."""

    outcome: Deferred
    result: TriggerFired | TriggerFailed | None = None
    timed_out: bool = False


class Entry:
    """A run.

    Args:
        dag: the DAG.
        live: the run as the engine knows it.
        past: the run before.
    """

    def __init__(self, dag: Any, live: LiveRun, past: Past) -> None:
        self.dag = dag
        self.live = live
        self.past = past
        self.wake_at: datetime | None = None
        self.deferrals: dict[TaskKey, Deferral] = {}
        self.labels: dict[TaskKey, str] = {}

    def assignment(self, key: TaskKey) -> Assignment:
        """Return what the attempt that runs now is told."""
        ti = self.live.get(key)
        assert ti.attempt_id is not None
        return Assignment(
            attempt_id=ti.attempt_id,
            fence=ti.fence,
            try_number=ti.try_number,
            max_tries=ti.max_tries,
            dag_file=self._dag_file,
            source_hash="",
            task_id=key.task_id,
            map_index=key.map_index,
            map_levels=tuple(
                MapLevel(group_id=group, lengths=lengths, index=index)
                for group, lengths, index in self.live.map_levels(key)
            ),
            upstream_indexes=self.live.upstream_indexes(key),
            run=run_info(self.live.run),
            callbacks=self.live.task(key.task_id).callbacks,
            first_started_at=ti.first_started_at,
            reschedule_count=ti.reschedule_count,
            resume=self._resume(key),
        )

    def trigger(self, key: TaskKey, outcome: Deferred) -> Assignment:
        """Return what the trigger of a task that has just deferred is told."""
        self.deferrals[key] = Deferral(outcome)
        ti = self.live.get(key)
        timeout_at = None
        if outcome.timeout_s is not None and ti.ended_at is not None:
            timeout_at = ti.ended_at + timedelta(seconds=outcome.timeout_s)
        return Assignment(
            kind="trigger",
            attempt_id=AttemptId(self.trigger_id(key, ti.fence)),
            fence=ti.fence,
            try_number=ti.try_number,
            max_tries=ti.max_tries,
            dag_file=self._dag_file,
            source_hash="",
            task_id=key.task_id,
            map_index=key.map_index,
            run=run_info(self.live.run),
            trigger=TriggerCall(
                classpath=outcome.trigger, kwargs=outcome.kwargs, timeout_at=timeout_at
            ),
        )

    def callback(self, effect: CallBack, attempt_id: str) -> Assignment:
        """Return what a callback is told."""
        key = effect.key or TaskKey("")
        return Assignment(
            kind="callback",
            attempt_id=AttemptId(attempt_id),
            fence=0,
            try_number=effect.try_number,
            max_tries=self.live.get(key).max_tries if effect.key else effect.try_number,
            dag_file=self._dag_file,
            source_hash="",
            task_id=key.task_id,
            map_index=key.map_index,
            run=run_info(self.live.run),
            callback=CallbackCall(callback_id=0, kind=effect.kind, reason=effect.reason),
        )

    def trigger_id(self, key: TaskKey, fence: int) -> str:
        """Return the id under which a deferral's trigger runs."""
        return f"{self.live.run.run_pk}:{key}:{fence}"

    def _resume(self, key: TaskKey) -> Resume | None:
        deferral = self.deferrals.get(key)
        if deferral is None:
            return None
        result = deferral.result
        return Resume(
            method=deferral.outcome.next_method,
            kwargs=deferral.outcome.next_kwargs,
            payload=result.payload if isinstance(result, TriggerFired) else None,
            error=result.error if isinstance(result, TriggerFailed) else None,
            timed_out=deferral.timed_out,
        )

    @property
    def _dag_file(self) -> str:
        return str(self.dag.relative_fileloc or os.path.basename(self.dag.fileloc))  # noqa: PTH119
