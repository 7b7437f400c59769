"""What a row of Celery's result backend says about an attempt. Pure.

A worker writes a row when the task that ran an attempt ends. That the attempt itself ended well
or badly was told to an API server before, so such a row adds nothing. Two rows do:

* FAILURE: the worker lost what ran the attempt (its supervisor died) and no outcome was accepted;
* REVOKED: somebody took the message away, for example in Flower.

The scheduler reads the status and the exception's name, as text. It never unpickles or otherwise
interprets what a row contains.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tradewind.executors.base import Fact, Gone
from tradewind.model.ids import AttemptId


class ResultRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `celery_taskmeta`. result: JSON that a worker wrote, or anything else."""

    task_id: str
    status: str
    result: bytes | None = None


class _Failure(msgspec.Struct, frozen=True):
    exc_message: list[str] | str = ""


_failure: msgspec.json.Decoder[_Failure] = msgspec.json.Decoder(_Failure)
_LONGEST = 200


def facts_of(rows: Iterable[ResultRow]) -> list[Fact]:
    """Return what rows say of attempts that have no outcome."""
    return [fact for row in rows if (fact := _fact_of(row)) is not None]


def _fact_of(row: ResultRow) -> Fact | None:
    attempt_id = AttemptId(row.task_id)
    if row.status == "REVOKED":
        return Gone(attempt_id=attempt_id, reason="it was revoked in Celery", before_start=True)
    if row.status == "FAILURE":
        return Gone(attempt_id=attempt_id, reason=f"Celery: {_message(row.result)}")
    return None


def _message(result: bytes | None) -> str:
    try:
        message = _failure.decode(result or b"").exc_message
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "its task failed"
    text = message if isinstance(message, str) else " ".join(message)
    return text[:_LONGEST] or "its task failed"
