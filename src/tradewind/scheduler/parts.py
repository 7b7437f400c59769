"""Put the scheduler's parts together.

Everything that touches the world is handed in (database, clock, ids, channel, executors), so
that the simulator builds the same scheduler with a fake clock and a fake executor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from tradewind.actions.code_objects import CodeObjects
from tradewind.actions.user_calls import UserCalls
from tradewind.clock import Clock
from tradewind.engine.admit import Admission, Capacity
from tradewind.engine.draft import Policy
from tradewind.executors.base import Executor
from tradewind.executors.local import LocalExecutor
from tradewind.model.run import Pool
from tradewind.scheduler.after import AfterCommit
from tradewind.scheduler.assets import AssetRuns
from tradewind.scheduler.assignment import Assignments
from tradewind.scheduler.board import Board
from tradewind.scheduler.calendar import Calendars
from tradewind.scheduler.callbacks import Callbacks
from tradewind.scheduler.calls import Calls
from tradewind.scheduler.channel import Channel
from tradewind.scheduler.dagfacts import DagFacts
from tradewind.scheduler.deadlines import Deadlines
from tradewind.scheduler.decide import Decider
from tradewind.scheduler.deferral import Deferrals
from tradewind.scheduler.dispatch import Dispatch
from tradewind.scheduler.hopeless import HopelessWaits
from tradewind.scheduler.inbox import BATCH, Inbox
from tradewind.scheduler.intake import Intake
from tradewind.scheduler.leadership import Leadership
from tradewind.scheduler.reconcile import Reconcile
from tradewind.scheduler.remote import RemoteAttempts
from tradewind.scheduler.remote_callbacks import RemoteCallbacks, offering
from tradewind.scheduler.router import Router
from tradewind.scheduler.runs import Runs
from tradewind.scheduler.triggerers import Triggerers
from tradewind.scheduler.triggers import LiveTriggers
from tradewind.scheduler.watchers import Watchers
from tradewind.store import pools
from tradewind.store.connect import Database
from tradewind.store.secrets import Secrets
from tradewind.store.signal import Signal


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The scheduler's numbers; `tradewind.config` has their descriptions and defaults."""

    parallelism: int = 32
    lease_s: float = 10.0
    heartbeat_s: float = 2.0
    attempt_lease_s: float = 60.0
    database_outage_s: float = 900.0
    queued_timeout_s: float = 600.0
    trigger_lease_s: float = 10.0
    reconcile_s: float = 5.0
    poll_s: float = 1.0
    resubmit_s: float = 30.0
    max_infra_losses: int = 3
    max_map_length: int = 1024


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What the scheduler touches.

    executors: by name; the first is the default. capacities: slots per executor name (None:
        only `parallelism` bounds it).
    remote: the executors whose workers speak to an API server.
    sqlite_lock: the file lock that admits one scheduler, on SQLite.
    want_triggerer: asks the launcher for a triggerer.
    name: this incarnation's, in the lease; "" makes one of host, process and start.
    """

    db: Database
    clock: Clock
    new_id: Callable[[], str]
    signal: Signal
    channel: Channel
    secrets: Secrets
    executors: Mapping[str, Executor]
    capacities: Mapping[str, int | None]
    remote: frozenset[str] = frozenset()
    sqlite_lock: Path | None = None
    want_triggerer: Callable[[], None] = lambda: None
    name: str = ""


class Parts:
    """The scheduler's parts, each knowing only what it needs."""

    def __init__(self, world: World, settings: Settings) -> None:
        default_executor = next(iter(world.executors))
        self.settings = settings
        self.db, self.clock, self.signal = world.db, world.clock, world.signal
        self.channel = world.channel
        self.inbox_batch = BATCH
        self._world = world
        self.leadership = Leadership(
            world.db, world.clock, settings.lease_s, settings.heartbeat_s, world.name
        )
        if world.sqlite_lock is not None:
            self.leadership.lock_database(world.sqlite_lock)
        self.board = Board(Admission())
        self.hopeless = HopelessWaits(self.board)
        self.calendars = Calendars(world.db)
        self.dag_facts = DagFacts(world.db)
        policy = _policy(settings)
        self.runs = Runs(world.db, self.board, self.calendars, world.clock, policy.restart_grace_s)
        self.assets = AssetRuns(world.db, self.calendars)
        self.deadlines = Deadlines(world.db)
        assignments = Assignments(world.db, self.board, self.dag_facts.sources)
        triggers = LiveTriggers(Triggerers(world.clock, settings.trigger_lease_s))
        self.deferrals = Deferrals(
            world.db,
            self.board,
            world.channel,
            assignments,
            world.clock,
            triggers,
            world.want_triggerer,
        )
        self.watchers = Watchers(world.db, self.calendars, triggers, self.deferrals, world.clock)
        self.callbacks = self._callbacks(default_executor, assignments)
        self.remote = RemoteAttempts(world.db, self.board, assignments, world.clock, world.remote)
        remote_callbacks = self._remote_callbacks(default_executor)
        self.dispatch = Dispatch(
            self.board,
            world.executors,
            assignments,
            world.clock,
            settings.resubmit_s,
            settings.queued_timeout_s,
        )
        self.reconcile = Reconcile(
            self.board,
            world.executors,
            self.callbacks,
            self.remote,
            remote_callbacks,
            world.clock,
            settings.attempt_lease_s,
        )
        self.decider = self._decider(default_executor)
        self.inbox = self._inbox(remote_callbacks)
        self.router = self._router()
        self.after = self._after()

    def _decider(self, default_executor: str) -> Decider:
        return Decider(
            self.board,
            self.clock,
            self._world.new_id,
            default_executor,
            self.settings.resubmit_s,
            _policy(self.settings),
        )

    def _callbacks(self, default_executor: str, assignments: Assignments) -> Callbacks:
        world = self._world
        return Callbacks(
            world.db,
            world.executors[default_executor],
            assignments,
            world.clock,
            self.settings.resubmit_s,
            offering(world.db, world.new_id) if default_executor in world.remote else None,
        )

    def _remote_callbacks(self, default_executor: str) -> RemoteCallbacks:
        world = self._world
        return RemoteCallbacks(
            world.db,
            self.callbacks,
            world.clock,
            self.settings.attempt_lease_s,
            remote=default_executor in world.remote,
        )

    def _inbox(self, remote_callbacks: RemoteCallbacks) -> Inbox:
        return Inbox(
            self.board,
            self.runs,
            self.dag_changed,
            self.capacity_changed,
            self.assets,
            self.remote,
            remote_callbacks,
        )

    def _after(self) -> AfterCommit:
        return AfterCommit(
            self.board,
            self.calendars,
            self.deferrals,
            self.callbacks,
            self.assets,
            self.deadlines,
            self.clock,
        )

    def _router(self) -> Router:
        world = self._world
        return Router(
            self.board,
            world.channel,
            [e for e in world.executors.values() if isinstance(e, LocalExecutor)],
            Intake(world.db, self.board, world.clock),
            self._calls(),
            self.deferrals,
            self.watchers,
            self.callbacks,
            CodeObjects(world.db),
        )

    def _calls(self) -> Calls:
        world = self._world
        return Calls(
            world.db,
            self.board,
            self.deferrals,
            self.callbacks,
            UserCalls(world.db, world.secrets, world.signal, world.clock),
        )

    def dag_changed(self, dag_id: str) -> None:
        """Read what depends on a DAG's row again."""
        self.dag_facts.refresh(dag_id)
        self.calendars.refresh(dag_id, self.clock.now())
        calendar = self.calendars.get(dag_id)
        if calendar is not None:
            self.board.admission.pause(dag_id, paused=calendar.paused)
        self.assets.look_again()
        self.watchers.dag_changed(dag_id)
        self.runs.look_again()

    def calendars_loaded(self) -> None:
        """Hold the tasks of paused DAGs back: after a take-over."""
        for calendar in self.calendars.all():
            self.board.admission.pause(calendar.dag_id, paused=calendar.paused)

    def capacity_changed(self) -> None:
        """Read the pools again."""
        found: dict[str, Pool] = {pool.name: pool for pool in pools.all_pools(self.db)}
        self.board.admission.set_capacity(
            Capacity(
                pools=found,
                executors=dict(self._world.capacities),
                parallelism=self.settings.parallelism,
                default_executor=next(iter(self._world.executors)),
            )
        )

    def pending(self) -> bool:
        """Tell whether the next turn has work without waiting for news."""
        return self.runs.pending() or self.assets.pending()

    def open_channel(self) -> None:
        """Listen for workers and watch the database's signal."""
        self.channel.open()
        self.channel.watch(self.signal.fileno())

    def close_channel(self) -> None:
        """Stop listening."""
        self.channel.close()


def _policy(settings: Settings) -> Policy:
    return Policy(
        max_infra_losses=settings.max_infra_losses,
        # By then a worker that nobody hears of has stopped its attempts by itself.
        restart_grace_s=settings.attempt_lease_s,
        max_map_length=settings.max_map_length,
    )
