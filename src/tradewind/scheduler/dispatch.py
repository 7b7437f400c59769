"""Hand attempts to executors, and again until they are claimed.

A row in state `queued` is the outbox and the attempt id is the idempotency key: submitting
twice is harmless, so a lost message or a crash between commit and submit costs a delay only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from tradewind.clock import Clock
from tradewind.executors.base import Executor, Refused
from tradewind.model.outcome import Vanished
from tradewind.scheduler.assignment import Assignments
from tradewind.scheduler.board import Board, LiveAttempt
from tradewind.scheduler.reconcile import lose, note_pending
from tradewind.scheduler.work import Work
from tradewind.wire.messages import Launch

log = logging.getLogger(__name__)


class Dispatch:
    """The way from a committed attempt to its executor."""

    def __init__(
        self,
        board: Board,
        executors: Mapping[str, Executor],
        assignments: Assignments,
        clock: Clock,
        resubmit_s: float,
        queued_timeout_s: float,
    ) -> None:
        self._board = board
        self._executors = executors
        self._assignments = assignments
        self._clock = clock
        self._resubmit_s = resubmit_s
        self._queued_timeout_s = queued_timeout_s
        self._refused: list[Refused] = []

    def submit(self, attempts: Iterable[LiveAttempt]) -> None:
        """Send committed attempts to their executors; refusals are settled by the next turn."""
        launches: dict[str, list[Launch]] = {}
        for live in attempts:
            if live.executor not in self._executors:
                self._refused.append(
                    Refused(
                        live.attempt_id, _unknown(live.executor, self._executors), permanent=True
                    )
                )
                continue
            launch = self._launch(live)
            if launch is not None:
                launches.setdefault(live.executor, []).append(launch)
        for name, batch in launches.items():
            self._refused.extend(self._executors[name].submit(batch))

    def time_out(self, work: Work) -> None:
        """Fail the try of what nobody has claimed for longer than the queue's time-out."""
        now = self._clock.monotonic()
        for live in list(self._board.attempts.values()):
            if live.nonce is None and now - live.queued_at > self._queued_timeout_s:
                why = f"; it waited because {live.pending_reason}" if live.pending_reason else ""
                setting = "scheduler.task_queued_timeout"
                reason = f"no worker took it for {self._queued_timeout_s:g} s ({setting}){why}"
                if lose(work, live, Vanished(reason=reason)):
                    work.cancels.append((live.attempt_id, reason))

    def resubmit_due(self) -> None:
        """Submit again what nobody has claimed for too long."""
        now = self._clock.monotonic()
        late = [
            live
            for live in self._board.attempts.values()
            if live.nonce is None and live.next_submit_at <= now
        ]
        for live in late:
            live.submit_count += 1
            # Always the same pause: a message that was lost late must not wait longer than one
            # that was lost early. Where copies cost something, the executor holds them back.
            live.next_submit_at = now + self._resubmit_s
        if late:
            log.info("%d attempts are unclaimed; submitting them again", len(late))
            self.submit(late)

    def settle_refusals(self, work: Work) -> None:
        """Fail attempts that an executor refused for good; the others come due again."""
        refused, self._refused = self._refused, []
        for refusal in refused:
            live = self._board.attempts.get(refusal.attempt_id)
            if live is None or live.nonce is not None:
                continue
            if refusal.permanent:
                lose(work, live, Vanished(reason=refusal.reason))
            else:
                note_pending(work, live, refusal.reason)

    def cancel(self, attempts: Iterable[LiveAttempt]) -> None:
        """Stop attempts that were cleared, marked or timed out."""
        by_executor: dict[str, list[LiveAttempt]] = {}
        for live in attempts:
            by_executor.setdefault(live.executor, []).append(live)
        for name, batch in by_executor.items():
            if name in self._executors:
                self._executors[name].cancel([live.attempt_id for live in batch])

    def troubles(self) -> dict[str, dict[str, str]]:
        """Return what keeps each executor from its work, by place; all executors are named."""
        return {name: dict(executor.troubles()) for name, executor in self._executors.items()}

    def _launch(self, live: LiveAttempt) -> Launch | None:
        entry = self._board.runs.get(live.ti.run_pk)
        if entry is None:
            return None
        task = entry.live.task(live.ti.task_id)
        return Launch(
            attempt_id=live.attempt_id,
            claim_token=live.claim_token,
            assignment=self._assignments.task(entry, live),
            executor=live.executor,
            queue=task.queue,
            priority=task.priority_weight,
            executor_config=task.executor_config,
        )


def _unknown(name: str, executors: Mapping[str, Executor]) -> str:
    known = ", ".join(sorted(executors)) or "none"
    return (
        f"there is no executor {name!r}; configured: {known}. "
        "Set TRADEWIND__CORE__EXECUTOR or the task's executor argument"
    )
