"""Answer remote workers that run callbacks."""

from __future__ import annotations

from tradewind.actions.user_calls import Caller, UserCalls
from tradewind.clock import Clock
from tradewind.errors import Fenced
from tradewind.model.outcome import Vanished
from tradewind.store import callbacks
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.web.workers.ends import FENCED
from tradewind.wire.messages import (
    Assignment,
    CallbackDone,
    Claim,
    DeleteXCom,
    Finish,
    Reply,
    Request,
    SetRenderedFields,
    SetXCom,
)
from tradewind.wire.remote import decode_assignment


class CallbackAnswering:
    """Answer claims, calls and ends of callbacks."""

    def __init__(self, db: Database, clock: Clock, user_calls: UserCalls) -> None:
        self._db = db
        self._clock = clock
        self._user_calls = user_calls

    def claim(self, message: Claim) -> Assignment:
        """Claim a callback and return what to run.

        Raises:
            NotFound: there is no such callback.
            Fenced: another worker has it, or it ran.
        """
        offered = callbacks.claim(self._db, message.attempt_id, message.claim_token, message.nonce)
        return decode_assignment(offered.assignment)

    def answer(self, message: Finish | CallbackDone | Request) -> Reply:
        """Answer a call, or note the end.

        Raises:
            Fenced: the callback is not this worker's any more.
            TradewindError: the call cannot be answered.
        """
        if isinstance(message, Request):
            return self._call(message)
        news: dict[str, object] | None = None
        if isinstance(message, CallbackDone):
            news = {"error": message.error}
        elif isinstance(message.outcome, Vanished):
            news = {"lost": message.outcome.reason}
        if news is not None:
            callbacks.end(self._db, message.attempt_id, message.nonce, news, self._clock.now())
        return Reply(seq=message.seq)

    def _call(self, message: Request) -> Reply:
        if isinstance(message.call, SetXCom | DeleteXCom | SetRenderedFields):
            text = "a callback has no XComs and rendered fields of its own"
            return Reply(seq=message.seq, error="invalid", message=text)
        offered = callbacks.find(self._db, message.attempt_id, message.nonce)
        run = scheduling.run(self._db, offered.ti.run_pk) if offered is not None else None
        if offered is None or run is None:
            raise Fenced(FENCED)
        caller = Caller(offered.ti, message.attempt_id, run)
        return Reply(seq=message.seq, body=self._user_calls.answer(caller, message))
