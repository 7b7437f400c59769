"""The workers' API over HTTP: one path, see `tradewind.wire.remote`."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

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
    answering: list[Answering] = []

    def answer(body: bytes) -> Response:
        if not answering:  # secrets are opened when the first worker comes
            answering.append(_answering(site, key))
        try:
            batch = decode_batch(body)
        except UserError as error:
            return _refused("invalid", str(error))
        try:
            answers = answering[0].answer(batch)
        except Unavailable as error:
            return _refused("unavailable", str(error))
        return Response(encode(answers), _status(answers), media_type=CONTENT_TYPE)

    async def serve(request: Request) -> Response:
        return await run_in_threadpool(answer, await request.body())

    return Route(PATH, serve, methods=["POST"])


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
