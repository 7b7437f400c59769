"""Answer the calls that user code makes through its attempt.

A call names the attempt and the nonce of its claim; one that is not current is answered
"fenced". Reads are answered at once; an XCom that user code pushes while it runs becomes part
of the turn, and is answered after the commit.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from tradewind.actions.user_calls import Caller, UserCalls
from tradewind.errors import TradewindError, UserError
from tradewind.model.ids import UNMAPPED, AttemptId, TiKey
from tradewind.model.run import Run
from tradewind.model.state import RunState, RunType
from tradewind.scheduler.board import Board
from tradewind.scheduler.callbacks import Callbacks
from tradewind.scheduler.deferral import Deferrals
from tradewind.scheduler.triggers import Watcher
from tradewind.scheduler.work import Work
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.turn import RenderedWrite, XComWrite
from tradewind.wire.messages import (
    DeleteXCom,
    Reply,
    Request,
    SetRenderedFields,
    SetXCom,
)
from tradewind.wire.replies import refusal

log = logging.getLogger(__name__)

_OF_TASKS = (SetXCom, DeleteXCom, SetRenderedFields)
_NEVER = datetime.max.replace(tzinfo=UTC)


class Calls:
    """Answer requests."""

    def __init__(
        self,
        db: Database,
        board: Board,
        deferrals: Deferrals,
        callbacks: Callbacks,
        user_calls: UserCalls,
    ) -> None:
        self._db = db
        self._board = board
        self._deferrals = deferrals
        self._callbacks = callbacks
        self._user_calls = user_calls

    def answer(self, work: Work, peer_id: str, request: Request) -> None:
        """Answer one request within a turn."""
        caller = self._caller(request)
        if caller is None:
            message = "this attempt is no longer the current one"
            work.reply(peer_id, Reply(seq=request.seq, error="fenced", message=message))
            return
        try:
            body = self._do(work, caller, request)
            reply = Reply(seq=request.seq, body=body)
        except TradewindError as error:
            reply = refusal(request.seq, error)
        work.reply(peer_id, reply)

    def _caller(self, request: Request) -> Caller | None:
        attempt_id, nonce = request.attempt_id, request.nonce
        live = self._board.attempts.get(attempt_id)
        if live is not None:
            entry = self._board.runs.get(live.ti.run_pk)
            if live.nonce == nonce and entry is not None:
                return Caller(live.ti, attempt_id, entry.live.run)
            return None
        callback = self._callbacks.current(attempt_id, nonce)
        if callback is not None:
            owed = callback.owed
            run = scheduling.run(self._db, owed.run_pk)
            ti = TiKey(owed.run_pk, owed.task_id or "", owed.map_index)
            return Caller(ti, attempt_id, run) if run is not None else None
        trigger_ = self._deferrals.current(attempt_id, nonce)
        if trigger_ is not None:
            subject = trigger_.subject
            if isinstance(subject, Watcher):
                return _watching(subject, attempt_id)
            ti = subject.ti
            entry = self._board.runs.get(ti.run_pk)
            return Caller(ti, attempt_id, entry.live.run) if entry is not None else None
        return None

    def _do(self, work: Work, caller: Caller, request: Request) -> dict[str, Any]:
        call = request.call
        if caller.run.run_pk == 0 and isinstance(call, _OF_TASKS):
            raise UserError(f"{type(call).__name__}: only a task can do this")
        if isinstance(call, SetXCom):
            work.turn.xcoms.append(
                XComWrite(
                    ti=caller.ti,
                    attempt_id=request.attempt_id,
                    key=call.key,
                    value=call.value,
                )
            )
            return {}
        if isinstance(call, DeleteXCom):
            work.turn.xcoms_gone.append((caller.ti, call.key))
            return {}
        if isinstance(call, SetRenderedFields):
            work.turn.rendered.append(
                RenderedWrite(ti=caller.ti, attempt_id=request.attempt_id, fields=call.fields)
            )
            return {}
        return self._user_calls.answer(caller, request)


def _watching(watcher: Watcher, attempt_id: AttemptId) -> Caller:
    """Return a watcher's trigger as a caller: of its DAG, in no run."""
    run = Run(
        run_pk=0,
        dag_id=watcher.dag_id,
        run_id="",
        run_type=RunType.ASSET_TRIGGERED,
        state=RunState.RUNNING,
        version_id=0,
        run_after=_NEVER,
    )
    return Caller(TiKey(0, "", UNMAPPED), attempt_id, run)
