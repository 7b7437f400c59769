"""Assets, their events, and which DAGs wait for which.

`asset_ref` says what the active DAGs name (kept by `catalog`). An event is put into the queue
of every DAG that is active, not paused, and whose schedule looks at it; the run that consumes
it takes it out. So a look at a DAG's queue costs what waits there, however many events there
ever were.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, delete, insert, or_, select

from tradewind.model.schedule import (
    AliasLeaf,
    AllOf,
    AnyOf,
    AssetCondition,
    AssetOrTime,
    AssetTriggered,
    ScheduleSpec,
)
from tradewind.model.spec import DagSpec
from tradewind.store import rows, tables
from tradewind.store.dialect import insert_or_ignore
from tradewind.store.turn import AssetEventWrite

_asset, _event, _queue, _ref = (
    tables.asset,
    tables.asset_event,
    tables.asset_queue,
    tables.asset_ref,
)

_MOST_NAMES = 500
"""In one statement: both databases take many times as many."""


class AssetRefRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a DAG says about an asset; see `tables.asset_ref`."""

    role: str
    name: str
    uri: str
    task_id: str = ""
    alias: bool = False


def insert_event(conn: Connection, event: AssetEventWrite) -> int | None:
    """Add an event, making the asset's row when it is new, and queue it.

    Returns:
        its id; None when there is an event with its key.
    """
    source = event.source
    event_id = conn.execute(
        insert_or_ignore(_event)
        .values(
            asset_id=ensure_asset(conn, event.name, event.uri),
            at=event.at,
            extra=event.extra,
            alias=event.alias,
            source_run_pk=source.run_pk if source else None,
            source_dag_id=event.source_dag_id,
            source_run_id=event.source_run_id,
            source_task_id=source.task_id if source else None,
            source_map_index=source.map_index if source else None,
            event_key=event.key,
        )
        .returning(_event.c.event_id)
    ).scalar_one_or_none()
    if event_id is None:
        return None
    waiting = [{"dag_id": dag_id, "event_id": event_id} for dag_id in _listeners(conn, event)]
    if waiting:
        conn.execute(insert(_queue), waiting)
    return int(event_id)


def _listeners(conn: Connection, event: AssetEventWrite) -> list[str]:
    dag = tables.dag
    concerned = and_(
        _ref.c.alias.is_(False),
        _ref.c.name.in_(("", event.name)),
        _ref.c.uri.in_(("", event.uri)),
    )
    if event.alias is not None:
        concerned = or_(concerned, and_(_ref.c.alias.is_(True), _ref.c.name == event.alias))
    found = conn.execute(
        select(_ref.c.dag_id)
        .distinct()
        .join(dag, dag.c.dag_id == _ref.c.dag_id)
        .where(
            _ref.c.role == "schedule", concerned, dag.c.active.is_(True), dag.c.paused.is_(False)
        )
    )
    return list(found.scalars())


def unqueue(
    conn: Connection,
    dag_ids: Collection[str],
    asset_id: int | None = None,
    before: datetime | None = None,
) -> int:
    """Let DAGs forget events that wait for them; return how many.

    Args:
        conn: of the caller's transaction.
        dag_ids: the DAGs.
        asset_id: only the events of this asset; None: of all.
        before: only events before this time.
    """
    named = select(_event.c.event_id).where(_event.c.event_id == _queue.c.event_id)
    if asset_id is not None:
        named = named.where(_event.c.asset_id == asset_id)
    if before is not None:
        named = named.where(_event.c.at < before)
    of_them = _queue.c.dag_id.in_(sorted(dag_ids))
    return conn.execute(delete(_queue).where(of_them, named.exists())).rowcount


