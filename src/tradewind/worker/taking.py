"""Claim attempts of which no more is known than a ticket; the answer says what to run."""

from __future__ import annotations

import logging
import uuid

from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Claim, Launch, Reply
from tradewind.wire.remote import Ticket, decode_assignment
from tradewind.worker.attempts import Attempts
from tradewind.worker.link import Link
from tradewind.worker.reporting import Reports

log = logging.getLogger(__name__)


class Taking:
    """Claims of tickets that are on their way."""

    def __init__(self, attempts: Attempts, reports: Reports, link: Link, worker: str) -> None:
        self._attempts = attempts
        self._reports = reports
        self._link = link
        self._worker = worker
        self._asked: set[AttemptId] = set()
        self.refused = 0
        """How many were not to be had."""

    def take(self, ticket: Ticket) -> None:
        """Claim an attempt and run it; the same ticket again is the same attempt."""
        attempt_id = ticket.attempt_id
        if attempt_id in self._asked or attempt_id in self._attempts:
            return
        self._asked.add(attempt_id)
        claim = Claim(
            seq=0,
            attempt_id=attempt_id,
            nonce=uuid.uuid4().hex,
            claim_token=ticket.claim_token,
            worker=self._worker,
        )
        self._link.ask(claim, lambda reply: self._answered(claim, reply))

    def _answered(self, claim: Claim, reply: Reply) -> None:
        self._asked.discard(claim.attempt_id)
        if reply.error is not None:
            self.refused += 1
            why = reply.message or reply.error
            log.info("attempt %s is not ours: %s", claim.attempt_id, why)
            self._reports.settled(claim.attempt_id, why)
            return
        launch = Launch(
            attempt_id=claim.attempt_id,
            claim_token=claim.claim_token,
            assignment=decode_assignment(reply.body["assignment"]),
            executor="",
        )
        self._attempts.launch(launch, claim.nonce)
