"""Seeded simulation of the engine: random DAGs, outcomes, losses, clears, repeated and late events.

Each seed is one run. After every step the moves must be legal and the limits kept; at the end
nothing is left unfinished, and a naive reading of each trigger rule over the final states must
agree with what the engine decided step by step.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.unit.engine.runner import Runner
from tradewind.engine.machine import TASK_MOVES, USER_MOVES
from tradewind.engine.rules import COLUMN, EARLY, Verdict, judge
from tradewind.model.event import Claimed, Cleared, Reported, Started, Step, Ticked
from tradewind.model.ids import AttemptId, TaskKey
from tradewind.model.outcome import Failed, Outcome, Rescheduled, SkippedBy, Succeeded, Vanished
from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.model.state import (
    LIVE_STATES,
    TERMINAL_RUN_STATES,
    TERMINAL_STATES,
    RunState,
    TaskState,
    TriggerRule,
)

SEEDS = 500
BATCH = 50
PARALLELISM = 5
RULES = [rule for rule in TriggerRule if rule is not TriggerRule.ALL_DONE_SETUP_SUCCESS]
REACHED: Counter[str] = Counter()
"""How often each rare path was taken; a path that no seed takes proves nothing."""


class Simulation:
    """One seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.runner = Runner(self._dag(), parallelism=PARALLELISM)
        self.started: Counter[str] = Counter()
        self.cleared = False

    def _dag(self) -> DagSpec:
        rng = self.rng
        tasks: list[TaskSpec] = []
        for number in range(rng.randint(8, 16)):
            above = rng.sample(range(number), k=min(number, rng.randint(0, 3)))
            tasks.append(
                TaskSpec(
                    task_id=f"t{number}",
                    upstream=tuple(sorted(above)),
                    trigger_rule=rng.choice(RULES),
                    retries=rng.choice([0, 0, 1, 2]),
                    retry_delay_s=rng.choice([0.0, 30.0]),
                    no_op=rng.random() < 0.15,
                    max_active_tis_per_dag=rng.choice([None, 1]),
                )
            )
        return DagSpec(dag_id="sim", tasks=tuple(tasks), max_active_tasks=rng.choice([2, 16]))

    def run(self) -> None:
        """Run to the end, checking every step."""
        runner = self.runner
        self.check(runner.tell(Started()))
        for _ in range(2_000):
            if runner.live.run.state in TERMINAL_RUN_STATES:
                return
            if runner.live.run.state is RunState.QUEUED:
                self.check(runner.tell(Started()))
            for key in runner.admit():
                attempt_id = runner.live.get(key).attempt_id
                assert attempt_id is not None
                self.started[attempt_id] += 1
            self.nemesis()
            if runner.running:
                self.finish(self.rng.choice(runner.running))
            else:
                wake_at = runner.steps[-1].wake_at
                runner.now = max(runner.now, wake_at) if wake_at else runner.now
                self.check(runner.tell(Ticked()))
        pytest.fail(f"the run is stuck: {runner.states()}")

    def nemesis(self) -> None:
        """Repeat an event, deliver a late one, or clear something."""
        dice, runner = self.rng.random(), self.runner
        if dice < 0.1 and runner.running:
            key = self.rng.choice(runner.running)
            attempt_id = runner.live.get(key).attempt_id
            assert attempt_id is not None
            assert runner.tell(Claimed(key, attempt_id)).changes == ()
            REACHED["duplicate claim"] += 1
        elif dice < 0.2:
            key = TaskKey(f"t{self.rng.randrange(8)}")
            late = Reported(key=key, attempt_id=AttemptId("old"), outcome=Failed(error="late"))
            assert runner.tell(late).changes == ()
            REACHED["late report"] += 1
        elif dice < 0.23 and not self.cleared:
            self.cleared = True
            ended = [t.in_run for t in runner.live.instances() if t.state in TERMINAL_STATES]
            if ended:
                keys = tuple(self.rng.sample(ended, k=min(2, len(ended))))
                self.check(runner.tell(Cleared(keys=keys)))
                REACHED["clear"] += 1

    def finish(self, key: TaskKey) -> None:
        """Report an outcome, or lose the attempt."""
        rng, now = self.rng, self.runner.now
        if self.runner.live.get(key).state not in LIVE_STATES:
            self.runner.running.remove(key)
            return
        dice = rng.random()
        outcome: Outcome = Succeeded()
        if dice < 0.2:
            outcome = Failed(error="no", retryable=rng.random() < 0.9)
        elif dice < 0.3:
            outcome = SkippedBy()
        elif dice < 0.4:
            outcome = Vanished(reason="gone", before_start=rng.random() < 0.5)
        elif dice < 0.45:
            outcome = Rescheduled(at=now)
        REACHED[type(outcome).__name__] += 1
        before = self.runner.live.get(key).infra_losses
        self.check(self.runner.finish(key, outcome))
        if self.runner.live.get(key).infra_losses > before:
            REACHED["free loss"] += 1

    def check(self, decided: Step) -> None:
        """Hold the invariants that every step must keep."""
        for change in decided.changes:
            legal = change.after.state in TASK_MOVES[change.before.state]
            assert legal or change.after.state in USER_MOVES, change
            assert change.after.fence >= change.before.fence
            if change.before.state in TERMINAL_STATES:
                assert change.after.state is TaskState.NONE, "only a clear leaves an end"
        live = sum(t.state in LIVE_STATES for t in self.runner.live.instances())
        assert live <= PARALLELISM

    def check_end(self) -> None:
        """Compare with a naive reading of the rules over the final states."""
        live = self.runner.live
        assert all(t.state in TERMINAL_STATES for t in live.instances())
        assert max(self.started.values(), default=0) <= 1, "an attempt was started twice"
        for ti in live.instances():
            assert ti.try_number <= ti.max_tries + 1
            if not self.cleared:
                self._check_rule(ti.task_id, ti.state, ran=ti.attempt_id is not None)
        failed = {TaskState.FAILED, TaskState.UPSTREAM_FAILED}
        bad = any(
            live.get(TaskKey(live.graph.tasks[i].task_id)).state in failed
            for i in live.graph.leaves
        )
        assert live.run.state is (RunState.FAILED if bad else RunState.SUCCESS)

    def _check_rule(self, task_id: str, state: TaskState, *, ran: bool) -> None:
        graph = self.runner.live.graph
        task = graph.tasks[graph.index[task_id]]
        counts = [0, 0, 0, 0, 0]
        for above in task.upstream:
            counts[COLUMN[self.runner.live.get(TaskKey(graph.tasks[above].task_id)).state]] += 1
        verdict = judge(task.trigger_rule, counts, len(task.upstream))
        early = task.trigger_rule in EARLY | {TriggerRule.ONE_FAILED}
        if ran or (task.no_op and state is TaskState.SUCCESS):
            assert verdict is Verdict.READY or early, (task_id, task.trigger_rule, counts)
        elif task.trigger_rule is TriggerRule.ALL_SUCCESS and verdict is not Verdict.READY:
            # With one skipped and one failed upstream, whichever ended first decides.
            assert state in {TaskState.SKIPPED, TaskState.UPSTREAM_FAILED}
        elif verdict is Verdict.SKIP:
            assert state is TaskState.SKIPPED
        elif verdict is Verdict.UPSTREAM_FAILED:
            assert state is TaskState.UPSTREAM_FAILED


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_seeds(first: int) -> None:
    REACHED.clear()
    for seed in range(first, first + BATCH):
        simulation = Simulation(seed)
        try:
            simulation.run()
            simulation.check_end()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    for path in ("duplicate claim", "late report", "clear", "free loss", "Rescheduled"):
        assert REACHED[path], f"no seed of this batch reached {path!r}"
