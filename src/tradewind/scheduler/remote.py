"""What remote workers did, as the leader's inbox and the attempts' rows tell it.

A remote worker's claims, beats and outcomes were accepted by an API server: the attempt's row has
moved already, and everything that commits with it is written (`store.attempts`). What is left to
the leader is what it means: the events here become the engine's, like those of local workers.

An event is about the attempt that its row was when it was written. Between its writing and its
reading the leader may have changed: nothing here relies on what memory has of the attempt, and the
engine ignores what is not about a task's current attempt.
"""

from __future__ import annotations

import msgspec

from tradewind.clock import Clock
from tradewind.model.event import Claimed, Reported
from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.outcome import Outcome
from tradewind.scheduler.assignment import Assignments
from tradewind.scheduler.board import Board
from tradewind.scheduler.consequences import write_consequences
from tradewind.scheduler.work import Work
from tradewind.store import attempts as attempt_rows
from tradewind.store.connect import Database
from tradewind.store.turn import InboxEvent
from tradewind.wire.remote import encode


class RemoteNews(msgspec.Struct, frozen=True, kw_only=True):
    """What an inbox event says of a remote attempt."""

    attempt_id: AttemptId
    task_id: str
    map_index: int
    fence: int
    nonce: str | None = None
    worker: str | None = None
    outcome: Outcome | None = None
    mapped_length: int | None = None
    returned: bool = False
    asset_events: int = 0


class RemoteAttempts:
    """Follow the attempts of remote workers."""

    def __init__(
        self,
        db: Database,
        board: Board,
        assignments: Assignments,
        clock: Clock,
        remote: frozenset[str],
    ) -> None:
        self._db = db
        self._board = board
        self._assignments = assignments
        self._clock = clock
        self._remote = remote
        self._beats: dict[AttemptId, int] = {}

    def write_assignments(self, work: Work) -> None:
        """Store what to run with those new attempts of a turn that go to remote workers."""
        for live in work.new_attempts:
            entry = self._board.runs.get(live.ti.run_pk)
            if live.executor in self._remote and entry is not None:
                assignment = self._assignments.task(entry, live, stored=True)
                work.turn.assignments[live.attempt_id] = encode(assignment)

    def apply(self, work: Work, event: InboxEvent) -> bool:
        """Take an event; True when it may have brought asset events.

        Raises:
            msgspec.ValidationError: it is not understood.
        """
        run_pk = event.run_pk
        if run_pk is None or run_pk not in self._board.runs:
            return False  # the run is over; its attempts were fenced with its end
        news = msgspec.convert(event.payload, RemoteNews)
        ti = TiKey(run_pk, news.task_id, news.map_index)
        if event.kind == "claimed":
            self._claimed(work, ti, news)
        elif event.kind == "reported":
            self._reported(work, ti, news)
        elif news.attempt_id in self._board.stopping:
            work.has_ended(self._board.stopping[news.attempt_id])
        return news.asset_events > 0

    def note_beats(self) -> None:
        """Take note of the remote attempts that have beaten since the last look."""
        running = {
            live.attempt_id: live
            for live in self._board.attempts.values()
            if live.nonce is not None and live.executor in self._remote
        }
        found = attempt_rows.heartbeats(self._db, running) if running else {}
        now = self._clock.monotonic()
        for attempt_id, counter in found.items():
            if self._beats.get(attempt_id) != counter:
                running[attempt_id].beaten_at = now
        self._beats = found

    def _claimed(self, work: Work, ti: TiKey, news: RemoteNews) -> None:
        live = self._board.attempts.get(news.attempt_id)
        if live is not None and live.nonce is None and news.nonce is not None:
            work.claims.append((news.attempt_id, news.nonce, news.worker or ""))
        work.tell(ti.run_pk, Claimed(ti.in_run, news.attempt_id))

    def _reported(self, work: Work, ti: TiKey, news: RemoteNews) -> None:
        outcome = news.outcome
        if outcome is None:
            return
        live = self._board.attempts.get(news.attempt_id)
        if live is None and not self._is_current(ti, news.attempt_id):
            return
        work.ended.add(news.attempt_id)
        write_consequences(work, self._board, ti, news.fence, outcome)
        work.tell(
            ti.run_pk,
            Reported(
                key=ti.in_run,
                attempt_id=news.attempt_id,
                outcome=outcome,
                mapped_length=news.mapped_length,
                returned=news.returned,
            ),
        )

    def _is_current(self, ti: TiKey, attempt_id: AttemptId) -> bool:
        found = self._board.runs[ti.run_pk].live.find(ti.in_run)
        return found is not None and found.attempt_id == attempt_id
