"""Answer the calls of user code that write nothing of its attempt's own.

The same for a local attempt, whose calls reach the leader, and for a remote one, whose calls
reach an API server. Who calls, and whether its attempt is current, was found out before.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tradewind.actions.trigger import trigger
from tradewind.clock import Clock
from tradewind.errors import NotFound
from tradewind.model.ids import TiKey
from tradewind.model.run import Run
from tradewind.store import states
from tradewind.store.connect import Database
from tradewind.store.read import worker as reads
from tradewind.store.read.paging import Slice
from tradewind.store.secrets import Secrets
from tradewind.store.signal import Signal
from tradewind.store.states import Place
from tradewind.wire.messages import (
    DeleteVariable,
    DropState,
    GetConnection,
    GetState,
    GetVariable,
    ListVariables,
    Request,
    SetState,
    SetVariable,
    TriggerRun,
)

_State = GetState | SetState | DropState
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
        if isinstance(call, _State):
            return self._state(caller, request, call)
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

    def _state(self, caller: Caller, request: Request, call: _State) -> dict[str, Any]:
        """Read what a task or an asset keeps, or write it while the attempt is current."""
        name, uri, now = call.asset_name, call.asset_uri, self._clock.now()
        if isinstance(call, GetState):
            with self._db.read() as conn:
                place = states.asset_called(conn, name, uri) if name or uri else _own(caller)
            found = states.find(self._db, place, now, Slice(limit=1), call.key)[0] if place else []
            if not found:
                raise NotFound(f"nothing is kept under {call.key!r}")
            return {"value": found[0].value}
        with self._db.write() as conn:
            states.must_run(conn, request.attempt_id, request.nonce)
            make = isinstance(call, SetState)
            place = _own(caller)
            if name or uri:
                place = states.asset_called(conn, name, uri, make=make)
            if place is None and make:
                raise NotFound(f"there is no asset {name or uri!r}")
            if place is not None and isinstance(call, SetState):
                states.put(conn, place, call.key, call.value, now, call.expires_at, by=_who(caller))
            elif place is not None and isinstance(call, DropState):
                states.drop(conn, place, call.key)
        return {}

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


def _own(caller: Caller) -> Place | None:
    return states.of_task(caller.ti)


def _who(caller: Caller) -> dict[str, Any]:
    """Return a task as the one who keeps a value of an asset."""
    return {
        "kind": "task",
        "dag_id": caller.run.dag_id,
        "run_id": caller.run.run_id,
        "task_id": caller.ti.task_id,
        "map_index": caller.ti.map_index,
    }
