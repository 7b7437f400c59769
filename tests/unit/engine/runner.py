"""Drive the engine through a whole run, with outcomes chosen by the test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from tradewind.engine.admit import Admission, Capacity
from tradewind.engine.graph import Graph
from tradewind.engine.live import LiveRun
from tradewind.engine.step import step
from tradewind.model.event import Admitted, Claimed, Event, Past, Reported, Started, Step, Ticked
from tradewind.model.ids import AttemptId, TaskKey
from tradewind.model.outcome import Outcome, Succeeded
from tradewind.model.run import Pool, Run, TaskInstance
from tradewind.model.spec import DagSpec
from tradewind.model.state import RunState, RunType

NOW = datetime(2026, 3, 1, tzinfo=UTC)
Answer = tuple[Outcome, int | None]


class Runner:
    """One run of a DAG."""

    def __init__(self, spec: DagSpec, *, parallelism: int = 8, slots: int = 128) -> None:
        run = Run(
            run_pk=1,
            dag_id=spec.dag_id,
            run_id="r",
            run_type=RunType.MANUAL,
            state=RunState.QUEUED,
            version_id=1,
            run_after=NOW,
            logical_date=NOW,
        )
        self.live = LiveRun.load(Graph.build(spec), run, [])
        self.now = NOW
        self.past = Past()
        self.steps: list[Step] = []
        self.admission = Admission()
        self.admission.set_capacity(
            Capacity(
                pools={"default_pool": Pool(name="default_pool", slots=slots)},
                executors={"LocalExecutor": None},
                parallelism=parallelism,
                default_executor="LocalExecutor",
            )
        )
        self.running: list[TaskKey] = []
        self._ids = 0

    def tell(self, *events: Event) -> Step:
        """Step with events."""
        decided = step(self.live, events, self.now, self.past)
        self.admission.observe(self.live, decided.changes)
        self.steps.append(decided)
        return decided

    def admit(self) -> list[TaskKey]:
        """Admit and claim what is ready."""
        chosen = [ti.in_run for ti in self.admission.admit(1000)]
        for key in chosen:
            self._ids += 1
            attempt_id = AttemptId(f"a{self._ids}")
            self.tell(Admitted(key, attempt_id))
            self.tell(Claimed(key, attempt_id))
        self.running.extend(chosen)
        return chosen

    def finish(self, key: TaskKey, outcome: Outcome, length: int | None = None) -> Step:
        """Report an outcome of the current attempt."""
        if key in self.running:
            self.running.remove(key)
        attempt_id = self.live.get(key).attempt_id
        assert attempt_id is not None
        return self.tell(
            Reported(
                key=key,
                attempt_id=attempt_id,
                outcome=outcome,
                mapped_length=length,
                returned=isinstance(outcome, Succeeded),
            )
        )

    def run(self, answer: Callable[[TaskInstance], Answer] | None = None) -> dict[str, str]:
        """Run to the end and return the states by task instance."""
        self.tell(Started())
        while True:
            self.admit()
            if self.running:
                key = self.running[0]
                outcome, length = answer(self.live.get(key)) if answer else (Succeeded(), None)
                self.finish(key, outcome, length)
                continue
            wake_at = self.steps[-1].wake_at
            if wake_at is None or wake_at <= self.now:
                return self.states()
            self.now = wake_at
            self.tell(Ticked())

    def states(self) -> dict[str, str]:
        """Return the states, placeholders that were expanded left out."""
        return {
            str(ti.in_run): ti.state.value
            for ti in self.live.instances()
            if ti.state.value != "removed"
        }
