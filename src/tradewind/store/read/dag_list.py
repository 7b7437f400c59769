"""Lists of DAGs with every filter of the API, and what DAGs have in common: tags, counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select

from tradewind.model.state import RunState
from tradewind.store import tables
from tradewind.store.account_tables import favorite_dag
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.read.dags import DagRow, with_tags
from tradewind.store.read.paging import Page, Slice

_dag, _tag, _file, _run = tables.dag, tables.dag_tag, tables.dag_file, tables.dag_run
_ref, _favorite = tables.asset_ref, favorite_dag


class DagFilter(Page, kw_only=True):
    """Which DAGs are wanted; names are the API's."""

    dag_id_pattern: str | None = None
    dag_id_prefix_pattern: str | None = None
    dag_display_name_pattern: str | None = None
    dag_display_name_prefix_pattern: str | None = None
    tags: list[str] = msgspec.field(default_factory=list)
    tags_match_mode: Literal["any", "all"] | None = None
    owners: list[str] = msgspec.field(default_factory=list)
    exclude_stale: bool = True
    paused: bool | None = None
    has_import_errors: bool | None = None
    last_dag_run_state: RunState | None = None
    dag_run_state: list[RunState] = msgspec.field(default_factory=list)
    dag_run_start_date_gte: datetime | None = None
    dag_run_start_date_gt: datetime | None = None
    dag_run_start_date_lte: datetime | None = None
    dag_run_start_date_lt: datetime | None = None
    dag_run_end_date_gte: datetime | None = None
    dag_run_end_date_gt: datetime | None = None
    dag_run_end_date_lte: datetime | None = None
    dag_run_end_date_lt: datetime | None = None
    bundle_name: str | None = None
    bundle_version: str | None = None
    has_asset_schedule: bool | None = None
    asset_dependency: str | None = None
    is_favorite: bool | None = None


BUNDLE = "dags-folder"
"""Airflow's name of the one place that DAG files are from."""

_LAST = (
    select(_run.c.run_pk)
    .where(_run.c.dag_id == _dag.c.dag_id)
    .order_by(_run.c.run_after.desc(), _run.c.run_pk.desc())
    .limit(1)
    .correlate(_dag)
    .scalar_subquery()
)
_ORDERS: dict[str, ColumnElement[Any]] = {
    "dag_id": _dag.c.dag_id,
    "dag_display_name": func.lower(func.coalesce(_dag.c.display_name, _dag.c.dag_id)),
    "is_paused": _dag.c.paused,
    "next_dagrun": _dag.c.next_due,
    "last_parsed_time": _dag.c.last_parsed_at,
    "last_run_state": select(_run.c.state).where(_run.c.run_pk == _LAST).scalar_subquery(),
    "last_run_start_date": select(_run.c.started_at)
    .where(_run.c.run_pk == _LAST)
    .scalar_subquery(),
    "last_run_run_after": select(_run.c.run_after).where(_run.c.run_pk == _LAST).scalar_subquery(),
}


def find(
    db: Database,
    wanted: DagFilter,
    part: Slice,
    readable: Collection[str] | None,
    *,
    whose: str = "",
) -> tuple[list[DagRow], int]:
    """Return a page of DAGs, and how many there are altogether.

    Args:
        db: the database.
        wanted: the filter.
        part: the page.
        readable: only these; None: all.
        whose: the name of the account whose favorites count.

    Raises:
        BadOrder: DAGs cannot be ordered so.
    """
    statement = select(_dag).where(
        paging.visible(_dag.c.dag_id, readable),
        *_named(wanted),
        *_in_state(wanted),
        *_run_conditions(wanted),
        *_preferred(wanted, whose),
    )
    with db.read() as conn:
        count = paging.total(conn, statement)
        found = conn.execute(paging.page(statement, part, _ORDERS, [_dag.c.dag_id])).mappings()
        return with_tags(conn, found.all()), count


def _named(wanted: DagFilter) -> list[ColumnElement[bool]]:
    shown = func.coalesce(_dag.c.display_name, _dag.c.dag_id)
    found = [
        paging.like(_dag.c.dag_id, wanted.dag_id_pattern),
        paging.begins(_dag.c.dag_id, wanted.dag_id_prefix_pattern),
        paging.like(shown, wanted.dag_display_name_pattern),
        paging.begins(shown, wanted.dag_display_name_prefix_pattern),
    ]
    if wanted.owners:
        found.append(or_(*(_dag.c.owners.icontains(o, autoescape=True) for o in wanted.owners)))
    if wanted.tags:
        has = [
            exists().where(_tag.c.dag_id == _dag.c.dag_id, _tag.c.tag == tag) for tag in wanted.tags
        ]
        found.append(and_(*has) if wanted.tags_match_mode == "all" else or_(*has))
    return found