def ensure_asset(
    conn: Connection,
    name: str,
    uri: str,
    group: str = "asset",
    extra: dict[str, Any] | None = None,
) -> int:
    """Return the key of an asset, making its row when it is new."""
    name, uri = rows.plain(name) or "", rows.plain(uri) or ""
    wanted = select(_asset.c.asset_id).where(_asset.c.name == name, _asset.c.uri == uri)
    found = conn.execute(wanted).scalar_one_or_none()
    if found is None:
        conn.execute(
            insert_or_ignore(_asset),
            {"name": name, "uri": uri, "asset_group": group, "extra": extra or {}},
        )
        found = conn.execute(wanted).scalar_one()
    return int(found)


# ---- what DAGs say about assets -----------------------------------------------------------


def references(spec: DagSpec) -> set[AssetRefRow]:
    """Return everything that a DAG says about assets."""
    found = set(_conditions(spec.schedule))
    for task in spec.tasks:
        for role, refs in (("inlet", task.inlets), ("outlet", task.outlets)):
            found.update(
                AssetRefRow(role=role, task_id=task.task_id, name=r.name, uri=r.uri, alias=r.alias)
                for r in refs
            )
    found.update(
        AssetRefRow(role="watcher", task_id=watcher.name, name=watcher.asset, uri=watcher.uri)
        for watcher in spec.watchers
    )
    return found


def _conditions(schedule: ScheduleSpec) -> Iterator[AssetRefRow]:
    if isinstance(schedule, AssetTriggered | AssetOrTime):
        yield from _leaves(schedule.condition)


def _leaves(condition: AssetCondition) -> Iterator[AssetRefRow]:
    if isinstance(condition, AllOf | AnyOf):
        for part in condition.of:
            yield from _leaves(part)
    elif isinstance(condition, AliasLeaf):
        yield AssetRefRow(role="schedule", name=condition.name, uri="", alias=True)
    else:
        yield AssetRefRow(role="schedule", name=condition.name, uri=condition.uri)


def put_references(conn: Connection, specs: Mapping[str, DagSpec]) -> None:
    """Replace what DAGs say about assets, and make the rows of assets that are new."""
    held: dict[str, set[AssetRefRow]] = {}
    ids = list(specs)
    for start in range(0, len(ids), _MOST_NAMES):
        part = ids[start : start + _MOST_NAMES]
        for row in conn.execute(select(_ref).where(_ref.c.dag_id.in_(part))):
            held.setdefault(row.dag_id, set()).add(
                AssetRefRow(
                    role=row.role, task_id=row.task_id, name=row.name, uri=row.uri, alias=row.alias
                )
            )
    unscheduled: list[str] = []
    for dag_id, spec in specs.items():
        wanted = references(spec)
        _put_references(conn, dag_id, held.get(dag_id, set()), wanted)
        for ref in {r for task in spec.tasks for r in _named(task.inlets, task.outlets)}:
            ensure_asset(conn, ref[0], ref[1], ref[2])
        for watcher in spec.watchers:
            ensure_asset(conn, watcher.asset, watcher.uri)
        if not any(r.role == "schedule" for r in wanted):
            unscheduled.append(dag_id)
    for start in range(0, len(unscheduled), _MOST_NAMES):
        part = unscheduled[start : start + _MOST_NAMES]
        conn.execute(delete(_queue).where(_queue.c.dag_id.in_(part)))


def _put_references(
    conn: Connection, dag_id: str, held: set[AssetRefRow], wanted: set[AssetRefRow]
) -> None:
    if wanted == held:
        return
    conn.execute(delete(_ref).where(_ref.c.dag_id == dag_id))
    if wanted:
        conn.execute(
            insert(_ref), [{"dag_id": dag_id, **msgspec.structs.asdict(r)} for r in wanted]
        )


def _named(*groups: tuple[Any, ...]) -> Iterator[tuple[str, str, str]]:
    for group in groups:
        for ref in group:
            if not ref.alias:
                yield ref.name, ref.uri, ref.group


def drop_references(conn: Connection, dag_id: str) -> None:
    """Forget what a DAG said about assets: it is gone."""
    conn.execute(delete(_ref).where(_ref.c.dag_id == dag_id))
    conn.execute(delete(_queue).where(_queue.c.dag_id == dag_id))
