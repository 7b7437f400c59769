"""Answer the calls that user code makes through its attempt.

A call names the attempt and the nonce of its claim; one that is not current is answered
"fenced". Reads are answered at once; an XCom that user code pushes while it runs becomes part
of the turn, and is answered after the commit.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from tradewind.actions.trigger import trigger
from tradewind.clock import Clock
from tradewind.errors import TradewindError
from tradewind.model.ids import TiKey
from tradewind.model.run import Run
from tradewind.scheduler.board import Board
from tradewind.scheduler.callbacks import Callbacks
from tradewind.scheduler.deferral import Deferrals
from tradewind.scheduler.work import Work
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.read import worker as reads
from tradewind.store.secrets import Secrets
from tradewind.store.signal import Signal
from tradewind.store.turn import RenderedWrite, XComWrite
from tradewind.wire.messages import (
    DeleteVariable,
    DeleteXCom,
    GetConnection,
    GetVariable,
    ListVariables,
    Reply,
    Request,
    SetRenderedFields,
    SetVariable,
    SetXCom,
    TriggerRun,
)
from tradewind.wire.replies import refusal

log = logging.getLogger(__name__)


class Caller(msgspec.Struct, frozen=True):
    """Who calls: a task instance (task_id "" for a DAG's callback) of a run."""

    ti: TiKey
    attempt_id: str
    run: Run


class Calls:
    """Answer requests."""

    def __init__(
        self,
        db: Database,
        board: Board,
        deferrals: Deferrals,
        callbacks: Callbacks,
        secrets: Secrets,
        signal: Signal,
        clock: Clock,
    ) -> None:
        self._db = db
        self._board = board
        self._deferrals = deferrals
        self._callbacks = callbacks
        self._secrets = secrets
        self._signal = signal
        self._clock = clock

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
            ti = trigger_.deferral.ti
            entry = self._board.runs.get(ti.run_pk)
            return Caller(ti, attempt_id, entry.live.run) if entry is not None else None
        return None

    def _do(self, work: Work, caller: Caller, request: Request) -> dict[str, Any]:
        call = request.call
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
        if isinstance(call, TriggerRun):
            return self._trigger(caller, request, call)
        if isinstance(
            call, GetVariable | SetVariable | DeleteVariable | ListVariables | GetConnection
        ):
            return self._secret(call)
        return reads.answer(self._db, caller.run, caller.ti, call)

    def _secret(
        self, call: GetVariable | SetVariable | DeleteVariable | ListVariables | GetConnection
    ) -> dict[str, Any]:
        if isinstance(call, GetVariable):
            return {"value": self._secrets.get_variable(call.key)}
        if isinstance(call, GetConnection):
            return msgspec.to_builtins(self._secrets.get_connection(call.conn_id))  # type: ignore[no-any-return]
        if isinstance(call, SetVariable):
            self._secrets.set_variable(call.key, call.value, call.description)
            return {}
        if isinstance(call, DeleteVariable):
            self._secrets.delete_variable(call.key)
            return {}
        return {"keys": self._secrets.variable_keys(call.prefix)}

    def _trigger(self, caller: Caller, request: Request, call: TriggerRun) -> dict[str, Any]:
        """Start a run; the same request again (its answer was lost) is answered the same."""
        run = trigger(
            self._db,
            self._signal,
            self._clock,
            call.dag_id,
            run_id=call.run_id,
            conf=call.conf,
            logical_date=call.logical_date,
            run_after=call.run_after,
            note=call.note,
            reset=call.reset,
            fail_when_paused=call.fail_when_paused,
            triggered_by="operator",
            user=f"task {caller.run.dag_id}.{caller.ti.task_id}",
            key=f"{request.attempt_id} {request.nonce} {request.seq}",
        )
        return {"run_id": run.run_id}
