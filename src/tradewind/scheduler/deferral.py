"""Deferred tasks: give their triggers to a triggerer and take the results back.

A trigger is launched, claimed, beaten and fenced like an attempt. Its id is derived from the
task instance and its fence, so that a triggerer that reconnects, and a scheduler that was
restarted, mean the same trigger by it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from tradewind.clock import Clock
from tradewind.model.event import TriggerReported
from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.outcome import TriggerFailed, TriggerFired
from tradewind.scheduler.assignment import Assignments
from tradewind.scheduler.board import Board
from tradewind.scheduler.channel import Channel
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
    TriggerFinish,
)

log = logging.getLogger(__name__)

PREFIX = "trigger."
_TRIGGERER_ASK_S = 5.0
"""Pause between two requests for a triggerer."""


class LiveTrigger(msgspec.Struct):
    """A trigger that should be running."""

    deferral: Deferral
    peer_id: str | None = None
    nonce: str | None = None


class Deferrals:
    """The triggers of all deferred tasks."""

    def __init__(
        self,
        db: Database,
        board: Board,
        channel: Channel,
        assignments: Assignments,
        clock: Clock,
        want_triggerer: Callable[[], None],
    ) -> None:
        self._db = db
        self._board = board
        self._channel = channel
        self._assignments = assignments
        self._clock = clock
        self._want_triggerer = want_triggerer
        self._triggers: dict[AttemptId, LiveTrigger] = {}
        self._asked_at = -_TRIGGERER_ASK_S

    def load(self) -> None:
        """Read all deferrals: at a take-over."""
        self._triggers.clear()
        self._board.resuming.clear()
        for deferral in scheduling.deferrals(self._db):
            self._add(deferral)

    def added(self, tis: list[TiKey]) -> None:
        """Take in deferrals that were just committed."""
        for ti in tis:
            deferral = scheduling.deferral(self._db, ti)
            if deferral is not None:
                self._add(deferral)

    def gone(self, ti: TiKey, fence: int) -> None:
        """Stop a trigger whose task is no longer deferred."""
        trigger = self._triggers.pop(trigger_id(ti, fence), None)
        if trigger is not None and trigger.peer_id is not None:
            self._channel.send(
                trigger.peer_id,
                CancelAttempt(attempt_id=trigger_id(ti, fence), reason="no longer deferred"),
            )

    def launch(self) -> None:
        """Give triggers without a triggerer to the one that has fewest."""
        idle = [(k, t) for k, t in self._triggers.items() if t.peer_id is None]
        if not idle:
            return
        peers = [hello.peer_id for hello in self._channel.peers("triggerer")]
        if not peers:
            now = self._clock.monotonic()
            if now - self._asked_at >= _TRIGGERER_ASK_S:
                self._asked_at = now
                self._want_triggerer()
            return
        load = dict.fromkeys(peers, 0)
        for trigger in self._triggers.values():
            if trigger.peer_id in load:
                load[trigger.peer_id] += 1
        for attempt_id, trigger in idle:
            entry = self._board.runs.get(trigger.deferral.ti.run_pk)
            if entry is None:
                continue
            peer_id = min(load, key=lambda p: load[p])
            launch = Launch(
                attempt_id=attempt_id,
                claim_token=attempt_id,
                assignment=self._assignments.trigger(entry, trigger.deferral, attempt_id),
                executor="triggerer",
            )
            if self._channel.send(peer_id, launch):
                trigger.peer_id = peer_id
                trigger.nonce = None
                load[peer_id] += 1

    def connected(self, hello: Hello) -> None:
        """Take note of a triggerer that connected, and of what it runs."""
        running = {r.attempt_id: r.nonce for r in hello.running}
        for attempt_id, trigger in self._triggers.items():
            if attempt_id in running:
                trigger.peer_id, trigger.nonce = hello.peer_id, running[attempt_id]
            elif trigger.peer_id == hello.peer_id:
                trigger.peer_id = None
        for attempt_id in running.keys() - self._triggers.keys():
            self._channel.send(
                hello.peer_id, CancelAttempt(attempt_id=attempt_id, reason="no longer deferred")
            )

    def disconnected(self, peer_id: str) -> None:
        """Give a lost triggerer's triggers to another."""
        for trigger in self._triggers.values():
            if trigger.peer_id == peer_id:
                trigger.peer_id = trigger.nonce = None

    def claim(self, work: Work, peer_id: str, message: Claim) -> None:
        """Answer a triggerer's claim."""
        trigger = self._triggers.get(message.attempt_id)
        if trigger is None or trigger.peer_id != peer_id:
            work.reply(peer_id, Reply(seq=message.seq, error="fenced", message="not this trigger"))
            return
        trigger.nonce = message.nonce
        work.reply(peer_id, Reply(seq=message.seq))

    def current(self, attempt_id: AttemptId, nonce: str) -> LiveTrigger | None:
        """Return the trigger if this claim of it holds."""
        trigger = self._triggers.get(attempt_id)
        return trigger if trigger is not None and trigger.nonce == nonce else None

    def finish(self, work: Work, peer_id: str, message: TriggerFinish) -> None:
        """Record a trigger's event or failure and wake its task."""
        trigger = self.current(message.attempt_id, message.nonce)
        if trigger is None:
            work.reply(peer_id, Reply(seq=message.seq, error="fenced", message="not this trigger"))
            return
        deferral = trigger.deferral
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

    def settled(self, attempt_id: AttemptId) -> None:
        """Forget a trigger whose result is committed."""
        self._triggers.pop(attempt_id, None)

    def _add(self, deferral: Deferral) -> None:
        if deferral.has_result:
            self._board.resuming[deferral.ti] = deferral.fence
        else:
            self._triggers.setdefault(
                trigger_id(deferral.ti, deferral.fence), LiveTrigger(deferral)
            )


def trigger_id(ti: TiKey, fence: int) -> AttemptId:
    """Return the attempt id of a trigger."""
    return AttemptId(f"{PREFIX}{ti.run_pk}.{fence}.{ti.map_index}.{ti.task_id}")
