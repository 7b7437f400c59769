"""The supervisor's attempts, from launch to outcome.

    Launch ─┬─ fork: the process sets itself up and waits
            └─ claim: refused → the process ends; no user code has run
                      accepted → Go → Began → Ended → the outcome is sent
    the process's end without Ended → the outcome is that it vanished, and why

The outcome is sent when nothing of the attempt runs any more: at Ended if the process left
nothing behind, else when its host has killed what it left.
"""

from __future__ import annotations

import logging
import selectors
import signal
import uuid
from collections.abc import Iterable

from tradewind.clock import Clock
from tradewind.errors import DagError
from tradewind.model.ids import AttemptId
from tradewind.model.outcome import Failed, Outcome, Vanished
from tradewind.wire.logs import log_path
from tradewind.wire.messages import Claim, Launch, Reply, RunningAttempt
from tradewind.worker import code, ending, inner
from tradewind.worker.attempt import Attempt, Stop
from tradewind.worker.conversation import Conversation
from tradewind.worker.hosts import Hosts
from tradewind.worker.link import Link
from tradewind.worker.logkeeper import LogKeeper
from tradewind.worker.logshipper import LogShipper
from tradewind.worker.reporting import Reports, finish, from_process, in_words, not_started
from tradewind.worker.settings import SupervisorSettings
from tradewind.worker.syncer import Syncer
from tradewind.worker.timers import Timers

log = logging.getLogger(__name__)

_DEATH_S = 2.0
"""A process whose host died is dead by then; the kernel takes a moment."""


