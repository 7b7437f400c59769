"""Which runs an Airflow's schedules made, for the comparison with ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping

from tradewind.store.airflow_db.source import AirflowDatabase, as_time


class ScheduledRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that a schedule made, in Airflow or here."""

    run_after: datetime
    logical_date: datetime | None
    interval_start: datetime | None
    interval_end: datetime | None


class AirflowDag(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG as Airflow has it.

    runs: the scheduled runs of the span. before: the last one before it.
    """

    dag_id: str
    paused: bool
    runs: tuple[ScheduledRun, ...] = ()
    before: ScheduledRun | None = None


def scheduled(source: AirflowDatabase, since: datetime, until: datetime) -> list[AirflowDag]:
    """Return the DAGs that Airflow has, with their scheduled runs between two times."""
    past = source.statements
    span = {"since": _bound(source, since), "until": _bound(source, until)}
    runs: dict[str, list[ScheduledRun]] = {}
    for row in source.rows(past.scheduled, **span):
        runs.setdefault(row["dag_id"], []).append(_run(row))
    before = {row["dag_id"]: _run(row) for row in source.rows(past.before, since=span["since"])}
    return [
        AirflowDag(
            dag_id=row["dag_id"],
            paused=bool(row["is_paused"]),
            runs=tuple(runs.get(row["dag_id"], ())),
            before=before.get(row["dag_id"]),
        )
        for row in source.rows(past.dags)
    ]


def _bound(source: AirflowDatabase, at: datetime) -> Any:
    """Return a time as the database compares it: SQLite has texts, in UTC."""
    at = at.astimezone(UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S.%f") if source.dialect == "sqlite" else at


def _run(row: RowMapping) -> ScheduledRun:
    run_after = as_time(row["run_after"])
    assert run_after is not None
    return ScheduledRun(
        run_after=run_after,
        logical_date=as_time(row["logical_date"]),
        interval_start=as_time(row["data_interval_start"]),
        interval_end=as_time(row["data_interval_end"]),
    )
