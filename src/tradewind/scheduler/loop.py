"""The scheduler: an imperative shell around the pure engine.

One turn, over and over:

    gather   messages of local workers, inbox events, due schedules, due wake-ups, facts
    decide   step the runs that have news, admit what is ready (pure, in memory)
    commit   one transaction for everything, however many tasks ended
    act      replies, launches, cancels: only after the commit

Nothing on the hot path polls: the end of a task, an inbox event (by the database's signal) or
a due time ends the wait. A slow poll is the safety net. When a commit fails or its fate is
unknown, the runs that it touched are dropped from memory and read again, and the messages of
the turn are handled once more; every handler is written to be repeated. What a turn can never
hold is found out and set aside (`replay`).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from tradewind.errors import ConfigError, Conflict, Fenced, Unavailable
from tradewind.model.event import Ticked
from tradewind.scheduler.parts import Parts
from tradewind.scheduler.replay import Batch, Replay
from tradewind.scheduler.work import Work
from tradewind.store import components
from tradewind.store import inbox as inbox_rows
from tradewind.store.apply import apply
from tradewind.store.commits import ANNOUNCED_S
from tradewind.store.turn import Applied
from tradewind.wire.messages import Outage

log = logging.getLogger(__name__)

RETRY_PAUSE_S = 0.5
"""Pause after the database could not be reached."""


class Scheduler:
    """Lead when nobody else does; then turn until told to stop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._replay = Replay(parts.inbox_batch)
        self._reload: set[int] = set()
        self._moved: list[str] = []
        self._inbox_look = True
        self._poll_at = 0.0
        self._askings = 0
        self._announced_until = 0.0
        self._reconcile_at = 0.0
        self._component: str | None = None
        self.leading = False
        self.draining = False

    def run(self, stop: Callable[[], bool]) -> None:
        """Stand by, take over, lead, until `stop` says so.

        Raises:
            ConfigError: another scheduler runs on this SQLite database, or the socket's path
                cannot be used.
        """
        while not stop():
            self.step()
        self._step_down()
        self._parts.leadership.release()

    def step(self) -> None:
        """Do one turn when this scheduler leads; else try to lead, or wait.

        After a lost connection nobody knows what was committed: everything is read again, and
        workers connect anew and repeat what was not answered.
        """
        parts = self._parts
        try:
            if not self.leading:
                if not parts.leadership.try_lead():
                    parts.signal.wait(parts.settings.heartbeat_s)
                    return
                self.take_over()
            self.turn(self.next_timeout_s())
        except Fenced as error:
            log.warning("not leading any more: %s", error)
            self._step_down()
        except Unavailable as error:
            log.warning("the database cannot be reached: %s; trying again", error)
            self._announce_outage()
            self._step_down()
            parts.signal.wait(RETRY_PAUSE_S)

    def take_over(self) -> None:
        """Build the board from the database and open the socket for workers."""
        parts, now = self._parts, self._parts.clock.now()
        log.info("leading, epoch %d", parts.leadership.epoch or 0)
        self._replay.forget()
        self._reload.clear()
        self._inbox_look = True
        self._component = components.register(parts.db, "scheduler", now)
        parts.db.forget()
        parts.board.forget_graphs()
        parts.dag_facts.load()
        parts.capacity_changed()
        parts.calendars.load(now)
        parts.calendars_loaded()
        parts.runs.load_all()
        parts.deferrals.load()
        parts.watchers.load()
        parts.callbacks.load()
        parts.assets.load()
        parts.deadlines.look_again()
        # Reading took a while; whoever leads by now keeps the socket.
        if not parts.leadership.beat():
            raise Fenced("another scheduler has taken the lease")
        parts.open_channel()
        parts.dispatch.submit(
            [live for live in parts.board.attempts.values() if live.nonce is None]
        )
        self.leading = True

    @property
    def watched(self) -> bool:
        """Tell whether somebody asked lately to be told of turns."""
        parts = self._parts
        if parts.signal.askings != self._askings:
            self._askings = parts.signal.askings
            self._announced_until = parts.clock.monotonic() + ANNOUNCED_S
        return parts.clock.monotonic() < self._announced_until

    def next_timeout_s(self) -> float:
        """Return how long the next turn may wait for something to happen."""
        parts = self._parts
        if self._replay.pending or self._inbox_look or self._reload or parts.pending():
            return 0.0
        monotonic, now = parts.clock.monotonic(), parts.clock.now()
        timeout_s = max(0.0, self._poll_at - monotonic)
        for wake_at in (
            parts.board.next_wake(),
            parts.calendars.next_wake(),
            parts.runs.next_wake(),
            parts.deadlines.next_wake(),
        ):
            if wake_at is not None:
                timeout_s = min(timeout_s, max(0.0, (wake_at - now).total_seconds()))
        return timeout_s

    def turn(self, timeout_s: float) -> None:
        """Wait for news for at most `timeout_s`, then do one turn.

        Raises:
            Fenced: another scheduler leads.
            Unavailable: the database cannot be reached; everything is then read again.
            ConfigError: the database is damaged, or has no tables.
        """
        parts = self._parts
        batch = self._replay.next(parts.channel.poll(timeout_s))
        if parts.signal.drain():
            self._inbox_look = True
        work = Work(parts.leadership.epoch or 0, parts.clock.now())
        try:
            self._beat(work)
            self._gather(work, batch)
            parts.decider.decide(work, admit=not self.draining)
            parts.deadlines.note(work)
            parts.remote.write_assignments(work)
            applied = self._commit(work)
        except (Fenced, Unavailable, ConfigError):
            # Not this turn's fault: whoever leads next reads everything again.
            raise
        except Exception as error:
            unforeseen = not isinstance(error, Conflict)
            log.warning("a turn is done again: %s", error, exc_info=unforeseen)
            self._undo(work, error)
            answer = self._replay.refused(batch, work.inbox, error)
            if answer is not None:
                parts.channel.send(*answer)
            return
        self._replay.accepted()
        self._act(work, applied)

    def _beat(self, work: Work) -> None:
        parts = self._parts
        monotonic = parts.clock.monotonic()
        if monotonic >= self._poll_at:
            self._poll_at = monotonic + parts.settings.poll_s
            self._inbox_look = True
        if not parts.leadership.beat():
            raise Fenced("another scheduler has taken the lease")
        if parts.leadership.just_beaten and self._component is not None:
            components.beat(parts.db, self._component, work.now, parts.dispatch.troubles())

    def _gather(self, work: Work, batch: Batch) -> None:
        parts = self._parts
        while self._reload:
            parts.runs.load(next(iter(self._reload)))
            self._reload.pop()
        for message in batch.messages:
            parts.router.handle(work, message)
        if self._inbox_look and batch.inbox:
            work.inbox = inbox_rows.pending(parts.db, batch.inbox)
            self._inbox_look = len(work.inbox) == batch.inbox
            hopeless = self._replay.hopeless(work.inbox)
            work.turn.inbox_done.extend(hopeless)
            answered = {done.seq for done in hopeless}
            parts.inbox.apply(work, [e for e in work.inbox if e.seq not in answered])
        self._moved = parts.calendars.create_due(work, parts.board.by_dag)
        parts.assets.create_due(work)
        for run_pk in parts.board.due(work.now):
            work.tell(run_pk, Ticked())
        parts.runs.tell_past(work)
        parts.dispatch.settle_refusals(work)
        parts.reconcile.changes(work)
        monotonic = parts.clock.monotonic()
        if monotonic >= self._reconcile_at:
            self._reconcile_at = monotonic + parts.settings.reconcile_s
            parts.reconcile.full(work)
            parts.channel.keep()
            parts.dispatch.time_out(work)
            parts.dispatch.resubmit_due()
            parts.deferrals.look()
            parts.hopeless.warn()
        if not self.draining:
            parts.runs.start_queued(work)

    def _commit(self, work: Work) -> Applied:
        if work.empty:
            return Applied()
        return apply(self._parts.db, work.turn, announce=self.watched)

    def _undo(self, work: Work, error: Exception) -> None:
        """Forget what was decided and not committed, so that it is decided again."""
        parts = self._parts
        touched = set(work.touched) | set(getattr(error, "run_pks", ()))
        touched |= {c.before.run_pk for c in work.turn.changes}
        self._reload |= touched
        self._inbox_look = True
        parts.runs.look_again()
        parts.assets.look_again()
        for dag_id in self._moved:
            parts.calendars.refresh(dag_id, work.now)

    def _act(self, work: Work, applied: Applied) -> None:
        parts = self._parts
        cancelled = [parts.board.attempts[a] for a, _ in work.cancels if a in parts.board.attempts]
        parts.reconcile.committed()
        parts.after.attempts(work)
        for run in applied.created_runs:
            if run is not None:
                parts.runs.enqueue(run)
        for peer_id, reply in work.replies:
            parts.channel.send(peer_id, reply)
        parts.dispatch.submit(work.new_attempts)
        if cancelled:
            parts.dispatch.cancel(cancelled)
        parts.channel.flush()
        parts.runs.committed(work)
        parts.after.rest(work)
        for dag_id in self._moved:
            parts.calendars.refresh(dag_id, work.now)
        self._moved = []

    def _announce_outage(self) -> None:
        """Let workers go on: nobody can start anew what runs there."""
        parts = self._parts
        grace_s = parts.settings.database_outage_s
        if self.leading and grace_s > 0:
            for hello in parts.channel.peers("supervisor"):
                parts.channel.send(hello.peer_id, Outage(grace_s=grace_s))

    def _step_down(self) -> None:
        parts = self._parts
        self.leading = False
        parts.close_channel()
        for run_pk in list(parts.board.runs):
            parts.board.drop(run_pk)
        component, self._component = self._component, None
        if component is not None and parts.leadership.epoch is not None:
            with contextlib.suppress(Unavailable):
                components.stop(parts.db, component, parts.clock.now())
