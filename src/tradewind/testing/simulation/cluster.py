"""The real scheduler over a real SQLite database, in a world whose time and luck are drawn.

Theory of operation. An agenda holds what happens next: a message arrives, a process beats, a
user does something, a scheduler takes a turn. A scheduler is the product's own, with a fake
clock, socket and doorbell, the real LocalExecutor, and a far executor that loses things. It is
given a turn whenever something woke it or its own time-out ran out. A fault may strike at
every call that it makes of its ports: the process dies there, or stands still there for longer
than a lease while another takes over.

A campaign of one seed has two phases: *safety*, in which faults strike and users interfere,
and *liveness*, in which everything goes well and all runs have to end. What must hold is looked
at in the database after each turn, by `checks`.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import replace
from sqlalchemy import Engine

from tradewind.engine.graph import Graph
from tradewind.errors import TradewindError
from tradewind.executors.base import Executor
from tradewind.executors.local import LocalExecutor
from tradewind.model.run import Pool
from tradewind.model.spec import DagSpec
from tradewind.scheduler.loop import Scheduler
from tradewind.scheduler.parts import Parts, Settings, World
from tradewind.store import pools
from tradewind.store.catalog import PublishedFile, publish
from tradewind.store.connect import Database, open_database
from tradewind.store.secrets import new_key, open_secrets
from tradewind.testing.simulation.faults import Crashed, Faults, SimDatabase, Streams
from tradewind.testing.simulation.network import Agenda, Network, SimChannel, SimClock, SimSignal
from tradewind.testing.simulation.workers import FarExecutor, Host, Witness

SETTINGS = Settings(
    parallelism=6,
    lease_s=10.0,
    heartbeat_s=2.0,
    attempt_lease_s=60.0,
    reconcile_s=5.0,
    poll_s=5.0,
    resubmit_s=30.0,
    queued_timeout_s=300.0,
)

POOLS = (
    Pool(name="default_pool", slots=4),
    Pool(name="small", slots=2, include_deferred=True),
    Pool(name="big", slots=-1),
)


class Node:
    """One incarnation of a scheduler process."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.dead = False
        self.paused = False
        self._planned_s: float | None = None
        net = cluster.net
        db = SimDatabase(cluster.engine, cluster.path, cluster.faults, self._pause)
        channel = SimChannel(net, self.wake)
        self.signal = SimSignal(db, self.wake)
        self.parts = Parts(
            World(
                db=db,
                clock=cluster.clock,
                new_id=net.new_id,
                signal=self.signal,
                channel=channel,
                secrets=open_secrets(db, (cluster.key,), {}),
                executors=cluster.executors_for(channel, self.signal),
                remote=cluster.remote,
                capacities={
                    "LocalExecutor": None,
                    "FarExecutor": 3,
                    **dict.fromkeys(cluster.executors),
                },
                want_triggerer=lambda: None,
                name=f"{name} {net.new_id()}",
            ),
            cluster.settings,
        )
        self.scheduler = Scheduler(self.parts)
        self.wake()

    def wake(self) -> None:
        """Take a turn very soon."""
        self._plan(0.001)

    def turn(self) -> None:
        """Take one turn, and plan the next."""
        if self.dead or self.paused:
            return
        led = self.scheduler.leading
        try:
            self.scheduler.step()
        except Crashed:
            self.crash()
            return
        if self.scheduler.leading and not led:
            self.cluster.counts["take-over"] += 1
        self.cluster.after_turn()
        leading = self.scheduler.leading
        self._plan(self.scheduler.next_timeout_s() if leading else 0.5)

    def crash(self) -> None:
        """Die here; the cluster starts another incarnation."""
        self.dead = True
        self.parts.channel.close()
        self.cluster.restart(self.name)

    def _plan(self, seconds: float) -> None:
        at = self.cluster.clock.elapsed_s + max(seconds, 0.001)
        if self._planned_s is not None and self._planned_s <= at:
            return
        self._planned_s = at

        def go() -> None:
            if self._planned_s == at:
                self._planned_s = None
                self.turn()

        self.cluster.agenda.after(max(seconds, 0.001), go)

    def _pause(self) -> None:
        """Stand still in the middle of a call, for longer than a lease or for a moment."""
        self.paused = True
        seconds = self.cluster.streams("pauses").choice([1.0, 15.0, 90.0])
        self.cluster.go_on(self.cluster.clock.elapsed_s + seconds)
        self.paused = False


