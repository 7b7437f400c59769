"""Run a DAG with Airflow's `dag.test()`, and read what is left of the run in its database.

Time does not pass where a task or the loop of `dag.test()` sleeps: the clock is set forward.
"""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import time_machine
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.models.connection import Connection
from airflow.models.dagrun import DagRun
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.variable import Variable
from airflow.models.xcom import XComModel
from airflow.sdk.serde import deserialize
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow import settings

LONGEST_S = 20
"""A run that takes longer hangs: `dag.test()` waits for ever for what cannot go on."""


class TooLong(BaseException):
    """The run hangs. No Exception, so that nobody takes it for a task's."""


def run(
    path: str, dag_id: str, at: str | None, conf: dict[str, Any] | None, now: str
) -> dict[str, Any]:
    """Run a DAG of a file, and return what is left of the run.

    Args:
        path: the file; it is linked into the DAG folder, alone.
        dag_id: the DAG.
        at: the logical date; None for a run without one.
        conf: the run's configuration.
        now: the time.
    """
    folder = Path(settings.DAGS_FOLDER)
    for link in folder.iterdir():
        if link.is_symlink():
            link.unlink()
    for part in (Path(path), *Path(path).parent.glob("files")):
        (folder / part.name).symlink_to(part)
    bag = BundleDagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags-folder")
    if bag.import_errors:
        return {"refused": "; ".join(bag.import_errors.values())}
    arguments = {"run_conf": conf, "logical_date": None if at is None else _utc(at)}
    with time_machine.travel(_utc(now), tick=True) as clock:
        made = _tested(bag.dags[dag_id], arguments, clock)
    return _left(dag_id, made)


def _utc(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _tested(dag: Any, arguments: dict[str, Any], clock: Any) -> str:
    def too_long(*_: object) -> None:
        raise TooLong

    sleep, time.sleep = time.sleep, clock.shift
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST_S)
    try:
        return dag.test(**arguments).run_id
    except TooLong:
        raise RuntimeError(f"dag.test() did not end in {LONGEST_S} s") from None
    finally:
        signal.alarm(0)
        time.sleep = sleep


def _left(dag_id: str, run_id: str) -> dict[str, Any]:
    def rows(model: Any, session: Any) -> Any:
        return session.scalars(select(model).where(model.dag_id == dag_id, model.run_id == run_id))

    with create_session() as session:
        made = session.scalar(
            select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        )
        states = {_name(ti): ti.state for ti in rows(TaskInstance, session)}
        xcoms = {
            f"{_name(row)}:{row.key}": deserialize(row.value) for row in rows(XComModel, session)
        }
        rendered = {
            _name(row): row.rendered_fields for row in rows(RenderedTaskInstanceFields, session)
        }
    return {
        "run_id": run_id,
        "run": str(made.state),
        "states": states,
        "xcoms": xcoms,
        "rendered": rendered,
    }


def _name(row: Any) -> str:
    return row.task_id if row.map_index < 0 else f"{row.task_id}[{row.map_index}]"


def keep(conn_id: str, uri: str, key: str, value: str) -> None:
    """Store a connection and a variable."""
    with create_session() as session:
        session.add(Connection(conn_id=conn_id, uri=uri))
    Variable.set(key, value)
