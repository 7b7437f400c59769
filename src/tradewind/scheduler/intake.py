"""What workers report: claims, heartbeats, outcomes.

A report about an attempt that is not current is answered "fenced" and changes nothing. The
same report again (its answer was lost) is answered as the first was.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tradewind.actions.asset_events import writes_of
from tradewind.clock import Clock
from tradewind.model.event import Claimed, Reported
from tradewind.model.ids import AttemptId
from tradewind.model.outcome import Succeeded, Vanished
from tradewind.model.state import AttemptState
from tradewind.scheduler.board import Board, LiveAttempt
from tradewind.scheduler.consequences import write_consequences
from tradewind.scheduler.work import Work
from tradewind.store import attempts as attempt_rows
from tradewind.store.connect import Database
from tradewind.store.turn import (
    AttemptClaim,
    AttemptEnd,
    RenderedWrite,
    XComWrite,
)
from tradewind.wire.messages import Claim, Finish, Reply, RunningAttempt

_encode = msgspec.json.Encoder().encode


class Intake:
    """Turn workers' messages into rows to write and events for the engine."""

    def __init__(self, db: Database, board: Board, clock: Clock) -> None:
        self._db = db
        self._board = board
        self._clock = clock

    def claim(self, work: Work, peer_id: str, message: Claim) -> None:
        """queued → running, once; the same nonce again is the same claim."""
        live = self._board.attempts.get(message.attempt_id)
        if live is None or live.claim_token != message.claim_token:
            work.reply(peer_id, _fenced(message.seq))
            return
        nonce = work.nonce_of(live)
        if nonce is None and message.attempt_id not in work.ended:
            work.turn.claims.append(
                AttemptClaim(
                    attempt_id=message.attempt_id,
                    nonce=message.nonce,
                    worker=message.worker,
                    at=work.now,
                )
            )
            work.claims.append((message.attempt_id, message.nonce, message.worker))
            work.tell(live.ti.run_pk, Claimed(live.ti.in_run, message.attempt_id))
        elif nonce != message.nonce:
            work.reply(peer_id, _fenced(message.seq))
            return
        work.reply(peer_id, Reply(seq=message.seq))

    def beat(
        self,
        work: Work,
        peer_id: str,
        seq: int,
        attempts: Sequence[RunningAttempt],
        fenced: list[AttemptId],
    ) -> None:
        """Note signs of life; attempts that are not current are to be stopped.

        Args:
            work: the turn.
            peer_id: who beats.
            seq: of the beat.
            attempts: the task attempts that are alive.
            fenced: triggers and callbacks already found to be not current.
        """
        now = self._clock.monotonic()
        for running in attempts:
            live = self._board.attempts.get(running.attempt_id)
            if live is not None and live.nonce == running.nonce:
                live.beaten_at = now
            else:
                fenced.append(running.attempt_id)
        work.reply(peer_id, Reply(seq=seq, cancel=tuple(fenced)))

    def finish(self, work: Work, peer_id: str, message: Finish) -> None:
        """Record an outcome with everything that commits together with it."""
        live = self._board.attempts.get(message.attempt_id)
        # A worker that loses its processes may claim and give up in one breath.
        nonce = work.nonce_of(live) if live is not None else None
        unclaimed = nonce is None and isinstance(message.outcome, Vanished)
        stopped = self._board.stopping.get(message.attempt_id)
        if stopped is not None:
            # Its outcome counts for nothing; that it has ended lets the task start again.
            work.has_ended(stopped)
        if live is None or (nonce != message.nonce and not unclaimed):
            work.reply(peer_id, self._finished_before(message))
            return
        if message.attempt_id not in work.ended:
            if unclaimed:
                message = _before_start(message)
            self._end(work, live, nonce, message)
        work.reply(peer_id, Reply(seq=message.seq))

    def _end(self, work: Work, live: LiveAttempt, nonce: str | None, message: Finish) -> None:
        outcome = message.outcome
        before = AttemptState.QUEUED if nonce is None else AttemptState.RUNNING
        lost = isinstance(outcome, Vanished)
        work.turn.ends.append(
            AttemptEnd(
                attempt_id=live.attempt_id,
                before=before,
                after=AttemptState.LOST if lost else AttemptState.DONE,
                at=work.now,
                nonce=nonce,
                outcome=_encode(outcome),
                exit_code=message.exit_code,
                exit_signal=message.exit_signal,
                reason=getattr(outcome, "reason", None) or getattr(outcome, "error", None),
            )
        )
        work.ended.add(live.attempt_id)
        work.turn.xcoms.extend(
            XComWrite(ti=live.ti, attempt_id=live.attempt_id, key=x.key, value=x.value)
            for x in message.xcoms
        )
        if message.rendered_fields is not None or message.rendered_map_index is not None:
            work.turn.rendered.append(
                RenderedWrite(
                    ti=live.ti,
                    attempt_id=live.attempt_id,
                    fields=message.rendered_fields or b"{}",
                    map_index_label=message.rendered_map_index,
                )
            )
        if isinstance(outcome, Succeeded) and message.asset_events:
            self._asset_events(work, live, message)
        write_consequences(work, self._board, live.ti, live.fence, outcome)
        work.tell(
            live.ti.run_pk,
            Reported(
                key=live.ti.in_run,
                attempt_id=live.attempt_id,
                outcome=outcome,
                mapped_length=message.mapped_length,
                returned=message.returned,
            ),
        )

    def _asset_events(self, work: Work, live: LiveAttempt, message: Finish) -> None:
        run = self._board.runs[live.ti.run_pk].live.run
        events = writes_of(message.asset_events, live.ti, run, work.now)
        work.turn.asset_events.extend(events)

    def _finished_before(self, message: Finish) -> Reply:
        row = attempt_rows.get(self._db, message.attempt_id)
        if row is not None and row.nonce == message.nonce and row.state is AttemptState.DONE:
            return Reply(seq=message.seq)
        return _fenced(message.seq)


def _fenced(seq: int) -> Reply:
    return Reply(seq=seq, error="fenced", message="this attempt is no longer the current one")


def _before_start(message: Finish) -> Finish:
    """Return a death notice of an attempt that was never claimed: no user code has run."""
    assert isinstance(message.outcome, Vanished)
    outcome = msgspec.structs.replace(message.outcome, before_start=True)
    return msgspec.structs.replace(message, outcome=outcome)
