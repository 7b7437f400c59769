"""What lists show: DAGs with their latest run, a DAG's runs, the health of parts."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from tradewind.model.run import Run
from tradewind.model.schedule import ScheduleSpec
from tradewind.schedule import describe
from tradewind.store import rows, tables
from tradewind.store.connect import Database

_MAX_DAGS = 5_000
_schedule = msgspec.json.Decoder(ScheduleSpec)


class DagLine(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG in a list."""

    dag_id: str
    dag_file: str
    owners: str
    paused: bool
    schedule: str
    last_run_id: str | None
    last_state: str | None


def dags(db: Database) -> list[DagLine]:
    """Return active DAGs by id, each with its latest run."""
    dag, run = tables.dag, tables.dag_run
    newest = run.alias()
    latest = (
        select(newest.c.run_pk)
        .where(newest.c.dag_id == dag.c.dag_id)
        .order_by(newest.c.run_after.desc(), newest.c.run_pk.desc())
        .limit(1)
        .correlate(dag)
        .scalar_subquery()
    )
    statement = (
        select(
            dag.c.dag_id,
            dag.c.dag_file,
            dag.c.owners,
            dag.c.paused,
            dag.c.schedule,
            run.c.run_id,
            run.c.state,
        )
        .select_from(dag.outerjoin(run, run.c.run_pk == latest))
        .where(dag.c.active.is_(True))
        .order_by(dag.c.dag_id)
        .limit(_MAX_DAGS)
    )
    with db.read() as conn:
        found = conn.execute(statement).all()
    return [
        DagLine(
            dag_id=r.dag_id,
            dag_file=r.dag_file,
            owners=r.owners,
            paused=r.paused,
            schedule=describe(_schedule.decode(r.schedule)),
            last_run_id=r.run_id,
            last_state=r.state,
        )
        for r in found
    ]


def import_errors(db: Database) -> list[tuple[str, str]]:
    """Return (file, error) of every DAG file that could not be imported."""
    file = tables.dag_file
    with db.read() as conn:
        found = conn.execute(
            select(file.c.path, file.c.import_error)
            .where(file.c.import_error.is_not(None))
            .order_by(file.c.path)
        ).all()
    return [(r.path, r.import_error) for r in found]


def find_run(db: Database, dag_id: str, run_id: str) -> Run | None:
    """Return a run by its names."""
    run = tables.dag_run
    with db.read() as conn:
        row = (
            conn.execute(select(run).where(run.c.dag_id == dag_id, run.c.run_id == run_id))
            .mappings()
            .one_or_none()
        )
    return rows.to_run(row) if row else None


def latest_runs(db: Database, dag_id: str, limit: int) -> list[Run]:
    """Return a DAG's latest runs, newest first."""
    run = tables.dag_run
    with db.read() as conn:
        found = conn.execute(
            select(run)
            .where(run.c.dag_id == dag_id)
            .order_by(run.c.run_after.desc(), run.c.run_pk.desc())
            .limit(limit)
        ).mappings()
        return [rows.to_run(row) for row in found]
