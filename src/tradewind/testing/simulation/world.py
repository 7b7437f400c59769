"""One run and its surroundings, with everything checked after each step.

A world keeps the run's rows in a ledger, steps the engine, and after every step holds the
invariants, asks the oracle, and compares memory with what a fresh load would count. What
happens in it, and in which order, is decided by `acts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random  # noqa: TID251 (a seeded generator is what a simulation is made of)

from tradewind.engine.admit import Admission, Capacity
from tradewind.engine.draft import Policy
from tradewind.engine.graph import Graph
from tradewind.engine.live import LiveRun
from tradewind.engine.step import step
from tradewind.model.event import (
    Admitted,
    Cancel,
    Claimed,
    Cleared,
    Event,
    Marked,
    Past,
    PastChanged,
    PastTask,
    Reported,
    RunMarked,
    Started,
    Step,
    TriggerReported,
)
from tradewind.model.ids import AttemptId, TaskKey, TiKey
from tradewind.model.outcome import TriggerFired
from tradewind.model.run import Pool, Run, Stopping, TaskInstance
from tradewind.model.spec import DagSpec
from tradewind.model.state import LIVE_STATES, TERMINAL_RUN_STATES, RunState, RunType, TaskState
from tradewind.testing.simulation.ledger import Broken, Ledger, require
from tradewind.testing.simulation.oracle import check
from tradewind.testing.simulation.outcomes import NULL, report

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)


class World:
    """One run, its rows, and what surrounds it.

    stops: whether users clear what they have just marked (seeds from before that have none).
    """

    def __init__(self, spec: DagSpec, rng: Random, *, stops: bool = True) -> None:
        self.stops = stops
        self.rng = rng
        self.spec = spec
        self.graph = Graph.build(spec)
        self.now = EPOCH
        self.policy = Policy(max_map_length=50)
        self.counts: Counter[str] = Counter()
        self.old: list[Event] = []
        run = Run(
            run_pk=1,
            dag_id=spec.dag_id,
            run_id="sim",
            run_type=RunType.SCHEDULED,
            state=RunState.QUEUED,
            version_id=1,
            run_after=EPOCH,
            logical_date=EPOCH,
        )
        self.ledger = Ledger(run, spec, self.policy.max_infra_losses)
        self.live = LiveRun.load(self.graph, run, [])
        self.past = self.another_past(well=False)
        self.pools = {
            "default_pool": Pool(name="default_pool", slots=rng.choice([1, 3, 128])),
            "small": Pool(name="small", slots=2, include_deferred=True),
            "big": Pool(name="big", slots=-1),
        }
        self.parallelism = rng.choice([2, 5, 32])
        self.admission = Admission()
        self.admission.set_capacity(
            Capacity(
                pools=self.pools,
                executors={"LocalExecutor": None},
                parallelism=self.parallelism,
                default_executor="LocalExecutor",
            )
        )
        self.luck = rng.choice([0.5, 0.8, 0.95])
        self.stopping: dict[TaskKey, tuple[AttemptId, datetime]] = {}
        """What was told to stop while it ran, and until when it may run on."""
        self._attempts = 0

    def tell(self, *events: Event) -> Step:
        """Step the run, write the rows, and check everything.

        Raises:
            Broken: something that must hold does not.
        """
        decided = step(self.live, events, self.now, self.past, self.policy)
        self.ledger.apply(decided, events)
        self._follow_stopping(decided, events)
        self.admission.observe(self.live, decided.changes)
        check(self.ledger, decided, self.past, self.stopping.keys())
        self._agree()
        self.counts.update(type(event).__name__ for event in events)
        self.counts.update(change.after.state.value for change in decided.changes)
        self.old.extend(e for e in events if not isinstance(e, Cleared | Marked | RunMarked))
        return decided

    def reload(self) -> None:
        """Forget memory and load the rows, as after a crash or a take-over."""
        rows = list(self.ledger.rows.values())
        self.rng.shuffle(rows)
        stopping = [
            Stopping(attempt_id=attempt_id, ti=TiKey(1, *key), executor="", until=until)
            for key, (attempt_id, until) in self.stopping.items()
        ]
        self.live = LiveRun.load(self.graph, self.ledger.run, rows, stopping)
        self.admission.load(self.live)
        self.counts["reload"] += 1

    def admit(self, limit: int) -> None:
        """Give slots to ready tasks, within every limit."""
        chosen = self.admission.admit(limit)
        require(chosen == self.admission.admit(limit), "admit is not a pure choice")
        events: list[Event] = []
        for ti in chosen:
            self._attempts += 1
            events.append(Admitted(ti.in_run, AttemptId(f"{self._attempts:032x}")))
        if events:
            self.tell(*events)
        self._within_limits()

    def some(self, *states: TaskState) -> list[TaskInstance]:
        """Return a few task instances in these states."""
        found = [ti for ti in self.ledger.rows.values() if ti.state in states]
        return self.rng.sample(found, min(len(found), self.rng.randint(1, 3)))

    def another_past(self, *, well: bool) -> Past:
        """Return a previous run of any kind, or one in which everything went well."""
        rng = self.rng
        ends = (TaskState.SUCCESS, TaskState.SKIPPED, TaskState.FAILED, None)
        return Past(
            exists=rng.random() < 0.8,
            tasks={
                t.task_id: PastTask(
                    state=TaskState.SUCCESS if well else rng.choice(ends),
                    downstream_done=well or rng.random() < 0.5,
                )
                for t in self.spec.tasks
            },
        )

    def heal(self, rounds: int = 400) -> None:
        """Let everything go well until the run has ended.

        Raises:
            Broken: it does not end (28).
        """
        self.past = self.another_past(well=True)
        asked = tuple(sorted(self.live.past_needs()))
        for _ in range(rounds):
            self.tell(Started(), PastChanged(task_ids=asked))
            if self.ledger.run.state in TERMINAL_RUN_STATES:
                return
            self.admit(limit=100)
            events = [self._well(ti) for ti in self.ledger.rows.values()]
            self.tell(*(event for event in events if event is not None))
            self.now += timedelta(seconds=30)
        waiting = [f"{k} is {ti.state}" for k, ti in self.ledger.rows.items() if not ti.ended_at]
        raise Broken(f"28: the run does not end: {', '.join(waiting)}")

    def _follow_stopping(self, decided: Step, events: Sequence[Event]) -> None:
        """G4: a task starts nothing while what it was told to stop may still run."""
        told = {e.attempt_id for e in events if isinstance(e, Reported)}
        self.stopping = {
            key: (attempt_id, until)
            for key, (attempt_id, until) in self.stopping.items()
            if attempt_id not in told and until > self.now
        }
        cancelled = {e.attempt_id for e in decided.effects if isinstance(e, Cancel)}
        for change in decided.changes:
            before, key = change.before, change.after.in_run
            if before.state is TaskState.RUNNING and before.attempt_id in cancelled:
                until = self.now + timedelta(seconds=self.policy.restart_grace_s)
                self.stopping[key] = (before.attempt_id, until)
                self.counts["told to stop"] += 1
            starts = change.after.state is TaskState.SCHEDULED
            require(not starts or key not in self.stopping, f"G4: {key} starts beside itself")

    def _well(self, ti: TaskInstance) -> Event | None:
        if ti.state is TaskState.DEFERRED:
            fired = TriggerFired(payload=NULL)
            return TriggerReported(key=ti.in_run, fence=ti.fence, result=fired)
        if ti.attempt_id is None:
            return None
        if ti.state is TaskState.QUEUED:
            return Claimed(ti.in_run, ti.attempt_id)
        return report(self.rng, self.graph, ti, self.now, luck=1.0)

    def _agree(self) -> None:
        """Memory is what the rows say, and admission counts what they say."""
        rows = {ti.in_run: ti for ti in self.live.instances()}
        require(rows == self.ledger.rows, "memory and rows differ")
        require(self.live.run == self.ledger.run, "memory and the run's row differ")
        used: Counter[str] = Counter()
        for ti in rows.values():
            task = self.live.task(ti.task_id)
            held = ti.state is TaskState.DEFERRED and self.pools[task.pool].include_deferred
            if held or ti.state in LIVE_STATES:
                used[task.pool] += task.pool_slots
        require(dict(used) == self.admission.occupied(), "17: admission miscounts its pools")

    def _within_limits(self) -> None:
        active = [ti for ti in self.ledger.rows.values() if ti.state in LIVE_STATES]
        require(len(active) <= self.parallelism, "18: more tasks than parallelism")
        require(len(active) <= self.spec.max_active_tasks, "18: more tasks than max_active_tasks")
        for name, used in self.admission.occupied().items():
            slots = self.pools[name].slots
            require(slots < 0 or used <= slots, f"17: pool {name} is overbooked")
        for task_id, count in Counter(ti.task_id for ti in active).items():
            limit = self.live.task(task_id).max_active_tis_per_dagrun
            require(limit is None or count <= limit, "18: max_active_tis_per_dagrun")
