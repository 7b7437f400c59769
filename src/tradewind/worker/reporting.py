"""Tell the scheduler what attempts came to, until it has said that it knows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from tradewind.clock import Clock
from tradewind.model.ids import AttemptId
from tradewind.model.outcome import (
    Deferred,
    Failed,
    Outcome,
    Rescheduled,
    SkippedBy,
    Succeeded,
    Vanished,
)
from tradewind.wire import logs
from tradewind.wire.messages import CallbackDone, Finish, Launch, Reply, RunningAttempt
from tradewind.worker import ending
from tradewind.worker.attempt import Attempt, Stop
from tradewind.worker.journal import Journal, Report
from tradewind.worker.link import Link
from tradewind.worker.masking import Masker
from tradewind.worker.timers import Timers

_LATER_S = 1.0
"""Pause before an outcome is sent again that the scheduler could not take."""


class Reports:
    """Outcomes on their way."""

    def __init__(
        self, link: Link, journal: Journal, timers: Timers, clock: Clock, log_folder: Path
    ) -> None:
        self._link = link
        self._journal = journal
        self._timers = timers
        self._clock = clock
        self._log_folder = log_folder
        self._pending: dict[AttemptId, Report] = {}
        self.settled: Callable[[AttemptId, str], None] = lambda _attempt_id, _how: None
        """Called when an outcome was taken, or refused for good, with that in words."""

    def __contains__(self, attempt_id: AttemptId) -> bool:
        """Tell whether an attempt's outcome is on its way."""
        return attempt_id in self._pending

    def __bool__(self) -> bool:
        """Tell whether any outcome is on its way."""
        return bool(self._pending)

    def owned(self) -> Iterable[RunningAttempt]:
        """Return the attempts whose outcomes are on their way."""
        return [RunningAttempt(r.attempt_id, r.nonce) for r in self._pending.values()]

    def replay(self) -> None:
        """Send what an earlier supervisor left unacknowledged."""
        for report in self._journal.load():
            self.send(report, None)

    def send(self, report: Report, log_path: Path | None) -> None:
        """Send an outcome.

        Args:
            report: the outcome, with the nonce of its claim.
            log_path: where to note that it was not accepted.
        """
        self._pending[report.attempt_id] = report
        self._link.ask(report, lambda reply: self._answered(report, log_path, reply))
        if not self._link.connected:
            self._journal.write([report])

    def keep(self) -> None:
        """Bring to disk what is unacknowledged: the scheduler is gone, or we are going."""
        if self._pending:
            self._link.keep()
        self._journal.write(self._pending.values())

    def _answered(self, report: Report, log_path: Path | None, reply: Reply) -> None:
        if reply.error == "unavailable":
            self._journal.write([report])
            self._timers.after(_LATER_S, lambda: self.send(report, log_path))
            return
        self._pending.pop(report.attempt_id, None)
        self._journal.acknowledged(report.attempt_id)
        if reply.error is not None and log_path is not None:
            text = f"the outcome was not accepted: {reply.message or reply.error}"
            with contextlib.suppress(OSError):
                logs.append(self._log_folder, log_path, text, self._clock.now(), "warning")
        self.settled(report.attempt_id, reply.error or "the outcome was taken")


def finish(attempt: Attempt, outcome: Outcome, status: int | None = None) -> Report:
    """Return the report of an attempt whose process made none.

    Args:
        attempt: the attempt.
        outcome: what it came to.
        status: how the process ended, as of waitpid.
    """
    if attempt.assignment.callback is not None and isinstance(outcome, Failed):
        return CallbackDone(
            seq=0,
            attempt_id=attempt.attempt_id,
            nonce=attempt.nonce,
            callback_id=attempt.assignment.callback.callback_id,
            error=outcome.error,
        )
    return Finish(
        seq=0,
        attempt_id=attempt.attempt_id,
        nonce=attempt.nonce,
        outcome=outcome,
        exit_code=ending.exit_code(status),
        exit_signal=ending.exit_signal(status),
    )


def not_started(launch: Launch, nonce: str, reason: str) -> Report:
    """Return the report of a launch that came to no process."""
    vanished = Vanished(reason=f"it could not be started: {reason}", before_start=True)
    return Finish(seq=0, attempt_id=launch.attempt_id, nonce=nonce, outcome=vanished)


def from_process(attempt: Attempt, report: Report) -> Report:
    """Return a process's own report as it is sent: masked, and under the attempt's nonce."""
    masker = attempt.masker
    if isinstance(report, CallbackDone):
        error = masker.text(report.error) if report.error is not None else None
        return msgspec.structs.replace(report, nonce=attempt.nonce, error=error)
    outcome = _masked(report.outcome, masker)
    if isinstance(outcome, Failed) and attempt.stop in {Stop.SHUTDOWN, Stop.NO_SCHEDULER}:
        # Not the task's own failure: it was told to stop.
        outcome = Vanished(reason=f"stopped: {attempt.stop_reason}")
    report = msgspec.structs.replace(report, nonce=attempt.nonce, outcome=outcome)
    if masker and report.rendered_fields is not None:
        report = msgspec.structs.replace(
            report, rendered_fields=masker.json(report.rendered_fields)
        )
    if masker and report.rendered_map_index is not None:
        report = msgspec.structs.replace(
            report, rendered_map_index=masker.text(report.rendered_map_index)
        )
    return report


def _masked(outcome: Outcome, masker: Masker) -> Outcome:
    if isinstance(outcome, Failed):
        return msgspec.structs.replace(outcome, error=masker.text(outcome.error))
    if isinstance(outcome, SkippedBy):
        return msgspec.structs.replace(outcome, reason=masker.text(outcome.reason))
    return outcome


def in_words(report: Report) -> tuple[str, str]:
    """Return what a report says, and the level of the log line that says it."""
    if isinstance(report, CallbackDone):
        return ("callback done", "info") if report.error is None else (report.error, "error")
    match report.outcome:
        case Succeeded():
            return "succeeded", "info"
        case Failed(error=error):
            return f"failed: {error}", "error"
        case SkippedBy(reason=reason):
            return f"skipped: {reason}" if reason else "skipped", "info"
        case Deferred(trigger=trigger):
            # A person is asked, and no trigger runs.
            return f"deferred to {trigger or 'a person'}", "info"
        case Rescheduled(at=at):
            return f"rescheduled to {at.isoformat()}", "info"
        case Vanished(reason=reason):
            return reason, "error"
