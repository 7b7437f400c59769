"""Answer the calls of user code that write nothing of its attempt's own.

The same for a local attempt, whose calls reach the leader, and for a remote one, whose calls
reach an API server. Who calls, and whether its attempt is current, was found out before.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tradewind.actions.trigger import trigger
from tradewind.clock import Clock
from tradewind.model.ids import TiKey
from tradewind.model.run import Run
from tradewind.store.connect import Database
from tradewind.store.read import worker as reads
from tradewind.store.secrets import Secrets
from tradewind.store.signal import Signal
from tradewind.wire.messages import (
    DeleteVariable,
    GetConnection,
    GetVariable,
    ListVariables,
    Request,
    SetVariable,
    TriggerRun,
)

_Secret = GetVariable | SetVariable | DeleteVariable | ListVariables | GetConnection


class Caller(msgspec.Struct, frozen=True):
    """Who calls: a task instance (task_id "" for a DAG's callback) of a run."""

    ti: TiKey
    attempt_id: str
    run: Run


class UserCalls:
    """Answer requests."""

    def __init__(self, db: Database, secrets: Secrets, signal: Signal, clock: Clock) -> None:
        self._db = db
        self._secrets = secrets
        self._signal = signal
        self._clock = clock

    def answer(self, caller: Caller, request: Request) -> dict[str, Any]:
        """Return the body of the reply.

        Raises:
            TradewindError: NotFound, AlreadyExists, UserError: the call cannot be answered.
            Bug: the call writes something of the attempt's own.
        """
        call = request.call
        if isinstance(call, TriggerRun):
            return self._trigger(caller, request, call)
        if isinstance(call, _Secret):
            return self._secret(call)
        return reads.answer(self._db, caller.run, caller.ti, call)

    def _secret(self, call: _Secret) -> dict[str, Any]:
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
