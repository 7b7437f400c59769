"""Pools and what is in them now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Row, func, select, text

from tradewind.model.run import Pool
from tradewind.model.state import TaskState
from tradewind.store import pools, tables
from tradewind.store.connect import Database
from tradewind.store.read import scheduling

_run, _ti = tables.dag_run, tables.task_instance
_SLICE = 500


class PoolUse(msgspec.Struct, frozen=True, kw_only=True):
    """A pool with its slots by the state of the tasks that hold or want them.

    occupied: slots that count against the pool. open: what is left; None when unlimited.
    """

    pool: Pool
    running: int = 0
    queued: int = 0
    scheduled: int = 0
    deferred: int = 0

    @property
    def occupied(self) -> int:
        """Return the slots that count against the pool's size."""
        return self.running + self.queued + (self.deferred if self.pool.include_deferred else 0)

    @property
    def open(self) -> int | None:
        """Return the slots that are left; None when there is no limit."""
        return None if self.pool.slots < 0 else max(0, self.pool.slots - self.occupied)


def pool_uses(db: Database) -> list[PoolUse]:
    """Return every pool with what is in it, by name."""
    used = _used(db)
    return [
        PoolUse(
            pool=pool,
            running=used[pool.name, "running"],
            queued=used[pool.name, "queued"],
            scheduled=used[pool.name, "scheduled"],
            deferred=used[pool.name, "deferred"],
        )
        for pool in pools.all_pools(db)
    ]


_COLUMN = {
    TaskState.RUNNING.value: "running",
    TaskState.RESTARTING.value: "running",
    TaskState.QUEUED.value: "queued",
    TaskState.SCHEDULED.value: "scheduled",
    TaskState.DEFERRED.value: "deferred",
}


def _used(db: Database) -> Counter[tuple[str, str]]:
    """Count slots by (pool, column). Which pool a task uses stands in its run's version."""
    used: Counter[tuple[str, str]] = Counter()
    with db.read() as conn:
        versions = {
            row.run_pk: row.version_id
            for row in conn.execute(
                select(_run.c.run_pk, _run.c.version_id).where(text(tables.LIVE))
            )
        }
        found: list[Row[Any]] = []
        for part in _slices(versions):
            found += conn.execute(
                select(_ti.c.run_pk, _ti.c.task_id, _ti.c.state, func.count().label("number"))
                .where(_ti.c.run_pk.in_(part), _ti.c.state.in_(_COLUMN))
                .group_by(_ti.c.run_pk, _ti.c.task_id, _ti.c.state)
            ).all()
    places: dict[int, dict[str, tuple[str, int]]] = {}
    for row in found:
        version_id = versions[row.run_pk]
        if version_id not in places:
            spec = scheduling.version(db, version_id).spec
            places[version_id] = {t.task_id: (t.pool, t.pool_slots) for t in spec.tasks}
        pool, slots = places[version_id].get(row.task_id, ("", 0))
        used[pool, _COLUMN[row.state]] += slots * row.number
    return used


def _slices(run_pks: Iterable[int]) -> Iterable[list[int]]:
    every = list(run_pks)
    return (every[start : start + _SLICE] for start in range(0, len(every), _SLICE))
