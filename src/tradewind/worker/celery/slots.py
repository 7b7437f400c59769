"""Which tickets run, which wait for a slot, and what becomes of them."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterable
from typing import Any

from celery.worker import state as celery_state

from tradewind.clock import Clock
from tradewind.executors.celery.settings import TOKEN
from tradewind.model.ids import AttemptId
from tradewind.wire.remote import Ticket
from tradewind.worker.celery.finishing import NOTHING, AttemptLost, Finishing, Job
from tradewind.worker.handover import Supervisor, SupervisorGone

log = logging.getLogger(__name__)

_ID = 100
"""An attempt's id is shorter than this."""
_EXIT_FAILURE = 1


class Slots:
    """The supervisor's attempts, as many at a time as there are slots. One thread."""

    def __init__(self, desk: Supervisor, finishing: Finishing, clock: Clock, limit: int) -> None:
        self._desk = desk
        self._finishing = finishing
        self._clock = clock
        self.limit = limit
        self.running: dict[AttemptId, Job] = {}
        self.held: deque[Job] = deque()

    @property
    def full(self) -> bool:
        """Tell whether every slot is taken."""
        return len(self.running) >= self.limit

    def take(self, job: Job) -> None:
        """Begin a job if there is a slot; else keep it, unaccepted."""
        if self.full:
            self.held.append(job)
        else:
            self._begin(job)

    def fill(self) -> None:
        """Begin what waits while there are slots."""
        while self.held and not self.full:
            self._begin(self.held.popleft())

    def accept(self, job: Job) -> None:
        """Acknowledge a message: it is begun."""
        job.accept(os.getpid(), self._clock.monotonic())

    def cancel(self, attempts: Iterable[AttemptId]) -> int:
        """Stop those of these attempts that run; return how many."""
        here = [a for a in attempts if a in self.running]
        self._desk.cancel(here, "cancelled")
        return len(here)

    def hear(self) -> bool:
        """Take what the supervisor says; False when it will say no more.

        The slots of what is done are free at once: a result that cannot be written is evidence
        that nobody has, and keeps no task from running.
        """
        try:
            done = self._desk.receive()
        except SupervisorGone:
            self._alone()
            return False
        for each in done:
            job = self.running.pop(each.attempt_id, None)
            if job is not None:
                self._finishing.add(job, each.how)
        return True

    def settle(self) -> None:
        """Tell Celery's books what is finished."""
        for job, result in self._finishing.take():
            job.callback(result)

    def _begin(self, job: Job) -> None:
        self.accept(job)
        ticket = _ticket_of(job)
        if ticket is None:
            log.warning("dropped a message: it is no ticket")
        if ticket is None or ticket.attempt_id in self.running:
            job.callback(NOTHING)
            return
        job.attempt_id = ticket.attempt_id
        self.running[ticket.attempt_id] = job
        try:
            self._desk.hand_over(ticket)
        except SupervisorGone:
            self._alone()

    def _alone(self) -> None:
        """End this worker: the supervisor is dead, and its attempts with it."""
        if celery_state.should_stop is None:
            log.error("the supervisor ended; this worker ends, too")
            celery_state.should_stop = _EXIT_FAILURE
        lost, self.running = self.running, {}
        for job in lost.values():
            self._finishing.add(job, AttemptLost("the worker's supervisor died"))


def _ticket_of(job: Job) -> Ticket | None:
    """Return the ticket that a message is; None when it is something else."""
    task_id: Any = job.args[1]
    token: Any = job.args[2].get(TOKEN)
    if not isinstance(token, str) or not isinstance(task_id, str) or not 0 < len(task_id) < _ID:
        return None
    return Ticket(attempt_id=AttemptId(task_id), claim_token=token)
