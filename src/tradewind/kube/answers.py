"""What an answer of the API server means for what was asked: a table.

Three things can follow. It is *done* (also when it was done before: names come from the attempt
id). It is worth another *try*, for as long as it takes. Or it is *refused*: trying again gives
the same, and the reason is the task's. A quota that is full says 403 like a missing right does;
only the text tells them apart.
"""

from __future__ import annotations

from enum import Enum

import msgspec


class Answer(Enum):
    """What follows from an answer."""

    DONE = "done"
    EXISTS = "exists"
    """Something of this name is there; it is ours if its label says so."""
    AGAIN = "again"
    REFUSED = "refused"


class Judgement(msgspec.Struct, frozen=True):
    """An answer's meaning. retry_after_s: how long the server asks to be left alone."""

    answer: Answer
    reason: str = ""
    retry_after_s: float | None = None


class Rule(msgspec.Struct, frozen=True):
    """A row of a table. says: part of the reason or message, in lower case; "" is any."""

    status: int
    answer: Answer
    says: str = ""


_LONGEST = 300

CREATE = (
    Rule(409, Answer.EXISTS, "alreadyexists"),
    Rule(409, Answer.AGAIN),  # quota conflict, "object has been modified"
    Rule(403, Answer.AGAIN, "exceeded quota"),
    Rule(403, Answer.AGAIN, "status unknown for quota"),
    Rule(408, Answer.AGAIN),
    Rule(429, Answer.AGAIN),
)
DELETE = (
    Rule(404, Answer.DONE),
    Rule(409, Answer.DONE),  # the precondition names another pod: ours is gone
    Rule(408, Answer.AGAIN),
    Rule(429, Answer.AGAIN),
)


class _Status(msgspec.Struct):
    """The API server's `Status` object."""

    reason: str = ""
    message: str = ""


def judge(
    table: tuple[Rule, ...],
    status: int,
    body: bytes = b"",
    retry_after: str | None = None,
) -> Judgement:
    """Return what an answer means.

    Args:
        table: `CREATE` or `DELETE`.
        status: of HTTP; 0: there was no answer.
        body: the answer's.
        retry_after: that header's value.
    """
    if 200 <= status < 300:
        return Judgement(Answer.DONE)
    if status == 0:
        why = body[:_LONGEST].decode(errors="replace")
        return Judgement(Answer.AGAIN, f"the API server does not answer: {why}".removesuffix(": "))
    told = _read(body)
    text = f"{told.reason} {told.message}".lower()
    reason = f"Kubernetes says {status}: {told.message or told.reason or 'no reason given'}"
    for rule in table:
        if rule.status == status and rule.says in text:
            return Judgement(rule.answer, reason, _seconds(retry_after))
    if status >= 500:
        return Judgement(Answer.AGAIN, reason, _seconds(retry_after))
    return Judgement(Answer.REFUSED, reason)


def _read(body: bytes) -> _Status:
    try:
        return msgspec.json.decode(body, type=_Status)
    except msgspec.DecodeError:
        return _Status(message=body[:200].decode(errors="replace"))


def _seconds(retry_after: str | None) -> float | None:
    try:
        return max(0.0, float(retry_after)) if retry_after else None
    except ValueError:
        return None
