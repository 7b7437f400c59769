"""Errors over the wire: as a code in a `Reply`, and back as the exception."""

from __future__ import annotations

from tradewind.errors import AlreadyExists, Fenced, NotFound, TradewindError, Unavailable, UserError
from tradewind.wire.messages import Reply

_CODES: tuple[tuple[str, type[TradewindError]], ...] = (
    ("not_found", NotFound),
    ("already_exists", AlreadyExists),
    ("paused", UserError),
    ("invalid", UserError),
    ("fenced", Fenced),
    ("unavailable", Unavailable),
)
"""Narrow kinds before wide ones: the first that fits is sent."""


def refusal(seq: int, error: Exception) -> Reply:
    """Return the reply that says why a call was refused."""
    fitting = (code for code, kind in _CODES if code != "paused" and isinstance(error, kind))
    return Reply(seq=seq, error=next(fitting, "unavailable"), message=str(error))


def error_of(code: str, message: str | None) -> TradewindError:
    """Return the exception that a code stands for; an unknown one is `Unavailable`."""
    return dict(_CODES).get(code, Unavailable)(message or code)


def raise_refusal(reply: Reply) -> None:
    """Raise what a reply refuses; return when it refuses nothing.

    Raises:
        TradewindError: NotFound, AlreadyExists, UserError, Fenced or Unavailable.
    """
    if reply.error is not None:
        raise error_of(reply.error, reply.message)
