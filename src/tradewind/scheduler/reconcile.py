"""Compare what should run with what does: executors' facts and lapsed leases.

Facts are evidence, never state: an attempt that an executor calls gone and that has not
reported an outcome of its own is lost, and the engine decides what follows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from tradewind.clock import Clock
from tradewind.executors.base import Executor, Fact, Gone, Pending, Refused
from tradewind.model.event import Reported
from tradewind.model.outcome import Vanished
from tradewind.model.state import AttemptState
from tradewind.scheduler.board import Board, LiveAttempt
from tradewind.scheduler.callbacks import Callbacks
from tradewind.scheduler.remote import RemoteAttempts
from tradewind.scheduler.remote_callbacks import RemoteCallbacks
from tradewind.scheduler.work import Work
from tradewind.store.callbacks import PREFIX as CALLBACK_PREFIX
from tradewind.store.turn import AttemptEnd

log = logging.getLogger(__name__)


class Reconcile:
    """Find attempts that are lost."""

    def __init__(
        self,
        board: Board,
        executors: Mapping[str, Executor],
        callbacks: Callbacks,
        remote: RemoteAttempts,
        remote_callbacks: RemoteCallbacks,
        clock: Clock,
        attempt_lease_s: float,
    ) -> None:
        self._board = board
        self._executors = executors
        self._callbacks = callbacks
        self._remote = remote
        self._remote_callbacks = remote_callbacks
        self._clock = clock
        self._lease_s = attempt_lease_s
        self._facts: list[Fact] = []
        """What executors told and no turn has committed yet: they say it once."""

    def changes(self, work: Work) -> None:
        """Take what executors noticed since the last call."""
        for executor in self._executors.values():
            self._facts.extend(executor.reconcile(None))
        self._apply(work, self._facts)

    def full(self, work: Work) -> None:
        """Check every live attempt against its executor, and every lease."""
        callbacks = self._callbacks.launched()
        for name, executor in self._executors.items():
            believed = {a for a, live in self._board.attempts.items() if live.executor == name}
            believed |= self._board.stopping.keys() | callbacks
            found = executor.reconcile(believed)
            self._facts.extend(found)
            self._apply(work, found)
        self._remote.note_beats()
        self._remote_callbacks.look(work)
        now = self._clock.monotonic()
        for live in list(self._board.attempts.values()):
            if live.nonce is not None and now - live.beaten_at > self._lease_s:
                lose(
                    work,
                    live,
                    Vanished(reason=f"no sign of life from {live.worker} for {self._lease_s:g} s"),
                )

    def committed(self) -> None:
        """Forget what a committed turn has dealt with."""
        self._facts.clear()

    def _apply(self, work: Work, facts: Iterable[Fact]) -> None:
        for fact in facts:
            if fact.attempt_id.startswith(CALLBACK_PREFIX):
                if isinstance(fact, Gone):
                    self._callbacks.lost(work, fact.attempt_id, fact.reason)
                continue
            stopped = self._board.stopping.get(fact.attempt_id)
            if stopped is not None and isinstance(fact, Gone):
                work.has_ended(stopped)
            live = self._board.attempts.get(fact.attempt_id)
            if live is None:
                continue
            if isinstance(fact, Gone):
                lose(
                    work,
                    live,
                    Vanished(
                        reason=fact.reason,
                        before_start=fact.before_start or live.nonce is None,
                        exit_code=fact.exit_code,
                        exit_signal=fact.exit_signal,
                    ),
                )
            elif isinstance(fact, Refused) and fact.permanent:
                lose(work, live, Vanished(reason=fact.reason))
            else:
                note_pending(work, live, fact.reason)
                if isinstance(fact, Pending) and fact.in_turn:
                    live.queued_at = self._clock.monotonic()


def note_pending(work: Work, live: LiveAttempt, reason: str) -> None:
    """Keep an executor's reason for waiting where people can see it."""
    if live.nonce is None and live.pending_reason != reason:
        live.pending_reason = reason
        work.turn.pending.append((live.attempt_id, reason))


def lose(work: Work, live: LiveAttempt, outcome: Vanished) -> bool:
    """End an attempt that will not report, and tell the engine; False when it is not lost."""
    if live.attempt_id in work.ended or any(a == live.attempt_id for a, _, _ in work.claims):
        return False
    log.warning("attempt %s of %s is lost: %s", live.attempt_id, live.ti.in_run, outcome.reason)
    work.ended.add(live.attempt_id)
    work.turn.ends.append(
        AttemptEnd(
            attempt_id=live.attempt_id,
            before=AttemptState.QUEUED if live.nonce is None else AttemptState.RUNNING,
            after=AttemptState.LOST,
            at=work.now,
            exit_code=outcome.exit_code,
            exit_signal=outcome.exit_signal,
            reason=outcome.reason,
        )
    )
    work.tell(
        live.ti.run_pk,
        Reported(key=live.ti.in_run, attempt_id=live.attempt_id, outcome=outcome),
    )
    return True
