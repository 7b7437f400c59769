"""The workers' API over HTTP: one path, see `tradewind.wire.remote`."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tradewind.actions.user_calls import UserCalls
from tradewind.errors import Unavailable, UserError
from tradewind.web.auth.signing import SigningKey
from tradewind.web.site import Site
from tradewind.web.workers.answering import Answering
from tradewind.web.workers.attempt_tokens import AttemptTokens
from tradewind.web.workers.log_intake import LogIntake
from tradewind.wire.messages import Reply
from tradewind.wire.remote import CONTENT_TYPE, PATH, STATUS, Answers, decode_batch, encode


def worker_route(site: Site, key: SigningKey) -> Route:
    """Return the route that remote workers speak to."""
    return Route(PATH, WorkerEndpoint(site, key), methods=["POST"])


class WorkerEndpoint:
    """Takes batches. An ASGI application, without what browsers and people need around it."""

    def __init__(self, site: Site, key: SigningKey) -> None:
        self._site = site
        self._key = key
        self._answering: Answering | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        body = await Request(scope, receive).body()
        response = await run_in_threadpool(self._answer, body)
        await response(scope, receive, send)

    def _answer(self, body: bytes) -> Response:
        if self._answering is None:  # secrets are opened when the first worker comes
            self._answering = _answering(self._site, self._key)
        try:
            batch = decode_batch(body)
        except UserError as error:
            return _refused("invalid", str(error))
        try:
            answers = self._answering.answer(batch)
        except Unavailable as error:
            return _refused("unavailable", str(error))
        return Response(encode(answers), _status(answers), media_type=CONTENT_TYPE)


def _answering(site: Site, key: SigningKey) -> Answering:
    return Answering(
        site.db,
        site.signal,
        site.clock,
        UserCalls(site.db, site.secrets, site.signal, site.clock),
        AttemptTokens(key, site.clock),
        LogIntake(site.config.logging.base_log_folder),
    )


def _status(answers: Answers) -> int:
    if len(answers.replies) != 1:
        return 200
    error = answers.replies[0].error
    return 200 if error is None else STATUS.get(error, 400)


def _refused(error: str, message: str) -> Response:
    """Return the answer to a whole batch: its one reply has no number."""
    answers = Answers(replies=(Reply(seq=0, error=error, message=message),))
    return Response(encode(answers), STATUS[error], media_type=CONTENT_TYPE)
