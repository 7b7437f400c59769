"""Callbacks that remote workers run: offered as rows, watched by their heartbeats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradewind.clock import Clock
from tradewind.model.ids import AttemptId
from tradewind.scheduler.callbacks import Callbacks, LiveCallback
from tradewind.scheduler.work import Work
from tradewind.store import callbacks as callback_rows
from tradewind.store.connect import Database
from tradewind.wire.messages import Assignment, RunningAttempt
from tradewind.wire.remote import encode


class RemoteCallbacks:
    """Follow the callbacks of remote workers."""

    def __init__(
        self, db: Database, callbacks: Callbacks, clock: Clock, lease_s: float, *, remote: bool
    ) -> None:
        """Follow them.

        Args:
            db: the database.
            callbacks: all that are owed.
            clock: tells the time.
            lease_s: a callback whose worker is silent this long is lost.
            remote: whether the executor that runs callbacks is a remote one.
        """
        self._db = db
        self._callbacks = callbacks
        self._clock = clock
        self._lease_s = lease_s
        self._remote = remote
        self._beats: dict[AttemptId, tuple[int, float]] = {}

    def ended(self, work: Work, payload: dict[str, Any]) -> None:
        """Take what the inbox says of a callback: that it ran, or that it was lost."""
        attempt_id = AttemptId(str(payload["attempt_id"]))
        if "lost" in payload:
            self._callbacks.lost(work, attempt_id, str(payload["lost"]))
        else:
            self._callbacks.strike(work, attempt_id, payload.get("error"))

    def look(self, work: Work) -> None:
        """Note which callbacks were claimed and are alive; give up on silent workers."""
        if not self._remote:
            return
        launched = self._callbacks.launched()
        found = callback_rows.heartbeats(self._db, launched) if launched else {}
        now = self._clock.monotonic()
        beats: dict[AttemptId, tuple[int, float]] = {}
        for attempt_id, (nonce, counter) in found.items():
            self._callbacks.adopt(RunningAttempt(attempt_id, nonce))
            seen, since = self._beats.get(attempt_id, (-1, now))
            beats[attempt_id] = (counter, since if seen == counter else now)
            if now - beats[attempt_id][1] > self._lease_s:
                reason = f"no sign of life from its worker for {self._lease_s:g} s"
                self._callbacks.lost(work, attempt_id, reason)
        self._beats = beats


def offering(
    db: Database, new_id: Callable[[], str]
) -> Callable[[AttemptId, LiveCallback, Assignment], None]:
    """Return what offers a callback to remote workers, with a claim token of its own."""

    def offer(attempt_id: AttemptId, live: LiveCallback, assignment: Assignment) -> None:
        live.claim_token = live.claim_token or new_id()
        callback_rows.offer(
            db, live.owed.callback_id, attempt_id, live.claim_token, encode(assignment)
        )

    return offer
