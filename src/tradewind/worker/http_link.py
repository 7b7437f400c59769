"""The supervisor's link to an API server, for a worker on another machine.

What it asks gathers while a batch is on its way, and goes out as the next: see
`tradewind.wire.remote`. As with the local link, a question is kept until it is answered and is
asked again when the server was lost; every answer of the server's is the same the second time.

A question whose token has expired is held until a beat of its attempt brings a new token, or says
that the attempt is over.
"""

from __future__ import annotations

import logging
import selectors
from collections.abc import Callable
from pathlib import Path

from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Beat, GetObjects, Hello, Reply, RunningAttempt, ToWorker
from tradewind.wire.remote import Answers, Batch
from tradewind.worker.exchange import Exchange
from tradewind.worker.http_connection import Address
from tradewind.worker.link import Answered, Question, fetch_objects
from tradewind.worker.outbox import Outbox, is_beat
from tradewind.worker.timers import Timers
from tradewind.worker.tokens import Tokens, concerned

log = logging.getLogger(__name__)

_FENCED = Reply(seq=0, error="fenced", message="this attempt is no longer the current one")
_LOST = Reply(seq=0, error="unavailable", message="the server was lost")


class HttpLink:
    """Messages to and from an API server."""

    def __init__(
        self,
        address: Address,
        selector: selectors.BaseSelector,
        timers: Timers,
        received: Callable[[ToWorker], None],
        lost: Callable[[], None],
        token_file: Path,
    ) -> None:
        """Make a link that is not connected yet.

        Args:
            address: of the API server.
            selector: where the socket is registered.
            timers: call back later.
            received: takes every reply's side of it.
            lost: called when the connection ends.
            token_file: where tokens of outcomes that nobody has taken are kept.
        """
        self._received = received
        self._lost = lost
        self._worker = ""
        self._outbox = Outbox()
        self._tokens = Tokens(token_file)
        self._exchange = Exchange(
            address, selector, timers, self._answered, self._refused, self._ended
        )

    @property
    def connected(self) -> bool:
        """Tell whether the server has answered on this connection."""
        return self._exchange.greeted

    def connect(self, hello: Hello) -> bool:
        """Try to reach the server; True once it has answered."""
        self._worker = f"{hello.host}:{hello.pid}"
        return self._exchange.open(self._next_batch)

    def ask(self, question: Question, answered: Answered) -> int:
        """Send a question, now or when the server is back; return its number."""
        seq = self._outbox.add(question, answered)
        self._pump()
        return seq

    def fetch(self, names: tuple[str, ...], got: Callable[[dict[str, bytes]], None]) -> None:
        """Get objects of code snapshots, in as many replies as it takes."""
        fetch_objects(self.ask, names, got)

    def forget(self, seq: int) -> None:
        """Stop waiting for an answer: who asked is gone."""
        self._outbox.forget(seq)

    def release(self, attempt_id: AttemptId) -> None:
        """Forget an attempt's token: nothing more is said about it."""
        self._tokens.forget(attempt_id)

    def keep(self) -> None:
        """Bring the tokens of outcomes that nobody has taken to disk."""
        self._tokens.keep(self._outbox.owed())

    def drop(self) -> None:
        """Give the connection up; what is unanswered stays."""
        greeted = self._exchange.greeted
        self._exchange.close()
        self._ended(greeted)

    def _pump(self) -> None:
        """Send what waits, unless a batch is on its way."""
        if self._exchange.ready:
            batch = self._next_batch()
            if batch.messages:
                self._exchange.send(batch)

    def _next_batch(self) -> Batch:
        questions = self._outbox.next_batch()
        tokens = self._tokens.for_batch(questions)
        return Batch(worker=self._worker, messages=questions, tokens=tokens)

    def _answered(self, answers: Answers) -> None:
        self._outbox.arrived()
        self._tokens.learn(answers.tokens)
        for reply in answers.replies:
            question = self._outbox.find(reply.seq)
            expired = reply.error == "expired" and not isinstance(question, Beat | GetObjects)
            if question is not None and expired:
                self._hold(question, reply.seq)
            elif question is not None:
                self._received(reply)
                self._outbox.answer(reply)
        for attempt_id in answers.tokens:
            self._outbox.release(attempt_id)
        self._pump()

    def _hold(self, question: Question, seq: int) -> None:
        (attempt_id,) = concerned(question)
        nonce = getattr(question, "nonce", None)
        if nonce is None or attempt_id not in self._tokens:
            # Lines of a log whose attempt is over and whose token has run out: nobody takes them.
            self._outbox.answer(Reply(seq=seq, error=_FENCED.error, message=_FENCED.message))
        elif self._outbox.hold(attempt_id, seq):
            beat = Beat(seq=0, attempts=(RunningAttempt(attempt_id, nonce),))
            self._outbox.add(beat, lambda reply: self._beaten(attempt_id, reply))

    def _beaten(self, attempt_id: AttemptId, reply: Reply) -> None:
        held = set(self._outbox.release(attempt_id))
        if attempt_id in reply.cancel:
            for seq in held:
                self._outbox.answer(Reply(seq=seq, error=_FENCED.error, message=_FENCED.message))

    def _refused(self, status: int, words: str) -> None:
        """Take what is no answer: of something between, of a busy server, to too large a batch."""
        log.warning("the API server %s", words)
        if status not in {400, 413}:
            # Whoever connects again does so after a pause, and a longer one each time.
            self.drop()
            return
        if not self._outbox.back(singly=True):
            refusal = Reply(seq=0, error="invalid", message=f"the API server {words}")
            first = self._outbox.next_batch()
            self._outbox.back()
            self._outbox.refuse(lambda question: question in first, refusal)
        if self._exchange.greeted:
            self._pump()
        else:
            self.drop()

    def _ended(self, greeted: bool) -> None:
        """Keep what was asked; whoever did not know that we were connected need not be told."""
        self._outbox.back()
        self._outbox.refuse(is_beat, _LOST)
        if greeted:
            self._lost()
