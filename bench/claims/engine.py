"""The engine alone on one run of 10,000 tasks and 990,000 edges: time per task end, memory."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
import uuid
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from context import Context, spread
from figures import Figure
from tradewind.engine.admit import Admission, Capacity
from tradewind.engine.graph import Graph
from tradewind.engine.live import LiveRun
from tradewind.engine.step import step
from tradewind.model.event import Admitted, Claimed, Event, Past, Reported, Started, Step
from tradewind.model.ids import AttemptId, TaskKey
from tradewind.model.outcome import Succeeded
from tradewind.model.run import Pool, Run
from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.model.state import RunState, RunType

LAYERS, WIDTH = 100, 100
PER_END_MS, MEMORY_MIB = 0.3, 200.0
PARALLEL = 32
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures. Each round is a process of its own: memory is its high-water mark."""
    command = [sys.executable, "-m", "claims.engine"]
    folder = Path(__file__).parents[1]
    rounds: list[dict[str, Any]] = []
    for _ in range(context.times(5, 2)):
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder)
        rounds.append(json.loads(done.stdout))
    per_end = [r["per_end_ms"] for r in rounds]
    yield Figure(
        what="engine, run of 10,000 tasks: per task end",
        value=statistics.median(per_end),
        unit="ms",
        goal=PER_END_MS,
        details={"ms": spread(per_end), "rounds": rounds},
    )
    yield Figure(
        what="engine, run of 10,000 tasks: memory of the process",
        value=max(r["memory_mib"] for r in rounds),
        unit="MiB",
        goal=MEMORY_MIB,
    )


def layered() -> DagSpec:
    """Return 100 layers of 100 tasks, each task after all of the layer above."""
    tasks: list[TaskSpec] = []
    for layer in range(LAYERS):
        above = tuple(range((layer - 1) * WIDTH, layer * WIDTH)) if layer else ()
        tasks += [TaskSpec(task_id=f"l{layer:03d}_{i:03d}", upstream=above) for i in range(WIDTH)]
    return DagSpec(dag_id="layered", tasks=tuple(tasks), max_active_tasks=PARALLEL)


class Driver:
    """Do what the scheduler does with the engine, for one run, a task at a time."""

    def __init__(self, spec: DagSpec) -> None:
        run = Run(
            run_pk=1,
            dag_id=spec.dag_id,
            run_id="manual__1",
            run_type=RunType.MANUAL,
            state=RunState.QUEUED,
            version_id=1,
            run_after=NOW,
        )
        self.live = LiveRun.load(Graph.build(spec), run, ())
        self.admission = Admission()
        self.admission.set_capacity(
            Capacity(
                pools={"default_pool": Pool(name="default_pool", slots=128)},
                executors={"LocalExecutor": None},
                parallelism=PARALLEL,
                default_executor="LocalExecutor",
            )
        )
        self.ended = 0

    def run(self) -> None:
        """Run every task, the one that started first ends first."""
        self._step(Started())
        running = deque(self._admit())
        while running:
            key, attempt_id = running.popleft()
            self._step(Claimed(key=key, attempt_id=attempt_id))
            self._step(Reported(key=key, attempt_id=attempt_id, outcome=Succeeded()))
            self.ended += 1
            running += self._admit()
        assert self.live.run.state is RunState.SUCCESS

    def _admit(self) -> list[tuple[TaskKey, AttemptId]]:
        chosen = [(ti.in_run, AttemptId(uuid.uuid4().hex)) for ti in self.admission.admit(PARALLEL)]
        if chosen:
            self._step(*(Admitted(key=key, attempt_id=attempt) for key, attempt in chosen))
        return chosen

    def _step(self, *events: Event) -> Step:
        decided = step(self.live, events, NOW, Past())
        self.admission.observe(self.live, decided.changes)
        return decided


def main() -> None:
    """Run one round and print its figures."""
    spec = layered()
    before_mib = _memory_mib()
    start = time.perf_counter()
    driver = Driver(spec)
    built = time.perf_counter()
    driver.run()
    ended = time.perf_counter()
    assert driver.ended == LAYERS * WIDTH
    figures = {
        "per_end_ms": (ended - built) / driver.ended * 1000,
        "build_s": built - start,
        "memory_mib": _memory_mib(),
        "before_mib": before_mib,
    }
    print(json.dumps(figures))


def _memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