class Attempts:
    """All attempts of this supervisor."""

    def __init__(
        self,
        settings: SupervisorSettings,
        worker: str,
        selector: selectors.BaseSelector,
        timers: Timers,
        clock: Clock,
        link: Link,
        reports: Reports,
        syncer: Syncer,
        shipper: LogShipper | None,
    ) -> None:
        self._settings = settings
        self._worker = worker
        self._selector = selector
        self._timers = timers
        self._clock = clock
        self._reports = reports
        self._shipper = shipper
        self._live: dict[AttemptId, Attempt] = {}
        self._logs = LogKeeper(syncer, timers, lambda: [a.sink for a in self._live.values()])
        self._memory = ending.MemoryWatch()
        self._conversation = Conversation(link, timers, self)
        self.hosts = Hosts(
            self,
            selector,
            timers,
            clock,
            link.fetch,
            trees=settings.state_dir / code.TREES,
            import_timeout_s=settings.import_timeout_s,
            idle_hosts=settings.idle_hosts,
            idle_host_s=settings.idle_host_s,
        )

    def __len__(self) -> int:
        """Return how many attempts have not ended."""
        return len(self._live)

    @property
    def owned(self) -> list[RunningAttempt]:
        """Return what is here, claimed or about to be."""
        return [RunningAttempt(a.attempt_id, a.nonce) for a in self._live.values()]

    @property
    def beating(self) -> tuple[RunningAttempt, ...]:
        """Return the attempts whose leases are to be renewed."""
        return tuple(
            RunningAttempt(a.attempt_id, a.nonce)
            for a in self._live.values()
            if a.claimed and not a.sent and a.stop is not Stop.FENCED
        )

    # ---- start ------------------------------------------------------------------------------

    def launch(self, launch: Launch, nonce: str | None = None) -> None:
        """Fork and claim at the same time. A repeated launch is the same launch.

        Args:
            launch: what to run.
            nonce: of its claim, when it is claimed already.
        """
        claim = Claim(
            seq=0,
            attempt_id=launch.attempt_id,
            nonce=nonce or uuid.uuid4().hex,
            claim_token=launch.claim_token,
            worker=self._worker,
        )
        attempt = self._start(launch, claim.nonce)
        if attempt is None:
            return
        if nonce is None:
            self._conversation.ask(attempt, claim, lambda reply: self._claimed(attempt, reply))
        else:
            attempt.claimed = True
            attempt.send(inner.Go())

    def __contains__(self, attempt_id: AttemptId) -> bool:
        """Tell whether an attempt is here, or its outcome on its way."""
        return attempt_id in self._live or attempt_id in self._reports

    def _start(self, launch: Launch, nonce: str) -> Attempt | None:
        if launch.attempt_id in self:
            return None
        settings = self._settings
        try:
            live = code.resolve(launch.assignment, settings.dags_folder)
            attempt = Attempt(launch, nonce, settings.log_folder, live, settings.log_limit_bytes)
        except (OSError, DagError) as error:
            report = not_started(launch, nonce, str(error))
            self._reports.send(report, log_path(settings.log_folder, launch.assignment))
            return None
        self._live[launch.attempt_id] = attempt
        attempt.watch(self._selector, self._conversation.heard, self._clock.now)
        self.hosts.launch(attempt)
        attempt.send(inner.Assigned(launch.assignment))
        if self._shipper is not None:
            self._shipper.add(launch.attempt_id, attempt.log_path)
        self._logs.watch()
        return attempt

    def _claimed(self, attempt: Attempt, reply: Reply) -> None:
        if reply.error is None:
            attempt.claimed = True
            attempt.send(inner.Go())
            return
        log.info("attempt %s is not ours: %s", attempt.attempt_id, reply.message or reply.error)
        attempt.stop = Stop.FENCED
        if self.hosts.withdraw(attempt):
            self._close(attempt)
        else:
            attempt.hang_up()

    # ---- end --------------------------------------------------------------------------------

    def ended(self, attempt: Attempt, ended: inner.Ended) -> None:
        """Take the process's own report."""
        now = self._clock.now()
        attempt.drain(now)
        attempt.report = report = from_process(attempt, ended.report)
        text, level = in_words(report)
        attempt.sink.note(f"attempt ended: {text}", now, level)
        if ended.alone:
            self._send(attempt)

    def exited(self, attempt: Attempt, status: int) -> None:
        """Take note that a process and all it left behind are gone."""
        if not attempt.closed:
            # What it said before it ended is still in its socket.
            self._conversation.heard(attempt)
            self._gone(attempt, ending.reason(status, self._memory), status)

    def lost(self, attempt: Attempt, reason: str) -> None:
        """Take note that a process dies with its host; it is gone when it has hung up."""
        attempt.lost = reason
        if attempt.child_ends or attempt.silent:
            self._gone(attempt, reason, None)
        else:
            self._timers.after(_DEATH_S, lambda: self._gone(attempt, reason, None))

    def hung_up(self, attempt: Attempt) -> None:
        """Take note that a process can say no more; its host says how it ended, if it can."""
        if attempt.lost is not None:
            self._gone(attempt, attempt.lost, None)

    def not_importable(self, attempt: Attempt, reason: str) -> None:
        """Fail an attempt whose DAG file cannot be imported."""
        error = f"importing the DAG file {attempt.assignment.dag_file} {reason}"
        attempt.report = finish(attempt, Failed(error=error))
        attempt.sink.note(f"attempt ended: {error}", self._clock.now(), "error")
        self._gone(attempt, error, None)

    def stop(self, attempt: Attempt, why: Stop, reason: str) -> None:
        """Stop an attempt: SIGTERM, so that `on_kill` runs, and SIGKILL after the grace."""
        if attempt.closed or attempt.report is not None:
            return
        if attempt.stop is not None:
            attempt.stop = Stop.FENCED if why is Stop.FENCED else attempt.stop
            return
        attempt.stop, attempt.stop_reason = why, reason
        attempt.sink.note(f"stopping the attempt: {reason}", self._clock.now(), "warning")
        if self.hosts.withdraw(attempt):
            self._gone(attempt, reason, None)
            return
        self.hosts.signal(attempt, signal.SIGTERM)
        grace_s = self._settings.kill_grace_s
        self._timers.after(grace_s, lambda: self.hosts.signal(attempt, signal.SIGKILL))

    def stop_these(self, attempt_ids: Iterable[AttemptId], why: Stop, reason: str) -> None:
        """Stop those of these attempts that are here."""
        for attempt_id in attempt_ids:
            attempt = self._live.get(attempt_id)
            if attempt is not None:
                self.stop(attempt, why, reason)

    def stop_all(self, why: Stop, reason: str) -> None:
        """Stop every attempt."""
        self.stop_these(list(self._live), why, reason)

    def _gone(self, attempt: Attempt, reason: str, status: int | None) -> None:
        if attempt.closed:
            return
        if attempt.report is None and (attempt.claimed or attempt.stop is not Stop.FENCED):
            if attempt.stop is not None:
                reason = f"stopped: {attempt.stop_reason}"
            outcome: Outcome = Vanished(
                reason=reason,
                before_start=not attempt.began,
                exit_code=ending.exit_code(status),
                exit_signal=ending.exit_signal(status),
            )
            if attempt.stop is Stop.TIMEOUT:
                outcome = Failed(error=attempt.stop_reason)
            now = self._clock.now()
            attempt.drain(now)
            attempt.sink.note(f"attempt ended: {reason}", now, "error")
            attempt.report = finish(attempt, outcome, status)
        self._send(attempt)
        self._close(attempt)

    def _send(self, attempt: Attempt) -> None:
        if attempt.report is not None and not attempt.sent and attempt.stop is not Stop.FENCED:
            attempt.sent = True
            self._reports.send(attempt.report, attempt.log_path)

    def _close(self, attempt: Attempt) -> None:
        del self._live[attempt.attempt_id]
        for seq in attempt.questions:
            self._conversation.forget(seq)
        self._logs.finish(attempt.close(self._clock.now()))
        if self._shipper is not None:
            self._shipper.over(attempt.attempt_id)
        if not attempt.sent:
            self._reports.settled(attempt.attempt_id, attempt.stop_reason or "it was not ours")
