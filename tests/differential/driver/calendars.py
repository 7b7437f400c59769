"""Which runs Airflow's timetables would create, with the clock where the request says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pendulum
import time_machine
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DagRunInfo

from airflow import __version__


def version() -> str:
    """Return the version of Airflow."""
    return __version__


def dags_of(source: str) -> list[Any]:
    """Run a DAG file's text and return its DAGs."""
    names: dict[str, Any] = {"__name__": "generated"}
    exec(compile(source, "generated.py", "exec"), names)  # noqa: S102 - it is what we are for
    found = [value for value in names.values() if isinstance(value, DAG)]
    for dag in found:
        dag.validate()
    return found


def scheduler_dag(dag: Any) -> Any:
    """Return a DAG as the scheduler reads it from the database."""
    return DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))


def upcoming(
    source: str, now: str, count: int, last_run: list[str] | None = None
) -> list[list[str | None]]:
    """Return the next runs of the one DAG in a file; each is asked for when the last is due.

    Args:
        source: the file.
        now: the time.
        count: how many.
        last_run: the data interval of the last run, which another schedule may have made.
    """
    with time_machine.travel(datetime.fromisoformat(now), tick=False):
        (made,) = dags_of(source)
        dag = scheduler_dag(made)
    found: list[list[str | None]] = []
    last, at = None, pendulum.parse(now)
    if last_run is not None:
        last = DagRunInfo.interval(*(pendulum.parse(end) for end in last_run))
    while len(found) < count:
        with time_machine.travel(at, tick=False):
            info = dag.timetable.next_dagrun_info_v2(
                last_dagrun_info=last, restriction=dag._time_restriction
            )
        if info is None:
            break
        interval = info.data_interval
        found.append(
            [
                text(info.run_after),
                text(info.logical_date),
                text(interval.start),
                text(interval.end),
            ]
        )
        last, at = info, max(at, info.run_after)
    return found


def manual_intervals(source: str, at: list[str]) -> list[list[str | None]]:
    """Return the data intervals of runs that somebody triggers at these times."""
    (made,) = dags_of(source)
    timetable = scheduler_dag(made).timetable
    found = []
    for time in at:
        interval = timetable.infer_manual_data_interval(run_after=pendulum.parse(time))
        found.append([text(interval.start), text(interval.end)])
    return found


def text(at: datetime | None) -> str | None:
    """Return an instant as UTC text."""
    return None if at is None else at.astimezone(pendulum.UTC).isoformat()
