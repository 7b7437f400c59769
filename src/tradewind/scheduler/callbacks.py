"""Callbacks owed: launched like attempts, until each has been run once.

The row is written with the transition that owes it; it is deleted when a worker says that the
callback ran. A worker that dies in between makes it run again: at least once, with a
deduplication key in the row.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import msgspec

from tradewind.clock import Clock
from tradewind.executors.base import Executor
from tradewind.model.ids import AttemptId
from tradewind.scheduler.assignment import Assignments
from tradewind.scheduler.work import Work
from tradewind.store.callbacks import PREFIX
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.read.scheduling import OwedCallback
from tradewind.wire.messages import (
    Assignment,
    CallbackDone,
    Claim,
    Finish,
    Launch,
    Reply,
    RunningAttempt,
)

log = logging.getLogger(__name__)

MAX_TRIES = 3
"""A callback whose process dies this often is given up, with a line in the log."""

_BATCH = 64


class LiveCallback(msgspec.Struct):
    """A callback that is owed.

    tries: how often its process was lost. nonce: of its claim. claim_token: of its offer to remote
    workers. launched: an executor was given it. submit_at: monotonic seconds when it is handed
    over (again) unless it is claimed.
    """

    owed: OwedCallback
    tries: int = 0
    nonce: str | None = None
    claim_token: str = ""
    launched: bool = False
    submit_at: float = 0.0


class Callbacks:
    """All callbacks owed."""

    def __init__(
        self,
        db: Database,
        executor: Executor,
        assignments: Assignments,
        clock: Clock,
        resubmit_s: float,
        offer: Callable[[AttemptId, LiveCallback, Assignment], None] | None,
    ) -> None:
        """Follow callbacks.

        Args:
            db: the database.
            executor: runs them.
            assignments: says what to run.
            clock: tells the time.
            resubmit_s: pause before an unclaimed one is handed over again.
            offer: lets remote workers claim one; None: the executor is local.
        """
        self._db = db
        self._executor = executor
        self._assignments = assignments
        self._clock = clock
        self._resubmit_s = resubmit_s
        self._offer = offer
        self._live: dict[AttemptId, LiveCallback] = {}

    def load(self) -> None:
        """Read what is owed: at a take-over."""
        self._live.clear()
        self.look_again()

    def look_again(self) -> None:
        """Read what is owed, some at a time: after a turn that owes more or struck some off."""
        known = {live.owed.callback_id for live in self._live.values()}
        for owed in scheduling.owed_callbacks(self._db, _BATCH):
            if owed.callback_id not in known:
                tries = _tries(owed.attempt_id) if owed.attempt_id else 0
                live = LiveCallback(owed, tries, claim_token=owed.claim_token or "")
                self._live[_attempt_id(owed.callback_id, tries)] = live

    def launch(self) -> None:
        """Launch what nobody has claimed, now and again after a pause."""
        now = self._clock.monotonic()
        for attempt_id, live in list(self._live.items()):
            if live.nonce is not None or live.submit_at > now:
                continue
            live.submit_at = now + self._resubmit_s
            live.launched = True
            run = scheduling.run(self._db, live.owed.run_pk)
            if run is None:
                continue
            assignment = self._assignments.callback(live.owed, run, attempt_id)
            if self._offer is not None:
                self._offer(attempt_id, live, assignment)
            self._executor.submit(
                [
                    Launch(
                        attempt_id=attempt_id,
                        claim_token=live.claim_token or attempt_id,
                        assignment=assignment,
                        executor="callback",
                    )
                ]
            )

    def adopt(self, running: RunningAttempt) -> bool:
        """Tell whether a worker may go on with a callback; what nobody has claimed is its own."""
        live = self._live.get(running.attempt_id)
        if live is None or live.nonce not in {None, running.nonce}:
            return False
        live.nonce = running.nonce
        return True

    def beat(self, running: Iterable[RunningAttempt]) -> list[AttemptId]:
        """Return those of a worker's running callbacks that it is to stop."""
        return [r.attempt_id for r in running if not self.adopt(r)]

    def claim(self, work: Work, peer_id: str, message: Claim) -> None:
        """Answer a worker's claim of a callback."""
        live = self._live.get(message.attempt_id)
        if live is None or live.nonce not in {None, message.nonce}:
            work.reply(peer_id, Reply(seq=message.seq, error="fenced", message="not this callback"))
            return
        live.nonce = message.nonce
        work.reply(peer_id, Reply(seq=message.seq))

    def current(self, attempt_id: AttemptId, nonce: str) -> LiveCallback | None:
        """Return the callback if this claim of it holds."""
        live = self._live.get(attempt_id)
        return live if live is not None and live.nonce == nonce else None

    def done(self, work: Work, peer_id: str, message: CallbackDone) -> None:
        """A local worker ran a callback."""
        self.strike(work, message.attempt_id, message.error)
        work.reply(peer_id, Reply(seq=message.seq))

    def strike(self, work: Work, attempt_id: AttemptId, error: str | None) -> None:
        """A callback ran: strike it off with the turn."""
        live = self._live.get(attempt_id)
        if live is not None and attempt_id not in work.called_back:
            work.turn.callbacks_done.append((live.owed.callback_id, error))
            work.called_back.append(attempt_id)

    def settled(self, attempt_id: AttemptId) -> None:
        """Forget a callback that is struck off."""
        self._live.pop(attempt_id, None)

    def vanished(self, work: Work, peer_id: str, message: Finish) -> None:
        """A callback's process ended without a word: launch it again, a few times."""
        work.reply(peer_id, Reply(seq=message.seq))
        self.lost(work, message.attempt_id, "its process died")

    def lost(self, work: Work, attempt_id: AttemptId, reason: str) -> None:
        """Relaunch a callback that was lost with its worker, or give it up."""
        live = self._live.pop(attempt_id, None)
        if live is None:
            return
        tries = live.tries + 1
        if tries >= MAX_TRIES:
            error = f"given up after {tries} tries: {reason}"
            log.error("callback %s: %s", live.owed.dedup, error)
            work.turn.callbacks_done.append((live.owed.callback_id, error))
            return
        self._live[_attempt_id(live.owed.callback_id, tries)] = LiveCallback(live.owed, tries)

    def claimed(self) -> frozenset[AttemptId]:
        """Return the callbacks that workers should be running."""
        return frozenset(a for a, live in self._live.items() if live.nonce is not None)

    def launched(self) -> frozenset[AttemptId]:
        """Return the callbacks that an executor was given."""
        return frozenset(a for a, live in self._live.items() if live.launched)


def _attempt_id(callback_id: int, tries: int) -> AttemptId:
    return AttemptId(f"{PREFIX}{callback_id}.{tries}")


def _tries(attempt_id: str) -> int:
    return int(attempt_id.rpartition(".")[2])
