"""What Airflow's scheduler makes of task states that the request dictates.

The scheduler's own rules are asked (`DagRun.update_state`) until nothing changes; then the first
task instance (by task id and map index) of those that run is ended as the request says, and so on.
No task runs. So the order in which tasks end is known, and the other side can end them likewise.
"""

from __future__ import annotations

import itertools
from typing import Any

import pendulum
from airflow.models.dag import DagModel
from airflow.models.dag_version import DagVersion
from airflow.models.dagbundle import DagBundleModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskmap import TaskMap
from airflow.models.xcom import XComModel
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from calendars import dags_of

MOST_TURNS = 500
AT = pendulum.datetime(2026, 3, 1)
_count = itertools.count()


def decide(source: str, outcomes: dict[str, str], lengths: dict[str, int]) -> dict[str, Any]:
    """Return the run's state and its task instances' for the one DAG of a file.

    Args:
        source: the file.
        outcomes: how a task instance ("task" or "task[3]") ends if it runs; else success.
        lengths: of the list that a task returns.
    """
    (made,) = dags_of(source)
    made.dag_id = f"{made.dag_id}_{next(_count)}"
    made.fileloc = __file__  # it must be a file that there is
    with create_session() as session:
        run = _new_run(made, session)
        for _ in range(MOST_TURNS):
            while _decided(run, session):
                pass
            running = [
                ti for ti in run.get_task_instances(session=session) if ti.state == "running"
            ]
            if not running:
                break
            ti = min(running, key=lambda ti: (ti.task_id, ti.map_index))
            _end(ti, outcomes, lengths, session)
        states = {
            _name(ti): None if ti.state is None else str(ti.state)
            for ti in run.get_task_instances(session=session)
            if ti.state != TaskInstanceState.REMOVED
        }
        state = str(run.state)
        session.rollback()
    return {"run": state, "states": states}


def _new_run(made: Any, session: Any) -> Any:
    bundle = "generated"
    if session.get(DagBundleModel, bundle) is None:
        session.add(DagBundleModel(name=bundle))
        session.flush()
    session.add(DagModel(dag_id=made.dag_id, bundle_name=bundle, fileloc="generated.py"))
    session.flush()
    SerializedDagModel.write_dag(
        LazyDeserializedDAG.from_dag(made), bundle_name=bundle, session=session
    )
    session.flush()
    dag = SerializedDagModel.get_dag(made.dag_id, session=session)
    assert DagVersion.get_latest_version(made.dag_id, session=session) is not None
    return dag.create_dagrun(
        run_id="r",
        logical_date=AT,
        data_interval=(AT, AT),
        run_after=AT,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.RUNNING,
        start_date=AT,
        session=session,
    )


def _decided(run: Any, session: Any) -> bool:
    """Ask the scheduler once; tell whether anything changed."""
    before = _snapshot(run, session)
    ready, _ = run.update_state(session=session, execute_callbacks=False)
    for ti in ready:
        ti.state = TaskInstanceState.RUNNING
    session.flush()
    return _snapshot(run, session) != before


def _snapshot(run: Any, session: Any) -> Any:
    tis = run.get_task_instances(session=session)
    return run.state, sorted((ti.task_id, ti.map_index, str(ti.state)) for ti in tis)


def _end(ti: Any, outcomes: dict[str, str], lengths: dict[str, int], session: Any) -> None:
    ti.state = TaskInstanceState(outcomes.get(_name(ti), "success"))
    if ti.state == TaskInstanceState.SUCCESS:
        length = lengths.get(ti.task_id)
        XComModel.set(
            key="return_value",
            value=None if length is None else list(range(length)),
            task_id=ti.task_id,
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            map_index=ti.map_index,
            session=session,
        )
        if length is not None:
            session.add(TaskMap(ti.dag_id, ti.task_id, ti.run_id, ti.map_index, length, None))
    session.flush()


def _name(ti: Any) -> str:
    return ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]"
