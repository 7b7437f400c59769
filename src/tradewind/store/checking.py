"""Look for what should not be: damage, rows without an owner, states that contradict.

Everything here is read-only. What is found points to a bug, a damaged disk or a hand that
changed rows; the messages say what to do.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, and_, func, select, text

from tradewind.model.state import LIVE_ATTEMPT_STATES, LIVE_STATES
from tradewind.store import migrate, tables
from tradewind.store.connect import Database

_SHOWN = 5
"""Examples of each kind of fault."""

_run, _ti, _attempt = tables.dag_run, tables.task_instance, tables.attempt
_LIVE_ATTEMPTS = sorted(s.value for s in LIVE_ATTEMPT_STATES)
_LIVE_TASKS = sorted(s.value for s in LIVE_STATES)


def faults(db: Database) -> list[str]:
    """Return what is wrong with the database, one sentence each; nothing is good news.

    Raises:
        ConfigError: its tables are missing or not this version's.
        Unavailable: it cannot be reached.
    """
    migrate.check(db)
    found: list[str] = []
    with db.read() as conn:
        if db.dialect == "sqlite":
            found += _damage(conn)
        for table in (_ti, _attempt, tables.xcom, tables.callback):
            found += _without_run(conn, table)
        found += _runs_without_version(conn)
        found += _attempts_against_tasks(conn)
    return found


def _damage(conn: Connection) -> list[str]:
    lines = conn.execute(text(f"PRAGMA quick_check({_SHOWN})")).scalars().all()
    return [f"the file is damaged: {line}; restore a backup" for line in lines if line != "ok"]


def _without_run(conn: Connection, table: Table) -> list[str]:
    owner = select(_run.c.run_pk).where(_run.c.run_pk == table.c.run_pk).exists()
    number = conn.execute(select(func.count()).select_from(table).where(~owner)).scalar_one()
    return [f"{number} rows of {table.name} belong to no run"] if number else []


def _runs_without_version(conn: Connection) -> list[str]:
    version = tables.dag_version
    known = select(version.c.version_id).where(version.c.version_id == _run.c.version_id).exists()
    found = conn.execute(select(_run.c.dag_id, _run.c.run_id).where(~known).limit(_SHOWN))
    return [
        f"run {row.run_id!r} of DAG {row.dag_id!r} is of a version that is not there"
        for row in found
    ]


def _attempts_against_tasks(conn: Connection) -> list[str]:
    """A live task has exactly its own attempt live; any other task has none."""
    of_task = and_(
        _attempt.c.run_pk == _ti.c.run_pk,
        _attempt.c.task_id == _ti.c.task_id,
        _attempt.c.map_index == _ti.c.map_index,
        _attempt.c.state.in_(_LIVE_ATTEMPTS),
    )
    key = (_ti.c.run_pk, _ti.c.task_id, _ti.c.map_index, _ti.c.state)
    live_runs = select(_run.c.run_pk).where(text(tables.LIVE))
    idle = conn.execute(
        select(*key)
        .where(
            _ti.c.run_pk.in_(live_runs),
            _ti.c.state.in_(_LIVE_TASKS),
            ~select(_attempt.c.attempt_id)
            .where(of_task, _attempt.c.attempt_id == _ti.c.attempt_id)
            .exists(),
        )
        .limit(_SHOWN)
    )
    found = [
        f"task {row.task_id}[{row.map_index}] of run {row.run_pk} is {row.state} without a live "
        "attempt; clear it"
        for row in idle
    ]
    strays = conn.execute(
        select(*key, _attempt.c.attempt_id)
        .join(_ti, of_task)
        .where(_ti.c.state.not_in(_LIVE_TASKS))
        .limit(_SHOWN)
    )
    found += [
        f"attempt {row.attempt_id} is live although its task {row.task_id}[{row.map_index}] of run "
        f"{row.run_pk} is {row.state}"
        for row in strays
    ]
    return found
