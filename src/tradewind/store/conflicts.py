"""Find out, after a turn was refused, which runs are not as it expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, select

from tradewind.model.ids import TiKey
from tradewind.store import tables
from tradewind.store.connect import Database
from tradewind.store.turn import Turn

_SLICE = 200


def runs_that_differ(db: Database, turn: Turn) -> tuple[int, ...]:
    """Return the runs whose rows differ from what the turn expects to find."""
    with db.read() as conn:
        found = _instances(conn, turn) | _runs(conn, turn) | _attempts(conn, turn)
    return tuple(sorted(found))


def _instances(conn: Connection, turn: Turn) -> set[int]:
    table = tables.task_instance
    expected: dict[TiKey, tuple[str, int] | None] = {ti.key: None for ti in turn.created}
    for change in turn.changes:
        before = change.before
        expected.setdefault(before.key, (before.state.value, before.fence))
    run_pks = {key.run_pk for key in expected}
    actual: dict[TiKey, tuple[str, int]] = {}
    columns = select(
        table.c.run_pk, table.c.task_id, table.c.map_index, table.c.state, table.c.fence
    )
    for part in _slices(run_pks):
        for row in conn.execute(columns.where(table.c.run_pk.in_(part))):
            key = TiKey(row.run_pk, row.task_id, row.map_index)
            actual[key] = (row.state, row.fence)
    return {key.run_pk for key, wanted in expected.items() if actual.get(key) != wanted}


def _runs(conn: Connection, turn: Turn) -> set[int]:
    table = tables.dag_run
    expected: dict[int, str] = {}
    for change in turn.run_changes:
        expected.setdefault(change.before.run_pk, change.before.state.value)
    actual: dict[int, str] = {}
    for part in _slices(expected):
        statement = select(table.c.run_pk, table.c.state).where(table.c.run_pk.in_(part))
        actual.update((row.run_pk, row.state) for row in conn.execute(statement))
    return {run_pk for run_pk, state in expected.items() if actual.get(run_pk) != state}


def _attempts(conn: Connection, turn: Turn) -> set[int]:
    table = tables.attempt
    expected: dict[str, str | None] = {c.attempt_id: "queued" for c in turn.claims}
    expected |= {e.attempt_id: e.before.value for e in turn.ends}
    expected |= {a.attempt_id: None for a in turn.attempts}
    nonces = {e.attempt_id: e.nonce for e in turn.ends if e.nonce is not None}
    differ: set[int] = set()
    for part in _slices(expected):
        statement = select(table.c.attempt_id, table.c.run_pk, table.c.state, table.c.nonce).where(
            table.c.attempt_id.in_(part)
        )
        for row in conn.execute(statement):
            nonce = nonces.get(row.attempt_id, row.nonce)
            if expected[row.attempt_id] != row.state or nonce != row.nonce:
                differ.add(row.run_pk)
    live = {a.ti for a in turn.attempts}
    for part in _slices({ti.run_pk for ti in live}):
        statement = select(table.c.run_pk, table.c.task_id, table.c.map_index).where(
            table.c.run_pk.in_(part), table.c.ended_at.is_(None)
        )
        differ.update(row.run_pk for row in conn.execute(statement) if tuple(row) in live)
    return differ


def _slices(keys: Iterable[int] | Iterable[str]) -> Iterator[list[int | str]]:
    every: list[int | str] = list(keys)
    for start in range(0, len(every), _SLICE):
        yield every[start : start + _SLICE]
