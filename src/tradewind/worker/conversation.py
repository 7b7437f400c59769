"""What processes say to the supervisor, and what they are answered."""

from __future__ import annotations

from typing import Protocol

from tradewind.wire.messages import Mask, Reply, Request, SetRenderedFields
from tradewind.worker import inner
from tradewind.worker.attempt import Attempt, Stop
from tradewind.worker.link import Answered, Link, Question
from tradewind.worker.timers import Timers

_TIMEOUT_GRACE_S = 2.0
"""How long after its execution timeout a process is left to raise it itself."""


class Table(Protocol):
    """Who keeps the attempts."""

    def ended(self, attempt: Attempt, ended: inner.Ended) -> None:
        """The process reported its outcome."""
        ...

    def hung_up(self, attempt: Attempt) -> None:
        """The process can say no more."""
        ...

    def stop(self, attempt: Attempt, why: Stop, reason: str) -> None:
        """The process must be stopped."""
        ...


class Conversation:
    """Hear and answer processes."""

    def __init__(self, link: Link, timers: Timers, table: Table) -> None:
        self._link = link
        self._timers = timers
        self._table = table

    def heard(self, attempt: Attempt) -> None:
        """Take what a process said."""
        messages, more = attempt.receive()
        for message in messages:
            if isinstance(message, inner.Asked):
                self._asked(attempt, message)
            elif isinstance(message, inner.Began):
                self._began(attempt, message)
            else:
                self._table.ended(attempt, message)
        if not more and not attempt.closed:
            attempt.hang_up()
            self._table.hung_up(attempt)

    def ask(self, attempt: Attempt, question: Question, answered: Answered) -> None:
        """Ask the scheduler for an attempt, as long as there is one."""

        def still_wanted(reply: Reply) -> None:
            attempt.questions.discard(reply.seq)
            if not attempt.closed:
                answered(reply)

        attempt.questions.add(self._link.ask(question, still_wanted))

    def forget(self, seq: int) -> None:
        """Stop waiting for an answer."""
        self._link.forget(seq)

    def _asked(self, attempt: Attempt, asked: inner.Asked) -> None:
        call = asked.call
        if isinstance(call, Mask):
            attempt.masker.learn(call, {})
            attempt.send(inner.Answer(asked.seq))
            return
        if isinstance(call, SetRenderedFields):
            call = SetRenderedFields(fields=attempt.masker.json(call.fields))

        def answered(reply: Reply) -> None:
            # Known to be secret before user code can print it.
            attempt.masker.learn(call, reply.body)
            attempt.send(inner.Answer(asked.seq, reply.error, reply.message, reply.body))
            if reply.error == "fenced":
                self._table.stop(attempt, Stop.FENCED, "it is no longer the current attempt")

        request = Request(seq=0, attempt_id=attempt.attempt_id, nonce=attempt.nonce, call=call)
        self.ask(attempt, request, answered)

    def _began(self, attempt: Attempt, began: inner.Began) -> None:
        attempt.began = True
        if began.timeout_s is not None:
            # The process raises the timeout itself; this is for one that does not listen.
            reason = f"execution timeout: it ran longer than {began.timeout_s:g} s"
            self._timers.after(
                began.timeout_s + _TIMEOUT_GRACE_S,
                lambda: self._table.stop(attempt, Stop.TIMEOUT, reason),
            )
