"""The list of DAGs, each with its latest run, in one query."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from tradewind.model.schedule import ScheduleSpec
from tradewind.schedule import describe
from tradewind.store import tables
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
