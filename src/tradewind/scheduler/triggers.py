"""The triggers that should be running, and which triggerer runs each.

A heartbeat says everything that a triggerer has. What it was given, has claimed and does not
name is started again; what it names and should not have, it is told to stop; what it names and
nobody else was given is its own (the scheduler was restarted, or had given it up).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tradewind.model.ids import AttemptId
from tradewind.model.watcher import WatcherSpec
from tradewind.scheduler.triggerers import Triggerers
from tradewind.store.read.scheduling import Deferral
from tradewind.wire.messages import RunningAttempt


class Watcher(msgspec.Struct, frozen=True, kw_only=True):
    """A watcher of an asset, and the DAG for which it runs.

    dag_file, source_hash, tree_hash: where the class of its trigger may be.
    """

    spec: WatcherSpec
    dag_id: str
    dag_file: str
    source_hash: str
    tree_hash: str


class LiveTrigger(msgspec.Struct):
    """A trigger that should be running.

    peer_id: who was given it. nonce: of the claim. rests_until: monotonic seconds; nobody is
    given it before.
    """

    subject: Deferral | Watcher
    peer_id: str | None = None
    nonce: str | None = None
    rests_until: float = 0.0


class LiveTriggers:
    """All triggers that should be running."""

    def __init__(self, triggerers: Triggerers) -> None:
        self.triggerers = self._triggerers = triggerers
        self._all: dict[AttemptId, LiveTrigger] = {}
        self._idle: dict[AttemptId, LiveTrigger] = {}

    def clear(self) -> None:
        """Forget all: at a take-over."""
        self._all.clear()
        self._idle.clear()
        self._triggerers.clear()

    def add(
        self, attempt_id: AttemptId, subject: Deferral | Watcher, rests_until: float = 0.0
    ) -> None:
        """Take in a trigger that nobody runs yet."""
        if attempt_id not in self._all:
            trigger = LiveTrigger(subject, rests_until=rests_until)
            self._all[attempt_id] = self._idle[attempt_id] = trigger

    def get(self, attempt_id: AttemptId) -> LiveTrigger | None:
        """Return a trigger that should be running."""
        return self._all.get(attempt_id)

    def forget(self, attempt_id: AttemptId) -> None:
        """Forget a trigger: it fired, or its task is no longer deferred."""
        trigger = self._all.pop(attempt_id, None)
        self._idle.pop(attempt_id, None)
        if trigger is not None:
            self._triggerers.take(trigger.peer_id, attempt_id)

    def idle(self) -> Sequence[tuple[AttemptId, LiveTrigger]]:
        """Return the triggers that nobody runs."""
        return list(self._idle.items())

    def give(self, attempt_id: AttemptId, peer_id: str, nonce: str | None = None) -> None:
        """Note that a triggerer was given a trigger, or has it already under this nonce."""
        trigger = self._all[attempt_id]
        self._idle.pop(attempt_id, None)
        trigger.peer_id, trigger.nonce = peer_id, nonce
        self._triggerers.give(peer_id, attempt_id)

    def adopt(self, attempt_id: AttemptId, peer_id: str, nonce: str) -> None:
        """Take a claim as read.

        Whoever was given a trigger and speaks of it under a nonce has it under that one: it may
        have had it before, and then starts it no second time.
        """
        trigger = self._all.get(attempt_id)
        if trigger is not None and trigger.peer_id == peer_id and trigger.nonce is None:
            trigger.nonce = nonce

    def take_back(self, attempt_ids: Iterable[AttemptId]) -> None:
        """Note that nobody runs these any more."""
        for attempt_id in attempt_ids:
            trigger = self._all.get(attempt_id)
            if trigger is not None:
                self._triggerers.take(trigger.peer_id, attempt_id)
                trigger.peer_id = trigger.nonce = None
                self._idle[attempt_id] = trigger

    def compare(self, peer_id: str, running: Sequence[RunningAttempt]) -> list[AttemptId]:
        """Bring what is known in step with what a triggerer runs.

        Returns:
            what it is to stop.
        """
        named = {r.attempt_id for r in running}
        self.take_back(
            attempt_id
            for attempt_id in self._triggerers.given(peer_id) - named
            # What it has not claimed yet, it may not have received yet.
            if self._all[attempt_id].nonce is not None
        )
        unwanted: list[AttemptId] = []
        for one in running:
            trigger = self._all.get(one.attempt_id)
            if trigger is not None and trigger.peer_id is None:
                self.give(one.attempt_id, peer_id, one.nonce)
                continue
            self.adopt(one.attempt_id, peer_id, one.nonce)
            if trigger is None or trigger.nonce != one.nonce:
                unwanted.append(one.attempt_id)
        return unwanted
