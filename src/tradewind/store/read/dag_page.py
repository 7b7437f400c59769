"""The DAG list: one page of DAGs, filtered and sorted, each with its latest runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Select, and_, case, func, select

from tradewind.model.run import Run
from tradewind.model.schedule import ScheduleSpec
from tradewind.store import tables
from tradewind.store.account_tables import favorite_dag
from tradewind.store.connect import Database
from tradewind.store.read.runs import latest_runs

Sort = Literal["name", "latest", "next", "state"]

_dag, _tag, _run, _favorite = tables.dag, tables.dag_tag, tables.dag_run, favorite_dag
_schedule = msgspec.json.Decoder(ScheduleSpec)
_MAX_TAGS = 500
"""Tags offered as filters; a list of more helps nobody."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which DAGs are wanted.

    words: each must be part of the id or the display name, in any case. state: of the latest
    run. only: no others than these ids (None: all), for people who may not see every DAG.
    marked_by: the favorites of an account.
    """

    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    owner: str | None = None
    paused: bool | None = None
    state: str | None = None
    marked_by: str | None = None
    only: frozenset[str] | None = None


class ListedDag(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG in the list. runs: the latest, the oldest of them first."""

    dag_id: str
    display_name: str | None
    description: str | None
    owners: str
    tags: tuple[str, ...]
    paused: bool
    schedule: ScheduleSpec
    timezone: str
    next_due: datetime | None
    runs: tuple[Run, ...]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many DAGs there are, by what their filters offer."""

    all: int
    active: int
    paused: int
    failed: int
    running: int


class DagPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the list. total: without the limit. tags: every tag with its number of DAGs."""

    dags: tuple[ListedDag, ...]
    total: int
    counts: Counts
    tags: tuple[tuple[str, int], ...]


def dag_page(
    db: Database, wanted: Wanted, *, sort: Sort = "name", runs: int = 14, limit: int, offset: int
) -> DagPage:
    """Return a page of the list.

    Args:
        db: the database.
        wanted: the filters.
        sort: by name, by the latest run (newest first), by the next run (soonest first), or by
            the latest run's state (failed first).
        runs: latest runs of each DAG.
        limit: DAGs in the page.
        offset: DAGs before it.
    """
    with db.read() as conn:
        total = conn.execute(_filtered(select(func.count()), wanted)).scalar_one()
        found = (
            conn.execute(
                _filtered(select(_dag), wanted).order_by(*_order(sort)).limit(limit).offset(offset)
            )
            .mappings()
            .all()
        )
        ids = [row["dag_id"] for row in found]
        tags: dict[str, list[str]] = {}
        for row in conn.execute(
            select(_tag).where(_tag.c.dag_id.in_(ids)).order_by(_tag.c.tag)
        ).all():
            tags.setdefault(row.dag_id, []).append(row.tag)
        counts = conn.execute(_counts(wanted.only)).mappings().one()
        every_tag = conn.execute(_tags(wanted.only)).all()
    latest = latest_runs(db, ids, runs)
    return DagPage(
        dags=tuple(
            ListedDag(
                dag_id=row["dag_id"],
                display_name=row["display_name"],
                description=row["description"],
                owners=row["owners"],
                tags=tuple(tags.get(row["dag_id"], ())),
                paused=row["paused"],
                schedule=_schedule.decode(row["schedule"]),
                timezone=row["timezone"],
                next_due=row["next_due"],
                runs=tuple(latest[row["dag_id"]]),
            )
            for row in found
        ),
        total=int(total),
        counts=Counts(**{name: int(number or 0) for name, number in counts.items()}),
        tags=tuple((row.tag, row.number) for row in every_tag),
    )


_newest = _run.alias("newest")
_LATEST = (
    select(_newest.c.run_pk)
    .where(_newest.c.dag_id == _dag.c.dag_id)
    .order_by(_newest.c.run_after.desc(), _newest.c.run_pk.desc())
    .limit(1)
    .correlate(_dag)
    .scalar_subquery()
)
_FROM = _dag.outerjoin(_run, _run.c.run_pk == _LATEST)
_RANK = case({"failed": 0, "running": 1, "queued": 2, "success": 3}, value=_run.c.state, else_=4)


def _filtered(statement: Select[Any], wanted: Wanted) -> Select[Any]:
    where: list[ColumnElement[bool]] = [_visible(wanted.only)]
    for word in wanted.words:
        name = _dag.c.dag_id + " " + func.coalesce(_dag.c.display_name, "")
        where.append(name.icontains(word, autoescape=True))
    where.extend(
        select(_tag.c.tag).where(_tag.c.dag_id == _dag.c.dag_id, _tag.c.tag == tag).exists()
        for tag in wanted.tags
    )
    if wanted.marked_by is not None:
        mine = _favorite.c.username == wanted.marked_by
        where.append(
            select(_favorite.c.dag_id).where(_favorite.c.dag_id == _dag.c.dag_id, mine).exists()
        )
    if wanted.owner:
        where.append(_dag.c.owners.icontains(wanted.owner, autoescape=True))
    if wanted.paused is not None:
        where.append(_dag.c.paused.is_(wanted.paused))
    if wanted.state:
        where.append(_run.c.state == wanted.state)
    # The latest run is looked up only where something asks for it: once for each DAG.
    return statement.select_from(_FROM).where(*where)


def _visible(only: frozenset[str] | None) -> ColumnElement[bool]:
    if only is None:
        return _dag.c.active.is_(True)
    return and_(_dag.c.active.is_(True), _dag.c.dag_id.in_(sorted(only)))


def _order(sort: Sort) -> Sequence[ColumnElement[Any]]:
    name = func.lower(_dag.c.dag_id)
    orders: dict[Sort, Sequence[ColumnElement[Any]]] = {
        "name": (name,),
        "latest": (_run.c.run_after.is_(None), _run.c.run_after.desc(), name),
        "next": (_dag.c.next_due.is_(None), _dag.c.paused, _dag.c.next_due, name),
        "state": (_RANK, name),
    }
    return orders[sort]


def _counts(only: frozenset[str] | None) -> Select[Any]:
    def number(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((condition, 1), else_=0))

    columns: list[ColumnElement[Any]] = [
        func.count().label("all"),
        number(_dag.c.paused.is_(False)).label("active"),
        number(_dag.c.paused.is_(True)).label("paused"),
        number(_run.c.state == "failed").label("failed"),
        number(_run.c.state == "running").label("running"),
    ]
    return select(*columns).select_from(_FROM).where(_visible(only))


def _tags(only: frozenset[str] | None) -> Select[Any]:
    return (
        select(_tag.c.tag, func.count().label("number"))
        .join(_dag, _dag.c.dag_id == _tag.c.dag_id)
        .where(_visible(only))
        .group_by(_tag.c.tag)
        .order_by(func.count().desc(), _tag.c.tag)
        .limit(_MAX_TAGS)
    )
