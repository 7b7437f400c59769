"""The DAG list, and what the frame around a DAG's page shows."""

from __future__ import annotations

from typing import Any, cast, get_args

from sqlalchemy import select

from tradewind.errors import NotFound, UserError
from tradewind.model.spec import DagSpec
from tradewind.schedule.describe import describe, in_words
from tradewind.store import favorites, tables
from tradewind.store.read import dags as dag_rows
from tradewind.store.read.dag_page import ListedDag, Sort, Wanted, dag_page
from tradewind.store.read.scheduling import latest_version
from tradewind.web.screens.desk import Asked, Desk, unix
from tradewind.web.screens.shapes import run_shape

_PAGE = 50
_MOST = 200
_MOST_NAMES = 10_000


def listing(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return a page of the DAG list."""
    sort = asked.text("sort") or "name"
    if sort not in get_args(Sort):
        raise UserError(f"sort is {sort!r}; expected one of {', '.join(get_args(Sort))}")
    paused = asked.text("paused")
    wanted = Wanted(
        words=tuple((asked.text("search") or "").split()),
        tags=asked.all("tag"),
        owner=asked.text("owner"),
        paused=None if paused is None else paused == "true",
        state=asked.text("state"),
        marked_by=asked.reader if asked.text("favorite") == "true" else None,
        only=asked.only,
    )
    page = dag_page(
        desk.db,
        wanted,
        sort=cast("Sort", sort),
        limit=asked.number("limit", _PAGE, _MOST, 1),
        offset=asked.number("offset", 0, 1_000_000),
    )
    with desk.db.read() as conn:
        favorite = favorites.of(conn, asked.reader)
    return {
        "total": page.total,
        "counts": page.counts,
        "tags": page.tags,
        "dags": [_line(dag) | {"favorite": dag.dag_id in favorite} for dag in page.dags],
    }


def names(desk: Desk, asked: Asked) -> list[str]:
    """Return the ids of active DAGs: for the palette and for fields that name one."""
    statement = select(tables.dag.c.dag_id).where(tables.dag.c.active.is_(True))
    with desk.db.read() as conn:
        found = conn.execute(statement.order_by(tables.dag.c.dag_id).limit(_MOST_NAMES)).scalars()
        return [name for name in found if asked.only is None or name in asked.only]


def frame(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return what the frame around a DAG's page shows."""
    dag_id = asked.dag_id()
    row = dag_rows.dag(desk.db, dag_id)
    version = latest_version(desk.db, dag_id)
    if row is None or version is None:
        raise NotFound(f"there is no DAG {dag_id!r}")
    spec = version.spec
    with desk.db.read() as conn:
        favorite = favorites.has(conn, asked.reader, dag_id)
    return {
        "id": dag_id,
        "favorite": favorite,
        "name": row.display_name or dag_id,
        "description": row.description,
        "doc": spec.doc_md,
        "owners": row.owners,
        "tags": row.tags,
        "file": row.dag_file,
        "active": row.active,
        "paused": row.paused,
        "version": row.version_number,
        "schedule": describe(row.schedule),
        "schedule_words": in_words(row.schedule),
        "timezone": row.timezone,
        "start": unix(row.start_date),
        "end": unix(row.end_date),
        "catchup": row.catchup,
        "next": unix(row.next_due),
        "max_active_runs": row.max_active_runs,
        "max_active_tasks": row.max_active_tasks,
        "parsed": unix(row.last_parsed_at),
        "parse_s": row.parse_duration_s,
        "tasks": len(spec.tasks),
        "params": params(spec),
    }


def params(spec: DagSpec) -> list[dict[str, Any]]:
    """Return the DAG's params as the trigger form needs them."""
    return [
        {
            "name": name,
            "default": param.default,
            "required": param.required,
            "description": param.description,
            "schema": param.schema,
        }
        for name, param in spec.params.items()
    ]


def _line(dag: ListedDag) -> dict[str, Any]:
    return {
        "id": dag.dag_id,
        "name": dag.display_name,
        "description": dag.description,
        "owners": dag.owners,
        "tags": dag.tags,
        "paused": dag.paused,
        "schedule": describe(dag.schedule),
        "schedule_words": in_words(dag.schedule),
        "timezone": dag.timezone,
        "next": unix(dag.next_due),
        "runs": [run_shape(run) for run in dag.runs],
    }
