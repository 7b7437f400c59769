"""Questions to an API server: those that wait, those on their way, those that are held back."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tradewind.model.ids import AttemptId
from tradewind.wire.messages import AppendLog, Beat, Finish, Reply
from tradewind.worker.link import Answered, Question

_MOST = 64
"""Messages of one batch."""
_MOST_BYTES = 1 << 20
"""A batch is closed when its large values come to this much; one alone may be larger."""


class Outbox:
    """Every question that is not answered, in the order in which it was asked."""

    def __init__(self) -> None:
        self._seq = 0
        self._asked: dict[int, tuple[Question, Answered]] = {}
        self._waiting: list[int] = []
        self._sent: list[int] = []
        self._held: dict[AttemptId, list[int]] = {}
        self._most = _MOST

    def add(self, question: Question, answered: Answered) -> int:
        """Take a question; return its number."""
        self._seq += 1
        self._asked[self._seq] = (msgspec.structs.replace(question, seq=self._seq), answered)
        self._waiting.append(self._seq)
        return self._seq

    def forget(self, seq: int) -> None:
        """Drop a question: nobody waits for its answer."""
        self._asked.pop(seq, None)

    def find(self, seq: int) -> Question | None:
        """Return a question that is not answered."""
        return self._asked[seq][0] if seq in self._asked else None

    def next_batch(self) -> tuple[Question, ...]:
        """Return the questions to send now; they are on their way then."""
        batch: list[Question] = []
        size = 0
        while self._waiting and len(batch) < self._most:
            seq = self._waiting[0]
            question = self.find(seq)
            if question is not None:
                size += _size(question)
                if batch and size > _MOST_BYTES:
                    break
                batch.append(question)
                self._sent.append(seq)
            del self._waiting[0]
        return tuple(batch)

    def arrived(self) -> None:
        """Take note that the batch was answered."""
        self._sent.clear()
        self._most = _MOST

    def back(self, *, singly: bool = False) -> bool:
        """Put what was on its way back in front; singly: one message a batch from now on.

        Returns:
            whether that can help: a single message cannot be made smaller.
        """
        helps = len(self._sent) > 1
        if singly:
            self._most = 1
        self._waiting[:0] = self._sent
        self._sent.clear()
        return helps

    def answer(self, reply: Reply) -> None:
        """Give a reply to whoever asked."""
        _, answered = self._asked.pop(reply.seq, (None, None))
        if answered is not None:
            answered(reply)

    def refuse(self, chosen: Callable[[Question], bool], reply: Reply) -> None:
        """Answer all waiting questions of a kind alike."""
        for seq in list(self._waiting):
            question = self.find(seq)
            if question is not None and chosen(question):
                self._waiting.remove(seq)
                self.answer(msgspec.structs.replace(reply, seq=seq))

    def hold(self, attempt_id: AttemptId, seq: int) -> bool:
        """Keep a question back until its attempt has a new token; True for the first one."""
        first = attempt_id not in self._held
        self._held.setdefault(attempt_id, []).append(seq)
        return first

    def release(self, attempt_id: AttemptId) -> list[int]:
        """Let an attempt's questions wait again; return them."""
        seqs = self._held.pop(attempt_id, [])
        self._waiting[:0] = seqs
        return seqs

    def owed(self) -> list[AttemptId]:
        """Return the attempts whose outcomes nobody has taken."""
        return [q.attempt_id for q, _ in self._asked.values() if isinstance(q, Finish)]


def is_beat(question: Question) -> bool:
    """Tell whether a question is a beat: one that is late is worth nothing."""
    return isinstance(question, Beat)


def _size(question: Question) -> int:
    if isinstance(question, AppendLog):
        return len(question.lines)
    if isinstance(question, Finish):
        return sum(len(x.value) for x in question.xcoms)
    return 0
