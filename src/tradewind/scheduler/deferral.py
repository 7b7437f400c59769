"""Deferred tasks: give their triggers to a triggerer and take the results back.

A trigger is launched, claimed, beaten and fenced like an attempt. Its id is derived from the
task instance and its fence, so that a triggerer that reconnects, and a scheduler that was
restarted, mean the same trigger by it. Unlike an attempt it may be started again somewhere else
at any time: it only looks. So a claim is kept in memory alone; the first event of the current
claim is committed with the move of its task, and what comes later is answered "fenced".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from tradewind.clock import Clock
from tradewind.errors import Bug
from tradewind.model.event import TriggerReported
from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.outcome import TriggerFailed, TriggerFired
from tradewind.scheduler.assignment import Assignments
from tradewind.scheduler.board import Board
from tradewind.scheduler.channel import Channel
from tradewind.scheduler.presence import Presence
from tradewind.scheduler.triggers import LiveTrigger, LiveTriggers, Watcher
from tradewind.scheduler.work import Work
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.read.scheduling import Deferral
from tradewind.store.turn import TriggerResult
from tradewind.wire.messages import (
    CancelAttempt,
    Claim,
    Hello,
    Launch,
    Reply,
    RunningAttempt,
    TriggerFinish,
)

log = logging.getLogger(__name__)

PREFIX = "trigger."
_TRIGGERER_ASK_S = 5.0
"""Pause between two requests for a triggerer."""


class Deferrals:
    """The triggers of all deferred tasks."""

    def __init__(
        self,
        db: Database,
        board: Board,
        channel: Channel,
        assignments: Assignments,
        clock: Clock,
        triggers: LiveTriggers,
        want_triggerer: Callable[[], None],
    ) -> None:
        self._db = db
        self._board = board
        self._channel = channel
        self._assignments = assignments
        self._clock = clock
        self._want_triggerer = want_triggerer
        self._triggerers = triggers.triggerers
        self._presence = Presence(db)
        self._triggers = triggers
        self._asked_at = -_TRIGGERER_ASK_S

    def load(self) -> None:
        """Read all deferrals: at a take-over."""
        self._triggers.clear()
        self._presence.clear()
        self._board.resuming.clear()
        for deferral in scheduling.deferrals(self._db):
            self._add(deferral)

    def added(self, tis: list[TiKey]) -> None:
        """Take in deferrals that were just committed."""
        for ti in tis:
            deferral = scheduling.deferral(self._db, ti)
            if deferral is not None:
                self._add(deferral)

    def stop(self, attempt_id: AttemptId) -> None:
        """Stop a trigger that is wanted no longer: its task is not deferred any more."""
        trigger = self._triggers.get(attempt_id)
        if trigger is not None and trigger.peer_id is not None:
            self._channel.send(trigger.peer_id, _stop(attempt_id))
        self.settled(attempt_id)

    def settled(self, attempt_id: AttemptId) -> None:
        """Forget a trigger whose result is committed."""
        self._triggers.forget(attempt_id)

    def launch(self) -> None:
        """Give triggers without a triggerer to the one that has fewest."""
        for attempt_id, trigger in self._triggers.idle():
            peer_id = self._triggerers.choose()
            if peer_id is None:
                self._ask_for_triggerer()
                return
            if trigger.rests_until > self._clock.monotonic():
                continue
            assignment = self._assignments.of_trigger(trigger, attempt_id, self._clock.now())
            if assignment is None:
                continue
            launch = Launch(
                attempt_id=attempt_id,
                claim_token=attempt_id,
                assignment=assignment,
                executor="triggerer",
            )
            if self._channel.send(peer_id, launch):
                self._triggers.give(attempt_id, peer_id)
            else:
                self.disconnected(peer_id)

    def connected(self, hello: Hello) -> None:
        """Take note of a triggerer that connected, and of what it runs."""
        self._triggerers.connected(hello.peer_id)
        self._presence.connected(hello, self._clock.now())
        for attempt_id in self._triggers.compare(hello.peer_id, hello.running):
            self._channel.send(hello.peer_id, _stop(attempt_id))

    def disconnected(self, peer_id: str) -> None:
        """Give a lost triggerer's triggers to another."""
        self._triggers.take_back(self._triggerers.disconnected(peer_id))
        self._presence.disconnected(peer_id, self._clock.now())

    def beat(self, peer_id: str, running: Sequence[RunningAttempt]) -> list[AttemptId]:
        """Note a triggerer's signs of life; return what it is to stop."""
        self._triggerers.heard(peer_id)
        return self._triggers.compare(peer_id, running)

    def look(self) -> None:
        """Take triggers away from triggerers that have not been heard of for a lease."""
        self._presence.beat(self._triggerers.speaking(), self._clock.now())
        for peer_id, given in self._triggerers.silent():
            log.warning(
                "the triggerer %s is silent; its %d triggers go to another", peer_id, len(given)
            )
            self._triggers.take_back(given)
        self.launch()

    def claim(self, work: Work, peer_id: str, message: Claim) -> None:
        """Answer a triggerer's claim."""
        self._triggerers.heard(peer_id)
        trigger = self._triggers.get(message.attempt_id)
        if trigger is None or trigger.peer_id != peer_id:
            work.reply(peer_id, _fenced(message.seq))
            return
        trigger.nonce = message.nonce
        work.reply(peer_id, Reply(seq=message.seq))

    def current(self, attempt_id: AttemptId, nonce: str) -> LiveTrigger | None:
        """Return the trigger if this claim of it holds."""
        trigger = self._triggers.get(attempt_id)
        return trigger if trigger is not None and trigger.nonce == nonce else None

    def finish(self, work: Work, peer_id: str, message: TriggerFinish) -> None:
        """Record a trigger's event or failure and wake its task."""
        self._triggerers.heard(peer_id)
        self._triggers.adopt(message.attempt_id, peer_id, message.nonce)
        trigger = self.current(message.attempt_id, message.nonce)
        if trigger is None or message.attempt_id in work.fired:
            work.reply(peer_id, _fenced(message.seq))
            return
        deferral = trigger.subject
        if isinstance(deferral, Watcher):
            raise Bug(f"{message.attempt_id} is a watcher's trigger, which wakes no task")
        if message.error is None:
            payload = message.payload if message.payload is not None else b"null"
            result: TriggerFired | TriggerFailed = TriggerFired(payload=payload)
        else:
            result = TriggerFailed(error=message.error)
        work.turn.trigger_results.append(
            TriggerResult(
                ti=deferral.ti,
                fence=deferral.fence,
                payload=message.payload,
                error=message.error,
            )
        )
        work.tell(
            deferral.ti.run_pk,
            TriggerReported(key=deferral.ti.in_run, fence=deferral.fence, result=result),
        )
        self._board.resuming[deferral.ti] = deferral.fence
        work.fired.append(message.attempt_id)
        work.reply(peer_id, Reply(seq=message.seq))

    def _add(self, deferral: Deferral) -> None:
        if deferral.has_result:
            self._board.resuming[deferral.ti] = deferral.fence
        elif deferral.classpath:  # else a person is asked, and nothing runs
            self._triggers.add(trigger_id(deferral.ti, deferral.fence), deferral)

    def _ask_for_triggerer(self) -> None:
        now = self._clock.monotonic()
        if now - self._asked_at >= _TRIGGERER_ASK_S:
            self._asked_at = now
            self._want_triggerer()


def trigger_id(ti: TiKey, fence: int) -> AttemptId:
    """Return the attempt id of a trigger."""
    return AttemptId(f"{PREFIX}{ti.run_pk}.{fence}.{ti.map_index}.{ti.task_id}")


def _stop(attempt_id: AttemptId) -> CancelAttempt:
    return CancelAttempt(attempt_id=attempt_id, reason="no longer deferred")


def _fenced(seq: int) -> Reply:
    return Reply(seq=seq, error="fenced", message="not this trigger")
