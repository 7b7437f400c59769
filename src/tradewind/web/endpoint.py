"""The route table: each endpoint with its method, path, access and shapes.

An endpoint is a function of a `Call`; its annotations are its contract, and the OpenAPI
document is generated from them:

    routes = Routes("DAG")

    @routes.get("/api/v2/dags/{dag_id}", Access.DAG_READ)
    def get_dag(call: Call[None, None]) -> DagResponse:
        ...

Sync endpoints run on threads beside the event loop; an async one (a stream) runs in it.
The name of the function is the operation's id, and the name of a change in the audit log.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tradewind.errors import Bug, TradewindError
from tradewind.store import audit
from tradewind.web.access import ALL_DAGS, Access, Caller
from tradewind.web.call import Call, check_path, decode_body, decode_query
from tradewind.web.idempotency import once
from tradewind.web.refusals import json, refusal
from tradewind.web.site import Site

Handler = Callable[[Call[Any, Any]], Any]
Identify = Callable[[Request], Caller]
F = TypeVar("F", bound=Callable[..., Any])
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ABOUT_SESSIONS = "/auth/"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the route table.

    audited: whether a success is a change that the audit log shows. repeatable: whether the
    handler knows a request again by `Call.request_key`, and does it once.
    """

    method: str
    path: str
    access: Access | None
    handler: Handler
    tag: str
    status: int = 200
    query: Any = None
    body: Any = None
    answers: Any = None
    audited: bool = False
    repeatable: bool = False

    @property
    def operation_id(self) -> str:
        """Return the operation's name."""
        return self.handler.__name__

    @property
    def is_async(self) -> bool:
        """Tell whether the handler runs in the event loop."""
        return inspect.iscoroutinefunction(self.handler)

    @property
    def takes_key(self) -> bool:
        """Tell whether a caller may name a request, so that a repeat of it changes nothing.

        Not where sessions are made and ended: what is answered there is not to be kept.
        """
        return (
            self.method not in SAFE_METHODS
            and self.access is not Access.PUBLIC
            and not self.path.startswith(_ABOUT_SESSIONS)
        )


class Routes:
    """Collect the endpoints of one resource."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.endpoints: list[Endpoint] = []

    def get(self, path: str, access: Access, *, status: int = 200) -> Callable[[F], F]:
        """Declare a reading endpoint."""
        return self._declare("GET", path, access, status, audited=False)

    def post(
        self,
        path: str,
        access: Access,
        *,
        status: int = 200,
        audited: bool = True,
        repeatable: bool = False,
    ) -> Callable[[F], F]:
        """Declare a POST; audited=False for one that changes nothing."""
        return self._declare("POST", path, access, status, audited=audited, repeatable=repeatable)

    def put(self, path: str, access: Access, *, status: int = 200) -> Callable[[F], F]:
        """Declare a PUT."""
        return self._declare("PUT", path, access, status, audited=True)

    def patch(
        self, path: str, access: Access, *, status: int = 200, audited: bool = True
    ) -> Callable[[F], F]:
        """Declare a PATCH; audited=False for a dry run."""
        return self._declare("PATCH", path, access, status, audited=audited)

    def delete(self, path: str, access: Access, *, status: int = 204) -> Callable[[F], F]:
        """Declare a DELETE."""
        return self._declare("DELETE", path, access, status, audited=True)

    def _declare(
        self,
        method: str,
        path: str,
        access: Access,
        status: int,
        *,
        audited: bool,
        repeatable: bool = False,
    ) -> Callable[[F], F]:
        def keep(handler: F) -> F:
            hints = typing.get_type_hints(handler)
            query, body = typing.get_args(hints["call"])
            self.endpoints.append(
                Endpoint(
                    method=method,
                    path=path,
                    access=access,
                    handler=handler,
                    tag=self.tag,
                    status=status,
                    query=query,
                    body=body,
                    answers=hints.get("return"),
                    audited=audited,
                    repeatable=repeatable,
                )
            )
            return handler

        return keep


def check_table(table: Iterable[Endpoint]) -> None:
    """Refuse a table with a route that does not say who may call it.

    Raises:
        Bug: it has one, or two of the same method and path.
    """
    seen: set[tuple[str, str]] = set()
    for endpoint in table:
        where = (endpoint.method, endpoint.path)
        if not isinstance(endpoint.access, Access):
            raise Bug(f"route {endpoint.method} {endpoint.path} declares no access")
        if where in seen:
            raise Bug(f"route {endpoint.method} {endpoint.path} is declared twice")
        seen.add(where)


def to_route(site: Site, identify: Identify, endpoint: Endpoint) -> Route:
    """Return an endpoint as the framework's route."""

    def call_of(request: Request, body: bytes) -> Call[Any, Any]:
        assert endpoint.access is not None
        caller = identify(request)
        caller.check(endpoint.access)
        check_path(request.path_params)
        dag_id = request.path_params.get("dag_id")
        if dag_id is not None and dag_id != ALL_DAGS:
            caller.require(dag_id, edit=endpoint.access is Access.DAG_EDIT)
        query = decode_query(request, endpoint.query)
        return Call(site, caller, request, query, decode_body(body, endpoint.body))

    route = f"{endpoint.method} {endpoint.path}"

    def answer(request: Request, body: bytes) -> Response:
        try:
            call = call_of(request, body)
            if not endpoint.takes_key:
                return _carry_out(endpoint, call)
            act = partial(_carry_out, endpoint, call)
            return once(call, route, body, act, repeatable=endpoint.repeatable)
        except TradewindError as error:
            return refusal(error)

    async def answer_in_loop(request: Request, body: bytes) -> Response:
        try:
            call = await run_in_threadpool(call_of, request, body)
            return _response(endpoint, await endpoint.handler(call))
        except TradewindError as error:
            return refusal(error)

    async def serve(request: Request) -> Response:
        body = await request.body() if endpoint.body is not types.NoneType else b""
        if endpoint.is_async:
            return await answer_in_loop(request, body)
        return await run_in_threadpool(answer, request, body)

    return Route(endpoint.path, serve, methods=[endpoint.method])


def _carry_out(endpoint: Endpoint, call: Call[Any, Any]) -> Response:
    result = endpoint.handler(call)
    if endpoint.audited:
        _record(endpoint, call)
    return _response(endpoint, result)


def _response(endpoint: Endpoint, result: Any) -> Response:
    if isinstance(result, Response):
        return result
    if endpoint.status == 204:
        return Response(status_code=204)
    return json(result, endpoint.status)


def _record(endpoint: Endpoint, call: Call[Any, Any]) -> None:
    """Write what was done into the audit log."""
    path = call.path
    details: dict[str, Any] = {
        name: text
        for name, text in path.items()
        if name not in {"dag_id", "dag_run_id", "task_id", "map_index"}
    }
    if call.before is not None:
        details["before"] = call.before
    if call.after is not None:
        details["after"] = call.after
    map_index = path.get("map_index", "")
    with call.site.db.write() as conn:
        audit.record(
            conn,
            endpoint.operation_id,
            actor=call.caller.name,
            now=call.site.clock.now(),
            dag_id=path.get("dag_id"),
            run_id=path.get("dag_run_id"),
            task_id=path.get("task_id"),
            map_index=int(map_index) if map_index.lstrip("-").isdigit() else None,
            details=details,
        )
