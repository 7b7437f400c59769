"""One turn in the making: what happened, what was decided, and what to do after the commit.

A turn collects events per run, steps the engine, admits, and fills a `store.turn.Turn`. After
the commit, and only then, the replies, launches and cancels gathered here go out.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from tradewind.model.event import Event, Reported
from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.outcome import Vanished
from tradewind.model.run import Stopping
from tradewind.scheduler.board import LiveAttempt
from tradewind.store.turn import InboxEvent, Turn
from tradewind.wire.messages import Reply


class Work:
    """The state of one scheduler turn."""

    def __init__(self, epoch: int, now: datetime) -> None:
        self.now = now
        self.turn = Turn(epoch=epoch, now=now)
        self.events: dict[int, list[Event]] = {}
        self.touched: set[int] = set()
        self.replies: list[tuple[str, Reply]] = []
        self.new_attempts: list[LiveAttempt] = []
        self.claims: list[tuple[AttemptId, str, str]] = []
        self.ended: set[AttemptId] = set()
        self.cancels: list[tuple[AttemptId, str]] = []
        self.inbox: list[InboxEvent] = []
        self.fired: list[AttemptId] = []
        """Triggers whose result this turn commits."""
        self.timed_out: list[tuple[TiKey, int]] = []
        """Deferrals whose time is up: their triggers are to be stopped."""
        self.stopping: list[Stopping] = []
        """Attempts that were told to stop while they ran: their tasks wait for them to end."""
        self.stopped: list[AttemptId] = []
        """Those of earlier turns of which this one was told that they have ended."""
        self.called_back: list[AttemptId] = []
        """Callbacks that this turn strikes off."""

    def tell(self, run_pk: int, event: Event) -> None:
        """Add an event for a run."""
        self.events.setdefault(run_pk, []).append(event)
        self.touched.add(run_pk)

    def reply(self, peer_id: str, reply: Reply) -> None:
        """Answer a peer once the turn is committed."""
        self.replies.append((peer_id, reply))

    def nonce_of(self, live: LiveAttempt) -> str | None:
        """Return the nonce of an attempt's claim, also of one that this turn accepts."""
        return live.nonce or next((n for a, n, _ in self.claims if a == live.attempt_id), None)

    def has_ended(self, stopped: Stopping) -> None:
        """Note that an attempt that was told to stop has ended: its task may start again."""
        self.stopped.append(stopped.attempt_id)
        outcome = Vanished(reason="stopped")
        key, attempt_id = stopped.ti.in_run, stopped.attempt_id
        self.tell(stopped.ti.run_pk, Reported(key=key, attempt_id=attempt_id, outcome=outcome))

    @property
    def empty(self) -> bool:
        """Tell whether the turn has nothing to commit."""
        # Every list of a turn is something to write; a new one counts without being named here.
        parts = msgspec.structs.astuple(self.turn)
        return not any(part for part in parts if isinstance(part, list))
