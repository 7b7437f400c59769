"""Lists of XComs, without their values, with every filter of the API."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, select

from tradewind.model.run import Run
from tradewind.store import rows, tables
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.read.paging import Slice
from tradewind.store.read.run_list import RunTimes, time_conditions

_xcom, _run = tables.xcom, tables.dag_run


class XComFilter(RunTimes, kw_only=True):
    """Which XComs are wanted; names are the API's."""

    limit: Annotated[int, Meta(ge=0)] = 0
    offset: Annotated[int, Meta(ge=0)] = 0
    order_by: list[str] = msgspec.field(default_factory=list)
    xcom_key: str | None = None
    xcom_key_pattern: str | None = None
    xcom_key_prefix_pattern: str | None = None
    map_index: int | None = None
    map_index_filter: int | None = None
    run_id_pattern: str | None = None
    run_id_prefix_pattern: str | None = None
    task_id_pattern: str | None = None
    task_id_prefix_pattern: str | None = None
    dag_display_name_pattern: str | None = None
    dag_display_name_prefix_pattern: str | None = None


class XComRow(msgspec.Struct, frozen=True, kw_only=True):
    """An XCom with its run."""

    run: Run
    task_id: str
    map_index: int
    key: str
    at: datetime


_RUN_COLUMNS = [column.label(f"run__{column.name}") for column in _run.columns]
_ORDERS: dict[str, ColumnElement[Any]] = {
    "key": _xcom.c.key,
    "dag_id": _run.c.dag_id,
    "run_id": _run.c.run_id,
    "task_id": _xcom.c.task_id,
    "map_index": _xcom.c.map_index,
    "timestamp": _xcom.c.at,
    "run_after": _run.c.run_after,
    "logical_date": _run.c.logical_date,
}


def find(
    db: Database,
    place: tuple[str | None, str | None, str | None],
    wanted: XComFilter,
    part: Slice,
    readable: Collection[str] | None,
) -> tuple[list[XComRow], int]:
    """Return a page of XComs, and how many there are.

    Args:
        db: the database.
        place: the DAG, the run and the task; None: any.
        wanted: the filter.
        part: the page.
        readable: only of these DAGs; None: of all.
    """
    names = (_run.c.dag_id, _run.c.run_id, _xcom.c.task_id)
    where = [column == name for column, name in zip(names, place, strict=True) if name is not None]
    for column, value in (
        (_xcom.c.key, wanted.xcom_key),
        (_xcom.c.map_index, wanted.map_index),
        (_xcom.c.map_index, wanted.map_index_filter),
    ):
        if value is not None:
            where.append(column == value)
    where += [
        paging.visible(_run.c.dag_id, readable),
        paging.like(_xcom.c.key, wanted.xcom_key_pattern),
        paging.begins(_xcom.c.key, wanted.xcom_key_prefix_pattern),
        paging.like(_run.c.run_id, wanted.run_id_pattern),
        paging.begins(_run.c.run_id, wanted.run_id_prefix_pattern),
        paging.like(_xcom.c.task_id, wanted.task_id_pattern),
        paging.begins(_xcom.c.task_id, wanted.task_id_prefix_pattern),
        paging.like(_run.c.dag_id, wanted.dag_display_name_pattern),
        paging.begins(_run.c.dag_id, wanted.dag_display_name_prefix_pattern),
        *time_conditions(db, wanted),
    ]
    statement = (
        select(_xcom.c.task_id, _xcom.c.map_index, _xcom.c.key, _xcom.c.at, *_RUN_COLUMNS)
        .select_from(_xcom.join(_run, _run.c.run_pk == _xcom.c.run_pk))
        .where(*where)
    )
    ties = [_xcom.c.run_pk, _xcom.c.task_id, _xcom.c.map_index, _xcom.c.key]
    with db.read() as conn:
        count = paging.total(conn, statement)
        found = conn.execute(paging.page(statement, part, _ORDERS, ties)).mappings()
        return [
            XComRow(
                run=rows.to_run({c.name: row[f"run__{c.name}"] for c in _run.columns}),
                task_id=row["task_id"],
                map_index=row["map_index"],
                key=row["key"],
                at=row["at"],
            )
            for row in found
        ], count
