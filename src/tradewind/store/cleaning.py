"""Remove what is old: runs with everything of theirs, and the traces that parts leave behind.

Everything is removed in slices, each a transaction of a few milliseconds, so that cleaning
never holds up the scheduler: how many rows that is depends on the machine, and is found out as it
goes (`_Pace`). A run's row goes last: whatever interrupts the work, the next cleaning finds the
run again. Live runs are never touched, nor is the run of the newest event: the number of that
event tells whether the database went back in time.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    any_,
    delete,
    func,
    literal_column,
    select,
    text,
    tuple_,
)

from tradewind.clock import Clock, SystemClock
from tradewind.model.ids import TiKey
from tradewind.store import rows as row_forms
from tradewind.store import tables
from tradewind.store.account_tables import favorite_dag, kept_answer, task_note
from tradewind.store.connect import Database
from tradewind.store.state_tables import task_state

SLICE_ROWS = 500
"""Most rows of one transaction."""
_FEWEST_ROWS = 25
SLICE_S = 0.004
"""A transaction that takes longer makes the next ones smaller."""
_RUN_BATCH = 200
"""Runs that are looked up at once."""

_OF_A_TASK = (
    tables.xcom,
    tables.rendered,
    tables.deferral,
    tables.hitl_detail,
    task_note,
    task_state,
    tables.callback,
    tables.attempt,
    tables.task_instance,
)
_OF_A_RUN = (tables.deadline, tables.ti_event, *_OF_A_TASK)
_run = tables.dag_run
_ENDED = text(f"NOT ({tables.LIVE})")

Progress = Callable[[str, int], None]
"""Told the table and the number of rows after each slice."""


def clean(
    db: Database,
    before: datetime,
    *,
    keep_latest: bool = True,
    dry_run: bool = False,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> dict[str, int]:
    """Remove what ended before a time.

    Args:
        db: the database.
        before: runs that ended, events that were handled and traces that were left before this.
        keep_latest: keep the latest run of each DAG, however old.
        dry_run: only count.
        progress: told about each slice.
        clock: tells how long a slice took; None is the system's.

    Returns:
        the number of rows by table.
    """
    removed: Counter[str] = Counter()
    pace = _Pace(clock or SystemClock())

    def tell(name: str, rows: int) -> None:
        if rows:
            removed[name] += rows
            if progress is not None:
                progress(name, rows)

    for run_pks in _old_runs(db, before, keep_latest):
        if dry_run:
            _count_runs(db, run_pks, tell)
        else:
            _remove_runs(db, run_pks, pace, tell)
            if db.shelf is not None:
                db.shelf.forget_runs(run_pks)
    for table, condition in _traces(before):
        if dry_run:
            tell(table.name, _count(db, table, condition))
        else:
            _remove(db, table, condition, pace, tell)
    return dict(removed)


# ---- by name ----------------------------------------------------------------------------


def remove_run(db: Database, run_pk: int) -> bool:
    """Remove an ended run with everything of it; False when it is live or gone.

    When the newest event of all is one of its, that one row stays: its number tells whether
    the database went back in time.
    """
    removed: Counter[str] = Counter()

    def tell(name: str, rows: int) -> None:
        removed[name] += rows

    _remove_runs(db, [run_pk], _Pace(SystemClock()), tell)
    if removed[_run.name] and db.shelf is not None:
        db.shelf.forget_runs([run_pk])
    return removed[_run.name] > 0


def remove_task(db: Database, ti: TiKey) -> bool:
    """Remove a task instance of an ended run; False when the run is live, or either is gone.

    Its events stay: what happened, happened.
    """
    with db.write() as conn:
        if not _has_ended(conn, ti.run_pk):
            return False
        for table in _OF_A_TASK:
            gone = conn.execute(delete(table).where(*row_forms.ti_is(table, ti)))
        return gone.rowcount > 0


def remove_dag_rows(db: Database, dag_id: str) -> None:
    """Remove a DAG that no file defines any more and that has no runs."""
    version, source = tables.dag_version, tables.dag_source
    of_it = select(version.c.version_id).where(version.c.dag_id == dag_id)
    with db.write() as conn:
        conn.execute(delete(source).where(source.c.version_id.in_(of_it)))
        others = (tables.dag_tag, tables.asset_ref, tables.asset_queue, favorite_dag, tables.dag)
        for table in (version, *others):
            conn.execute(delete(table).where(table.c.dag_id == dag_id))


# ---- runs -------------------------------------------------------------------------------


def _old_runs(db: Database, before: datetime, keep_latest: bool) -> Iterator[list[int]]:
    event = tables.ti_event
    last_pk = 0
    while True:
        with db.read() as conn:
            newest = conn.execute(
                select(event.c.run_pk).order_by(event.c.seq.desc()).limit(1)
            ).scalar()
            found = conn.execute(
                select(_run.c.run_pk, _run.c.dag_id)
                .where(_run.c.run_pk > last_pk, _ENDED, _run.c.ended_at < before)
                .order_by(_run.c.run_pk)
                .limit(_RUN_BATCH)
            ).all()
            kept = {newest}
            if keep_latest:
                kept |= {_latest(conn, dag_id) for dag_id in {row.dag_id for row in found}}
        if not found:
            return
        last_pk = found[-1].run_pk
        yield [row.run_pk for row in found if row.run_pk not in kept]


def _latest(conn: Connection, dag_id: str) -> int | None:
    return conn.execute(
        select(_run.c.run_pk)
        .where(_run.c.dag_id == dag_id)
        .order_by(_run.c.run_after.desc(), _run.c.run_pk.desc())
        .limit(1)
    ).scalar()


def _count_runs(db: Database, run_pks: Sequence[int], tell: Progress) -> None:
    if not run_pks:
        return
    for table in _OF_A_RUN:
        tell(table.name, _count(db, table, table.c.run_pk.in_(run_pks)))
    tell(_run.name, len(run_pks))


def _remove_runs(db: Database, run_pks: Sequence[int], pace: _Pace, tell: Progress) -> None:
    """Remove runs with everything of theirs: a large one in many slices, small ones together."""
    todo = deque(run_pks)
    while todo:
        gone: Counter[str] = Counter()
        with pace.slice(db) as conn:
            while todo and gone.total() < pace.rows:
                if _remove_part(conn, todo[0], pace.rows - gone.total(), gone):
                    todo.popleft()
        for name, rows in gone.items():
            tell(name, rows)


def _remove_part(conn: Connection, run_pk: int, most: int, gone: Counter[str]) -> bool:
    """Remove up to so many rows of a run, its own last; tell whether nothing is left to do."""
    if not _has_ended(conn, run_pk):
        return True
    event = tables.ti_event
    for table in _OF_A_RUN:
        of_it: ColumnElement[bool] = table.c.run_pk == run_pk
        if table is event:
            of_it &= event.c.seq < select(func.max(event.c.seq)).scalar_subquery()
        rows = _delete_slice(conn, table, of_it, most)
        gone[table.name] += rows
        most -= rows
        if most <= 0:
            return False
    consumed = tables.asset_consumed
    conn.execute(delete(consumed).where(consumed.c.run_pk == run_pk))
    gone[_run.name] += conn.execute(delete(_run).where(_run.c.run_pk == run_pk, _ENDED)).rowcount
    return True


def _has_ended(conn: Connection, run_pk: int) -> bool:
    # Somebody may clear the run while it is being removed.
    found = select(_run.c.run_pk).where(_run.c.run_pk == run_pk, _ENDED).with_for_update()
    return conn.execute(found).first() is not None


# ---- traces -----------------------------------------------------------------------------


def _traces(before: datetime) -> list[tuple[Table, ColumnElement[bool]]]:
    inbox, component, audit = tables.inbox, tables.component, tables.audit
    event, queue, consumed = tables.asset_event, tables.asset_queue, tables.asset_consumed
    version, dag, source = tables.dag_version, tables.dag, tables.dag_source
    waits = select(queue.c.event_id).where(queue.c.event_id == event.c.event_id).exists()
    shown = select(consumed.c.event_id).where(consumed.c.event_id == event.c.event_id).exists()
    latest = select(dag.c.dag_id).where(dag.c.version_id == version.c.version_id).exists()
    in_use = select(_run.c.run_pk).where(_run.c.version_id == version.c.version_id).exists()
    known = select(version.c.version_id).where(version.c.version_id == source.c.version_id).exists()
    return [
        (inbox, inbox.c.done_at < before),
        (component, component.c.beat_at < before),
        (audit, audit.c.at < before),
        (kept_answer, kept_answer.c.at < before),
        (event, (event.c.at < before) & ~waits & ~shown),
        (version, (version.c.created_at < before) & ~latest & ~in_use),
        (source, ~known),
    ]


def _remove(
    db: Database, table: Table, condition: ColumnElement[bool], pace: _Pace, tell: Progress
) -> None:
    more = True
    while more:
        most = pace.rows
        with pace.slice(db) as conn:
            rows = _delete_slice(conn, table, condition, most)
        tell(table.name, rows)
        more = rows == most


def _delete_slice(conn: Connection, table: Table, condition: ColumnElement[bool], most: int) -> int:
    """Delete up to so many rows. Which ones never leaves the database."""
    if conn.dialect.name == "sqlite":
        keys = list(table.primary_key.columns)
        chosen = select(*keys).where(condition).limit(most)
        return conn.execute(delete(table).where(tuple_(*keys).in_(chosen))).rowcount
    place: ColumnElement[Any] = literal_column("ctid")
    places = select(place).select_from(table).where(condition).limit(most).scalar_subquery()
    gone = conn.execute(delete(table).where(place == any_(func.array(places))))
    return gone.rowcount


class _Pace:
    """How many rows go at a time, so that nobody else waits for long."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.rows = SLICE_ROWS

    @contextmanager
    def slice(self, db: Database) -> Iterator[Connection]:
        """Yield a connection in a writing transaction, and learn from how long it took."""
        with db.write() as conn:
            began = self._clock.monotonic()
            yield conn
        took_s = self._clock.monotonic() - began
        if took_s > SLICE_S:
            self.rows = max(_FEWEST_ROWS, self.rows // 2)
        elif took_s < SLICE_S / 2:
            self.rows = min(SLICE_ROWS, self.rows * 2)


def _count(db: Database, table: Table, condition: ColumnElement[bool]) -> int:
    with db.read() as conn:
        counted = select(func.count()).select_from(table).where(condition)
        return int(conn.execute(counted).scalar_one())
