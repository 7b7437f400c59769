"""The first paths of the REST API, in Airflow's shape: DAGs, runs, tasks, import errors.

Endpoints are sync functions: Starlette runs them on its threads, beside the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tradewind import __version__
from tradewind.actions.pause import pause
from tradewind.actions.trigger import trigger
from tradewind.clock import Clock
from tradewind.errors import (
    AlreadyExists,
    Conflict,
    NotFound,
    TradewindError,
    Unavailable,
    UserError,
)
from tradewind.model.run import Run
from tradewind.model.state import RunState
from tradewind.store.connect import Database
from tradewind.store.read import dags, runs, tasks
from tradewind.store.signal import Signal
from tradewind.web import shapes

_PAGE = 50
_LONGEST_PAGE = 100
_EVERYTHING = "~"
_T = TypeVar("_T")


class TriggerBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a trigger takes. logical_date has to be given, null for none, as in Airflow."""

    logical_date: datetime | None
    dag_run_id: str | None = None
    run_after: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    conf: dict[str, Any] | None = None
    note: str | None = None


class DagPatch(msgspec.Struct, forbid_unknown_fields=True):
    """What may be changed of a DAG."""

    is_paused: bool


class Invalid(UserError):
    """The request's body or query is not right."""


def json(content: object, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def error_response(error: TradewindError) -> Response:
    """Return an error as Airflow's API shows it: {"detail": …}."""
    return json({"detail": str(error)}, _status(error))


def _status(error: TradewindError) -> int:
    for kind, status in (
        (NotFound, 404),
        (AlreadyExists, 409),
        (Conflict, 409),
        (Invalid, 422),
        (UserError, 400),
        (Unavailable, 503),
    ):
        if isinstance(error, kind):
            return status
    return 500


class Api:
    """The endpoints over one database."""

    def __init__(self, db: Database, signal: Signal, clock: Clock) -> None:
        self._db = db
        self._signal = signal
        self._clock = clock

    def routes(self) -> list[Route]:
        """Return the routes, relative to /api/v2."""
        dag, run = "/dags/{dag_id}", "/dags/{dag_id}/dagRuns/{run_id}"
        reading: dict[str, Callable[[Request], Response]] = {
            "/version": self.version,
            "/dags": self.list_dags,
            dag: self.get_dag,
            f"{dag}/dagRuns": self.list_runs,
            run: self.get_run,
            f"{run}/taskInstances": self.list_tasks,
            "/importErrors": self.list_import_errors,
        }
        return [
            Route(f"{dag}/dagRuns", self.trigger, methods=["POST"]),
            Route(dag, self.patch_dag, methods=["PATCH"]),
            *(Route(path, guarded(endpoint)) for path, endpoint in reading.items()),
        ]

    def version(self, _: Request) -> Response:
        """Return the version."""
        return json({"version": __version__, "git_version": None})

    def list_dags(self, request: Request) -> Response:
        """Return DAGs."""
        limit, offset = _page(request)
        pattern = request.query_params.get("dag_id_pattern")
        found = dags.dags(self._db, pattern=pattern, limit=limit, offset=offset)
        total = dags.count_dags(self._db, pattern=pattern)
        return json({"dags": [shapes.dag_shape(d) for d in found], "total_entries": total})

    def get_dag(self, request: Request) -> Response:
        """Return one DAG."""
        return json(shapes.dag_shape(self._dag(request.path_params["dag_id"])))

    async def patch_dag(self, request: Request) -> Response:
        """Pause or unpause a DAG."""
        try:
            body = _decode(await request.body(), DagPatch)
            dag_id = request.path_params["dag_id"]
            change = partial(pause, self._db, self._signal, self._clock, dag_id)
            await run_in_threadpool(change, paused=body.is_paused)
            return json(shapes.dag_shape(await run_in_threadpool(self._dag, dag_id)))
        except TradewindError as error:
            return error_response(error)

    async def trigger(self, request: Request) -> Response:
        """Trigger a run."""
        try:
            body = _decode(await request.body(), TriggerBody)
            start = _aware("data_interval_start", body.data_interval_start)
            end = _aware("data_interval_end", body.data_interval_end)
            if (start is None) != (end is None):
                raise Invalid(
                    "data_interval_start and data_interval_end come together or not at all"
                )
            created = await run_in_threadpool(
                trigger,
                self._db,
                self._signal,
                self._clock,
                request.path_params["dag_id"],
                run_id=body.dag_run_id,
                conf=body.conf,
                logical_date=_aware("logical_date", body.logical_date),
                run_after=_aware("run_after", body.run_after),
                interval=(start, end) if start and end else None,
                note=body.note,
                triggered_by="rest_api",
            )
            return json(shapes.run_shape(created))
        except TradewindError as error:
            return error_response(error)

    def list_runs(self, request: Request) -> Response:
        """Return the runs of a DAG, or of all ("~"), the latest first."""
        limit, offset = _page(request)
        dag_id: str | None = request.path_params["dag_id"]
        if dag_id == _EVERYTHING:
            dag_id = None
        else:
            self._dag(request.path_params["dag_id"])
        try:
            states = [RunState(s) for s in request.query_params.getlist("state")]
        except ValueError as error:
            raise Invalid(str(error)) from error
        found = runs.runs(self._db, dag_id, states=states, limit=limit, offset=offset)
        total = runs.count_runs(self._db, dag_id, states=states)
        return json({"dag_runs": [shapes.run_shape(r) for r in found], "total_entries": total})

    def get_run(self, request: Request) -> Response:
        """Return one run."""
        return json(shapes.run_shape(self._run(request)))

    def list_tasks(self, request: Request) -> Response:
        """Return the task instances of a run."""
        run = self._run(request)
        limit, offset = _page(request)
        found = tasks.instances(self._db, run.run_pk)
        page = [shapes.task_shape(run, ti) for ti in found[offset : offset + limit]]
        return json({"task_instances": page, "total_entries": len(found)})

    def list_import_errors(self, _: Request) -> Response:
        """Return the DAG files that do not import."""
        found = [shapes.import_error_shape(f) for f in dags.files(self._db, broken=True)]
        return json({"import_errors": found, "total_entries": len(found)})

    def _dag(self, dag_id: str) -> dags.DagRow:
        found = dags.dag(self._db, dag_id)
        if found is None:
            raise NotFound(f"there is no DAG {dag_id!r}")
        return found

    def _run(self, request: Request) -> Run:
        dag_id, run_id = request.path_params["dag_id"], request.path_params["run_id"]
        found = runs.run(self._db, dag_id, run_id)
        if found is None:
            raise NotFound(f"DAG {dag_id!r} has no run {run_id!r}")
        return found


def guarded(endpoint: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Return the endpoint with our errors answered as JSON."""

    def answer(request: Request) -> Response:
        try:
            return endpoint(request)
        except TradewindError as error:
            return error_response(error)

    return answer


def _page(request: Request) -> tuple[int, int]:
    try:
        limit = int(request.query_params.get("limit", _PAGE))
        offset = int(request.query_params.get("offset", 0))
    except ValueError as error:
        raise Invalid("limit and offset are whole numbers") from error
    if limit < 0 or offset < 0:
        raise Invalid("limit and offset are not negative")
    return min(limit, _LONGEST_PAGE), offset


def _decode(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Invalid(str(error)) from error


def _aware(name: str, at: datetime | None) -> datetime | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise Invalid(f"{name} needs a time zone: {at.isoformat()}+00:00 is UTC")
    return at.astimezone(UTC)
