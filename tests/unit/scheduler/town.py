"""The real scheduler in a simulated world where nothing goes wrong by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Self

from msgspec.structs import replace

from tradewind.actions.trigger import trigger
from tradewind.executors.base import Fact, Refused
from tradewind.model.run import Run, TaskInstance
from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.testing.simulation.cluster import SETTINGS, Cluster
from tradewind.wire.messages import Claim, Launch, Reply, ToServer, ToWorker

WORKER = "far away"
"""The one worker of the scripted executor."""


class Scripted:
    """An executor that starts nothing and says what it is told to say."""

    def __init__(self) -> None:
        self.launches: list[Launch] = []
        self.cancelled: list[str] = []
        self.facts: list[Fact] = []
        self.trouble: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def submit(self, launches: Sequence[Launch]) -> Sequence[Refused]:
        self.launches.extend(launches)
        return ()

    def reconcile(self, believed: AbstractSet[Any] | None) -> Sequence[Fact]:
        facts, self.facts = self.facts, []
        return facts

    def cancel(self, attempts: Sequence[str]) -> None:
        self.cancelled.extend(attempts)

    def troubles(self) -> dict[str, str]:
        return self.trouble


class Town:
    """One DAG "d", one scheduler, one host, and a scripted executor "Scripted"."""

    def __init__(
        self,
        folder: Path,
        template: Path,
        spec: DagSpec,
        *,
        remote: bool = False,
        seed: int = 1,
        **settings: Any,
    ) -> None:
        self.executor = Scripted()
        self.cluster = Cluster(
            folder,
            template,
            seed,
            (spec,),
            replace(SETTINGS, **settings),
            executors={"Scripted": self.executor},
            remote=frozenset({"Scripted"}) if remote else frozenset(),
        )
        self.cluster.faults.heal()
        self.cluster.witness.luck = 1.0
        self.cluster.go_on_for(1.0)

    @property
    def db(self) -> Database:
        return self.cluster.db

    def trigger(self, **fields: Any) -> Run:
        return trigger(self.db, self.cluster.signal, self.cluster.clock, "d", **fields)

    def after(self, seconds: float) -> None:
        self.cluster.go_on_for(seconds)

    def claim(self, launch: Launch) -> None:
        """Let a worker of the scripted executor start what it was given."""
        claim = Claim(
            seq=1,
            attempt_id=launch.attempt_id,
            nonce="n",
            claim_token=launch.claim_token,
            worker=WORKER,
        )
        assert self.say(claim).error is None

    def say(self, message: ToServer) -> Reply:
        """Say something as that worker, and return the answer."""
        listener = self.cluster.net.listener
        assert listener is not None
        heard: list[ToWorker] = []
        self.cluster.net.far[WORKER] = heard.append
        listener.arrive(None, WORKER, message)
        self.after(0.1)
        (reply,) = heard
        assert isinstance(reply, Reply)
        return reply

    def fail_over(self) -> None:
        """Let the scheduler die, and wait until another one leads."""
        (node,) = self.cluster.nodes.values()
        node.crash()
        for _ in range(60):
            self.after(1)
            if any(n.scheduler.leading for n in self.cluster.nodes.values() if not n.dead):
                return
        raise AssertionError("nobody took over")

    def run(self, run: Run) -> Run:
        found = scheduling.run(self.db, run.run_pk)
        assert found is not None
        return found

    def tis(self, run: Run) -> dict[str, TaskInstance]:
        rows = scheduling.run_rows(self.db, run.run_pk)
        assert rows is not None
        return {str(ti.in_run): ti for ti in rows.instances}


Found = Callable[..., Town]
"""Founds a town around a DAG, with settings: a fixture."""


def scripted(task_id: str = "a", **fields: Any) -> TaskSpec:
    return TaskSpec(task_id=task_id, executor="Scripted", **fields)


def dag(*tasks: TaskSpec, **fields: Any) -> DagSpec:
    return DagSpec(dag_id="d", tasks=tasks, **fields)
