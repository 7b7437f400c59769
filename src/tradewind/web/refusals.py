"""Errors as Airflow's API shows them: {"detail": …}."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response

from tradewind.actions.respond import NotTheirs
from tradewind.actions.sign_in import Refused, TooMany
from tradewind.errors import (
    AlreadyExists,
    Conflict,
    NotFound,
    TradewindError,
    Unavailable,
    UserError,
)
from tradewind.web.access import Forbidden, NotSignedIn

log = logging.getLogger(__name__)


class Problem(NamedTuple):
    """What is wrong with one field: where it is, why, of which kind, and what was given."""

    loc: tuple[str | int, ...]
    msg: str
    type: str
    input: Any


class Invalid(UserError):
    """The request's query or body is not right."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, p.loc))}: {p.msg}" for p in problems))
        self.problems = tuple(problems)


def invalid(name: str, message: str, value: Any = None, where: str = "body") -> Invalid:
    """Return the error about one field."""
    return Invalid([Problem((where, name), message, "value_error", value)])


_STATUS: tuple[tuple[type[TradewindError], int], ...] = (
    (NotSignedIn, 401),
    (Refused, 401),
    (Forbidden, 403),
    (NotTheirs, 403),
    (NotFound, 404),
    (AlreadyExists, 409),
    (Conflict, 409),
    (Invalid, 422),
    (TooMany, 429),
    (UserError, 400),
    (Unavailable, 503),
)


def json(content: object, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def refusal(error: TradewindError) -> Response:
    """Return the response to one of our errors."""
    if isinstance(error, Invalid):
        return json({"detail": [p._asdict() for p in error.problems]}, 422)
    status = next((s for kind, s in _STATUS if isinstance(error, kind)), 500)
    if status == 500:
        # What went wrong inside may name files and settings: that is for the log.
        log.error("a request failed: %s", error, exc_info=error)
        return json({"detail": "internal error; the server's log has it"}, 500)
    response = json({"detail": str(error)}, status)
    if isinstance(error, NotSignedIn):
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