class Cluster:
    """Schedulers, workers, a database and users."""

    def __init__(
        self,
        folder: Path,
        template: Path,
        seed: int,
        specs: tuple[DagSpec, ...],
        settings: Settings = SETTINGS,
        after_turn: Callable[[Cluster], None] = lambda _cluster: None,
        executors: Mapping[str, Executor] | None = None,
        remote: frozenset[str] = frozenset(),
    ) -> None:
        """Publish the DAGs in a copy of a migrated database, and start one scheduler.

        Args:
            folder: an empty folder, best in memory.
            template: a migrated database file.
            seed: what everything is drawn from.
            specs: the DAGs.
            settings: the scheduler's numbers.
            after_turn: called after each turn of a scheduler.
            executors: more executors, by name; each scheduler is given the same ones.
            remote: those of them whose workers speak to an API server; if there are any, the
                first executor of all, which runs callbacks, is one of them.
        """
        self.path = folder / "sim.db"
        shutil.copy(template, self.path)
        self.db: Database = open_database(f"sqlite:///{self.path}", durable=False)
        self.engine: Engine = self.db.engine
        self.streams = Streams(seed)
        self.counts: Counter[str] = Counter()
        self.faults = Faults(self.streams, self.counts)
        self.clock = SimClock()
        self.agenda = Agenda(self.clock)
        self.net = Network(self.agenda, self.faults, self.streams)
        self.settings = settings
        self.key = new_key()
        self.specs = specs
        self.witness = Witness(self.net, {spec.dag_id: Graph.build(spec) for spec in specs})
        self._after_turn = after_turn
        self.executors = dict(executors or {})
        self.remote = remote
        file = PublishedFile(
            dag_file="sim.py", source_hash="s1", specs=specs, parsed_at=self.clock.now()
        )
        publish(self.db, [file], self.clock.now())
        with self.db.write() as conn:
            for pool in POOLS:
                pools.set_pool(conn, pool)
        self.hosts = {
            kind: Host(self.net, self.witness, kind) for kind in ("supervisor", "triggerer")
        }
        self.nodes: dict[str, Node] = {}
        self.signal = SimSignal(self.db, self._wake_all)
        self.start("a")

    def executors_for(self, channel: SimChannel, signal: SimSignal) -> dict[str, Executor]:
        """Return what a scheduler process has; the first is the default."""
        first = {name: made for name, made in self.executors.items() if name in self.remote}
        return {
            **first,
            "LocalExecutor": LocalExecutor(channel, signal.ring),
            "FarExecutor": FarExecutor(self.net, self.witness),
            **self.executors,
        }

    def start(self, name: str) -> None:
        """Start a scheduler process."""
        self.nodes[name] = Node(self, name)

    def restart(self, name: str) -> None:
        """Start a scheduler that died again, a little later."""
        self.counts["scheduler died"] += 1
        self.agenda.after(self.streams("restarts").choice([0.5, 20.0]), lambda: self.start(name))

    def go_on(self, until_s: float) -> None:
        """Let things happen until a time."""
        while (act := self.agenda.next(until_s)) is not None:
            act()

    def go_on_for(self, seconds: float) -> None:
        """Let things happen for a while."""
        self.go_on(self.clock.elapsed_s + seconds)

    def after_turn(self) -> None:
        """Look at what a scheduler did."""
        self._after_turn(self)

    def close(self) -> None:
        """Let go of the files."""
        for node in self.nodes.values():
            node.parts.db.close()
        self.db.close()

    def order(self, act: Callable[[], object]) -> None:
        """Let a user do something; that it cannot be done is no news."""
        try:
            act()
        except TradewindError as error:
            self.counts[f"refused: {type(error).__name__}"] += 1

    def _wake_all(self) -> None:
        for node in self.nodes.values():
            node.signal.ring()


def far_and_near(spec: DagSpec, streams: Streams) -> DagSpec:
    """Return the DAG with some of its tasks on the far executor."""
    rng = streams("executors")
    tasks = tuple(
        replace(task, executor="FarExecutor") if rng.random() < 0.3 else task for task in spec.tasks
    )
    return replace(spec, tasks=tasks)
