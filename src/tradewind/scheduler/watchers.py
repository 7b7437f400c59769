"""Watchers of assets: which triggers are to run, and what their events become.

While a DAG that is scheduled on an asset is there and not paused, the triggers that watch the
asset run in the triggerer, under its lease like those of deferred tasks: one at a time for each
watcher, however many DAGs share it. When the code of the DAG changes, the trigger is stopped and
started with the new one. An event becomes an asset event with the turn, and the
trigger goes on when it is told so. Told again (the answer was lost with a scheduler), it is found
by its key and kept once; from a trigger that was given to another triggerer meanwhile it is
refused.
"""

from __future__ import annotations

import logging

from tradewind.clock import Clock
from tradewind.model.ids import AttemptId
from tradewind.model.schedule import AssetOrTime, AssetTriggered
from tradewind.scheduler.calendar import Calendars
from tradewind.scheduler.deferral import PREFIX, Deferrals
from tradewind.scheduler.triggers import LiveTriggers, Watcher
from tradewind.scheduler.work import Work
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.read.scheduling import Calendar
from tradewind.store.turn import AssetEventWrite
from tradewind.wire.messages import Reply, TriggerFinish, WatcherEvent

log = logging.getLogger(__name__)

RESTS_S = 10.0
"""Pause before a trigger that failed, or ended without an event, is started again."""
RECONNECT_S = 2.0
"""After a take-over: whoever runs a watcher connects within this time and goes on with it."""


class Watchers:
    """The watchers of the assets that DAGs wait for."""

    def __init__(
        self,
        db: Database,
        calendars: Calendars,
        triggers: LiveTriggers,
        deferrals: Deferrals,
        clock: Clock,
    ) -> None:
        """Watch.

        Args:
            db: the database.
            calendars: knows the DAGs that wait for assets.
            triggers: all triggers, those of deferred tasks too.
            deferrals: gives them to triggerers, and stops them.
            clock: tells the time.
        """
        self._db = db
        self._calendars = calendars
        self._triggers = triggers
        self._deferrals = deferrals
        self._clock = clock
        self._by_dag: dict[str, tuple[Watcher, ...]] = {}
        self._wanted: set[AttemptId] = set()

    def load(self) -> None:
        """Look at every DAG: at a take-over, when no trigger is known yet."""
        self._wanted.clear()
        self._by_dag = {
            calendar.dag_id: found
            for calendar in self._calendars.all()
            if (found := self._of(calendar))
        }
        self._tell(rest_s=RECONNECT_S)

    def dag_changed(self, dag_id: str) -> None:
        """Look at one DAG: it was published, paused, or is gone."""
        calendar = self._calendars.get(dag_id)
        found = self._of(calendar) if calendar is not None else ()
        if found == self._by_dag.get(dag_id, ()):
            return
        self._by_dag[dag_id] = found
        self._tell()
        self._deferrals.launch()

    def event(self, work: Work, peer_id: str, message: WatcherEvent) -> None:
        """Make an asset event of what a watcher's trigger yielded."""
        self._triggers.adopt(message.attempt_id, peer_id, message.nonce)
        trigger = self._deferrals.current(message.attempt_id, message.nonce)
        if trigger is None or not isinstance(trigger.subject, Watcher):
            refusal = Reply(seq=message.seq, error="fenced", message="not this trigger")
            work.reply(peer_id, refusal)
            return
        spec = trigger.subject.spec
        work.turn.asset_events.append(
            AssetEventWrite(
                name=spec.asset,
                uri=spec.uri,
                at=work.now,
                extra=message.extra,
                key=f"{message.nonce}.{message.number}",
            )
        )
        work.reply(peer_id, Reply(seq=message.seq))

    def ended(self, work: Work, peer_id: str, message: TriggerFinish) -> bool:
        """Start a trigger again that ended: at once after an event, after a pause otherwise.

        Returns:
            False when it is no watcher's.
        """
        trigger = self._deferrals.current(message.attempt_id, message.nonce)
        if trigger is None or not isinstance(trigger.subject, Watcher):
            return False
        if message.error is not None:
            log.warning(
                "watcher %r of asset %r failed and is started again in %d s: %s",
                trigger.subject.spec.name,
                trigger.subject.spec.asset,
                RESTS_S,
                message.error.strip().rpartition("\n")[2],
            )
        if message.payload is None:
            trigger.rests_until = self._clock.monotonic() + RESTS_S
        self._triggers.take_back([message.attempt_id])
        work.reply(peer_id, Reply(seq=message.seq))
        return True

    def _of(self, calendar: Calendar) -> tuple[Watcher, ...]:
        waits = isinstance(calendar.schedule, AssetTriggered | AssetOrTime)
        if not waits or calendar.paused or not calendar.active:
            return ()
        version = scheduling.latest_version(self._db, calendar.dag_id)
        if version is None:
            return ()
        return tuple(
            Watcher(
                spec=spec,
                dag_id=calendar.dag_id,
                dag_file=version.dag_file,
                source_hash=version.source_hash,
                tree_hash=version.tree_hash,
            )
            for spec in version.spec.watchers
        )

    def _tell(self, *, rest_s: float = 0.0) -> None:
        wanted: dict[AttemptId, Watcher] = {}
        for dag_id in sorted(self._by_dag):
            for watcher in self._by_dag[dag_id]:
                wanted.setdefault(watcher_id(watcher), watcher)
        for attempt_id in self._wanted - wanted.keys():
            self._deferrals.stop(attempt_id)
        rests_until = self._clock.monotonic() + rest_s
        for attempt_id, watcher in wanted.items():
            self._triggers.add(attempt_id, watcher, rests_until)
        self._wanted = set(wanted)


def watcher_id(watcher: Watcher) -> AttemptId:
    """Return the attempt id of a watcher's trigger: another one when the DAG's code changes."""
    return AttemptId(f"{PREFIX}watcher.{watcher.spec.key}.{watcher.source_hash[:12]}")