def _in_state(wanted: DagFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.exclude_stale:
        found.append(_dag.c.active.is_(True))
    if wanted.paused is not None:
        found.append(_dag.c.paused.is_(wanted.paused))
    if wanted.has_import_errors is not None:
        broken = exists().where(_file.c.path == _dag.c.dag_file, _file.c.import_error.is_not(None))
        found.append(broken if wanted.has_import_errors else ~broken)
    if wanted.bundle_name is not None and wanted.bundle_name != BUNDLE:
        found.append(_dag.c.dag_id.is_(None))
    if wanted.bundle_version is not None:
        found.append(_dag.c.dag_id.is_(None))
    listens = exists().where(_ref.c.dag_id == _dag.c.dag_id, _ref.c.role == "schedule")
    if wanted.has_asset_schedule is not None:
        found.append(listens if wanted.has_asset_schedule else ~listens)
    if wanted.asset_dependency is not None:
        named = or_(
            paging.like(_ref.c.name, wanted.asset_dependency),
            paging.like(_ref.c.uri, wanted.asset_dependency),
        )
        found.append(
            exists().where(_ref.c.dag_id == _dag.c.dag_id, _ref.c.role == "schedule", named)
        )
    return found


def _preferred(wanted: DagFilter, whose: str) -> list[ColumnElement[bool]]:
    if wanted.is_favorite is None:
        return []
    marked = exists().where(_favorite.c.dag_id == _dag.c.dag_id, _favorite.c.username == whose)
    return [marked if wanted.is_favorite else ~marked]


def _run_conditions(wanted: DagFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.last_dag_run_state is not None:
        found.append(
            select(_run.c.state).where(_run.c.run_pk == _LAST).scalar_subquery()
            == wanted.last_dag_run_state.value
        )
    bounds = [
        (_run.c.started_at, paging.range_of(wanted, "dag_run_start_date")),
        (_run.c.ended_at, paging.range_of(wanted, "dag_run_end_date")),
    ]
    bounded = [(c, b) for c, b in bounds if any(v is not None for v in msgspec.structs.astuple(b))]
    if wanted.dag_run_state or bounded:
        found.append(
            exists().where(
                _run.c.dag_id == _dag.c.dag_id,
                paging.one_of(_run.c.state, [s.value for s in wanted.dag_run_state]),
                *(paging.between(column, bound) for column, bound in bounded),
            )
        )
    return found


# ---- what belongs to DAGs -------------------------------------------------------------------


def broken_files(db: Database, files: Collection[str]) -> set[str]:
    """Return which of these files do not import."""
    statement = select(_file.c.path).where(
        _file.c.path.in_(sorted(files)), _file.c.import_error.is_not(None)
    )
    with db.read() as conn:
        return set(conn.execute(statement).scalars())


def tags(
    db: Database,
    pattern: str | None,
    prefix: str | None,
    part: Slice,
    readable: Collection[str] | None,
) -> tuple[list[str], int]:
    """Return the tags of DAGs, each once, and how many there are."""
    statement: Select[Any] = (
        select(_tag.c.tag)
        .where(
            paging.visible(_tag.c.dag_id, readable),
            paging.like(_tag.c.tag, pattern),
            paging.begins(_tag.c.tag, prefix),
        )
        .distinct()
    )
    with db.read() as conn:
        counted = select(func.count()).select_from(statement.limit(paging.MAX_TOTAL).subquery())
        count = int(conn.execute(counted).scalar_one())
        found = conn.execute(paging.page(statement, part, {"name": _tag.c.tag}, [_tag.c.tag]))
        return list(found.scalars()), count


def run_counts(db: Database, dag_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return how many runs each of these DAGs has in each state."""
    statement = (
        select(_run.c.dag_id, _run.c.state, func.count().label("n"))
        .where(_run.c.dag_id.in_(dag_ids))
        .group_by(_run.c.dag_id, _run.c.state)
    )
    found: dict[str, dict[str, int]] = {dag_id: {} for dag_id in dag_ids}
    with db.read() as conn:
        for row in conn.execute(statement):
            found[row.dag_id][row.state] = row.n
    return found
