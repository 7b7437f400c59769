"""Run DAGs without a server: the engine's own decisions, with everything else in memory.

Theory of operation. The runner is a small scheduler: it tells `engine.step` what happened,
starts what became ready (through `Attempts`), runs triggers in an event loop that turns while
nothing else is to do, and goes on until the runs have ended and their callbacks were called.
Time comes from a clock; a `FakeClock` jumps to what is due next instead of waiting for it.

Pools are not counted: there is one run, and nobody to share with. A DAG's `max_active_tasks` and
a task's `max_active_tis_per_dagrun` hold.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

from tradewind.engine.graph import Graph
from tradewind.engine.live import LiveRun
from tradewind.engine.step import step
from tradewind.errors import AlreadyExists, NotFound
from tradewind.model.event import (
    Admitted,
    CallBack,
    Cancel,
    CancelTrigger,
    Claimed,
    Event,
    Reported,
    Started,
    Ticked,
    TriggerReported,
)
from tradewind.model.ids import AttemptId, TaskKey
from tradewind.model.outcome import Deferred, Succeeded
from tradewind.model.run import Run
from tradewind.model.state import RunType, TaskState
from tradewind.sdk import current, runtime
from tradewind.sdk.build import to_spec
from tradewind.sdk.waiting import Waiter
from tradewind.testing.answers import answered
from tradewind.testing.attempts import Attempts, Ended, HereRuntime
from tradewind.testing.board import Board
from tradewind.testing.entry import Deferral, Entry
from tradewind.testing.idle import Idle
from tradewind.testing.observer import SILENT, Observer
from tradewind.testing.runs import FinishedRun, new_run
from tradewind.testing.store import MemoryStore
from tradewind.testing.triggers import Fired, Triggers
from tradewind.wire.messages import Assignment, Call, TriggerRun


class Runner:
    """Runs of some DAGs.

    Args:
        dags: the DAGs that there are, by id; tasks may trigger them.
        store: what the database would hold.
        clock: tells the time and waits.
        make_attempts: given the runner, returns what runs tasks.
        parallelism: most tasks of a run that run at once; a run that a task waits for has its own.
        mark_success: tasks whose whole id it matches succeed without running.
        answers: what people answer the tasks that ask, by task id.
        observer: told what happens.

    Raises:
        DagError: a DAG is not right.
    """

    def __init__(
        self,
        dags: Mapping[str, Any],
        *,
        store: MemoryStore,
        clock: Waiter,
        make_attempts: Callable[[Runner], Attempts],
        parallelism: int = 1,
        mark_success: str | None = None,
        answers: Mapping[str, Any] | None = None,
        observer: Observer = SILENT,
    ) -> None:
        self._dags = dags
        self._graphs = {dag_id: Graph.build(to_spec(dag)) for dag_id, dag in dags.items()}
        self.store = store
        self._clock = clock
        self._mark_success = re.compile(mark_success) if mark_success is not None else None
        self._answers = answers or {}
        self._observer = observer
        self._board = Board(store, parallelism)
        self._owed: list[Assignment] = []
        self.here = HereRuntime(self.answer)
        self.loop = asyncio.new_event_loop()
        self._idle = Idle(clock, self.loop)
        self.wake = self._idle.wake
        self._triggers = Triggers(self.loop, self.wake)
        self._attempts = make_attempts(self)

    # ---- what callers do ------------------------------------------------------------------

    def create(self, dag_id: str, *, logical_date: datetime | None, **kwargs: Any) -> int:
        """Make a run and return its key; `drive` runs it. See `runs.new_run`.

        Raises:
            ParamValidationError: a param has no value, or one that its schema refuses.
        """
        graph = self._graphs[dag_id]
        dag = self._dags[dag_id]
        run = new_run(
            dag,
            graph.spec,
            run_pk=self.store.next_run_pk(),
            now=self._clock.now(),
            logical_date=logical_date,
            **kwargs,
        )
        live = LiveRun.load(graph, run, ())
        self.store.runs[run.run_pk] = live
        entry = Entry(dag, live, self.store.past(live))
        self._board.entries[run.run_pk] = entry
        self._tell(entry, Started())
        return run.run_pk

    def drive(self, run_pks: Collection[int] = ()) -> None:
        """Go on until these runs (none named: all) have ended.

        Raises:
            UserError: a run cannot go on: its tasks wait for what will not come.
        """
        before = runtime.install(self.here)
        try:
            with current.waiting_with(self._clock):
                while not self._over(run_pks):
                    self._settle()
                    if not self._launch(run_pks) and not self._over(run_pks):
                        self._wait()
        finally:
            runtime.install(before)

    def finished(self, run_pk: int) -> FinishedRun:
        """Return a run that has ended."""
        entry = self._board.entries[run_pk]
        return FinishedRun(entry.live, self.store, entry.labels)

    def close(self) -> None:
        """Stop what runs, and give everything back."""
        with current.waiting_with(self._clock):
            self._attempts.close()
            self._triggers.close()
        self.loop.close()

    def answer(self, assignment: Assignment, call: Call) -> dict[str, Any]:
        """Answer a call of user code; see `sdk.runtime.Runtime`.

        Raises:
            NotFound: there is no such variable, connection or DAG.
            AlreadyExists: the run exists already.
        """
        run = self._board.entry_of(assignment).live.run
        if isinstance(call, TriggerRun):
            return self._trigger(run, call)
        return self.store.answer(run, TaskKey(assignment.task_id, assignment.map_index), call)

    # ---- the engine -----------------------------------------------------------------------

    def _tell(self, entry: Entry, event: Event) -> None:
        decided = step(entry.live, [event], self._clock.now(), entry.past)
        entry.wake_at = decided.wake_at
        for change in decided.changes:
            self._observer.changed(entry.live.run, change)
        if decided.run_change is not None:
            self._observer.run_changed(entry.live.run)
        self._board.note(entry, decided)
        for effect in decided.effects:
            if isinstance(effect, CallBack):
                self._owed.append(entry.callback(effect, uuid.uuid4().hex))
            elif isinstance(effect, Cancel):
                self._attempts.cancel(effect.attempt_id, effect.reason)
            elif isinstance(effect, CancelTrigger):
                self._triggers.cancel(entry.trigger_id(effect.key, effect.fence))
                if effect.timed_out and effect.key in entry.deferrals:
                    entry.deferrals[effect.key].timed_out = True

    def _settle(self) -> None:
        """Take in what ended, what fired and what came due."""
        self._idle.clear()
        for ended in self._attempts.take():
            self._ended(self._board.entry_of(ended.assignment), ended)
        for fired in self._triggers.take():
            self._fired(self._board.entry_of(fired[0]), fired)
        now = self._clock.now()
        for entry in list(self._board.entries.values()):
            if entry.wake_at is not None and entry.wake_at <= now:
                self._tell(entry, Ticked())

    def _ended(self, entry: Entry, ended: Ended) -> None:
        outcome, assignment = ended.outcome, ended.assignment
        if outcome is None:
            return
        run, key = entry.live.run, TaskKey(assignment.task_id, assignment.map_index)
        self._board.ended(entry, key)
        if entry.live.get(key).attempt_id != assignment.attempt_id:
            return
        for xcom in ended.xcoms:
            self.store.put_xcom(run.run_pk, key, xcom.key, xcom.value)
        if ended.rendered_fields is not None:
            self.store.rendered[run.run_pk, key] = ended.rendered_fields
        if ended.rendered_map_index is not None:
            entry.labels[key] = ended.rendered_map_index
        if isinstance(outcome, Succeeded):
            self.store.emit(assignment, ended.asset_events, self._clock.now())
        entry.deferrals.pop(key, None)
        reported = Reported(
            key=key,
            attempt_id=assignment.attempt_id,
            outcome=outcome,
            mapped_length=ended.mapped_length,
            returned=ended.returned,
        )
        self._tell(entry, reported)
        if isinstance(outcome, Deferred) and entry.live.get(key).state is TaskState.DEFERRED:
            self._triggers.start(entry.trigger(key, outcome))
        if isinstance(outcome, Deferred) and outcome.question is not None:
            entry.deferrals[key] = Deferral(outcome)
            if key.task_id in self._answers:
                told = answered(self._answers[key.task_id], outcome.question, self._clock.now())
                assignment = msgspec.structs.replace(assignment, fence=entry.live.get(key).fence)
                self._fired(entry, (assignment, told))

    def _fired(self, entry: Entry, fired: Fired) -> None:
        assignment, result = fired
        key = TaskKey(assignment.task_id, assignment.map_index)
        if key in entry.deferrals:
            entry.deferrals[key].result = result
        self._tell(entry, TriggerReported(key=key, fence=assignment.fence, result=result))

    # ---- starting -------------------------------------------------------------------------

    def _launch(self, run_pks: Collection[int]) -> bool:
        """Start what is owed and ready; tell whether anything was started."""
        started = False
        while self._owed:
            assignment = self._owed.pop(0)
            self._attempts.start(self._dags[assignment.run.dag_id], assignment)
            started = True
        while (ready := self._board.take_ready(run_pks)) is not None:
            self._start(*ready)
            started = True
            if self._attempts.at_once:
                break
        return started

    def _start(self, entry: Entry, key: TaskKey) -> None:
        attempt_id = AttemptId(uuid.uuid4().hex)
        self._tell(entry, Admitted(key, attempt_id))
        self._tell(entry, Claimed(key, attempt_id))
        assignment = entry.assignment(key)
        if assignment.resume is None and not assignment.reschedule_count:
            self.store.forget_xcoms(entry.live.run.run_pk, key)
        if self._mark_success is not None and self._mark_success.fullmatch(key.task_id):
            self._ended(entry, Ended(assignment=assignment, outcome=Succeeded()))
        else:
            self._attempts.start(entry.dag, assignment)

    def _trigger(self, caller: Run, call: TriggerRun) -> dict[str, Any]:
        """Make the run that a task asked for; where tasks run at once, run it to its end."""
        if call.dag_id not in self._dags:
            known = ", ".join(sorted(self._dags))
            raise NotFound(f"there is no DAG {call.dag_id!r} here; there are: {known}")
        if call.run_id is not None and self.store.find(call.dag_id, call.run_id) is not None:
            raise AlreadyExists(f"DAG {call.dag_id!r} has a run {call.run_id!r} already")
        run_pk = self.create(
            call.dag_id,
            logical_date=call.logical_date,
            run_after=call.run_after,
            conf=call.conf,
            name=call.run_id,
            run_type=RunType.OPERATOR_TRIGGERED,
            note=call.note,
        )
        if self._attempts.at_once and caller.run_pk != run_pk:
            self.drive([run_pk])
        self.wake()
        return {"run_id": self._board.entries[run_pk].live.run.run_id}

    # ---- waiting --------------------------------------------------------------------------

    def _over(self, run_pks: Collection[int]) -> bool:
        ended = self._board.is_over(run_pks)
        return ended and not self._owed and not self._attempts.running()

    def _wait(self) -> None:
        """Wait until something happens or comes due."""
        self._observer.tick()
        wakes = [e.wake_at for e in self._board.entries.values() if e.wake_at is not None]
        more = self._idle.until(
            min(wakes, default=None),
            self._triggers,
            busy=bool(self._attempts.running()),
            tick_s=self._observer.tick_s,
        )
        if not more:
            raise self._board.stuck()
