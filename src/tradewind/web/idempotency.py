"""Carry out a request that names itself once, however often it arrives.

A client that got no answer cannot know whether a change was made. With a key of its choice in
the header `Idempotency-Key` it may send the same request again: what was answered the first time
is answered again, and nothing is done (as in the IETF's draft "The Idempotency-Key HTTP Header
Field").

* A key is its caller's own, and of one route. The same key with another path, query or body is a
  mistake of the client: 422.
* What is refused changed nothing and is not kept: the next request with the key is tried anew.
* A request that is being carried out, or whose server died in the middle of it, has no answer:
  409. Only looking tells what became of it, and that is what the answer says.
* Some routes know their requests again (`repeatable`): they are given what names the request, and
  do nothing when it was done before. There a request without an answer is carried out again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tradewind.errors import Conflict, UserError
from tradewind.store import kept_answers
from tradewind.store.kept_answers import Earlier, KeptAnswer
from tradewind.web.call import Call
from tradewind.web.refusals import invalid

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
MAX_KEY_CHARACTERS = 255
GIVEN_UP = timedelta(seconds=60)
"""No request is carried out for longer: a statement of the database has as much."""
KEY_PATTERN = f"^[!-~]{{1,{MAX_KEY_CHARACTERS}}}$"


class Unanswered(Conflict):
    """The first request with this Idempotency-Key has no answer: it is being carried out, or was
    cut off. Wait and send it again; if this lasts, look whether it was done before you use
    another key.
    """  # noqa: D205  the message, in one


def once(
    call: Call[Any, Any],
    route: str,
    body: bytes,
    act: Callable[[], Response],
    *,
    repeatable: bool = False,
) -> Response:
    """Carry out a request, unless it was carried out before; return its answer.

    Args:
        call: the request, which its caller may make.
        route: the method and the path of the route.
        body: the request's body.
        act: carries it out.
        repeatable: whether it may be carried out again when nobody knows what became of it.

    Raises:
        Invalid: the key cannot be one, or named another request before.
        Unanswered: the request before has no answer.
        TradewindError: what `act` raises.
    """
    key = _key_of(call.request)
    if key is None:
        return act()
    db, box = call.site.db, call.site.box
    request_id = _digest(call.caller.name, route, key)
    digest = _digest(call.request.url.path, call.request.url.query, body.hex())
    call.request_key = f"request:{request_id}:{digest}"
    now = call.site.clock.now()
    earlier = kept_answers.begin(db, box, request_id, digest, now)
    if earlier is not None:
        lost = repeatable and earlier.digest == digest and now - earlier.at > GIVEN_UP
        if not lost or not kept_answers.take_over(db, request_id, earlier, now):
            return _again(earlier, digest)
    try:
        response = act()
    except (UserError, Conflict):
        kept_answers.forget(db, request_id)
        raise
    except Exception:
        if repeatable:
            kept_answers.forget(db, request_id)
        raise
    answer = KeptAnswer(
        status=response.status_code, media_type=response.media_type, body=bytes(response.body)
    )
    kept_answers.finish(db, box, request_id, answer)
    return response


def _key_of(request: Request) -> str | None:
    given = request.headers.getlist(KEY_HEADER)
    if not given:
        return None
    key = given[0]
    if len(given) > 1:
        raise invalid(KEY_HEADER, "is given more than once", where="header")
    if len(key) > MAX_KEY_CHARACTERS:
        raise invalid(KEY_HEADER, f"is longer than {MAX_KEY_CHARACTERS} characters", where="header")
    if not key or not all("!" <= character <= "~" for character in key):
        what = "takes printable ASCII characters without spaces, at least one"
        raise invalid(KEY_HEADER, what, where="header")
    return key


def _again(earlier: Earlier, digest: str) -> Response:
    if earlier.digest != digest:
        what = "named another request before (its path, query or body differ); use a new key"
        raise invalid(KEY_HEADER, what, where="header")
    if earlier.answer is None:
        raise Unanswered
    answer = earlier.answer
    response = Response(answer.body, answer.status, media_type=answer.media_type)
    response.headers[REPLAYED_HEADER] = "true"
    return response


def _digest(*parts: str) -> str:
    whole = "\x00".join(parts)
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
