"""A database with two DAGs, runs and tasks in it; a leader that answers."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.conformance.store_world import Leader, a_run
from tests.unit.actions.catalog import NOW, dag, published
from tests.unit.web.world import World
from tradewind.model.event import RunChange
from tradewind.model.run import Run, TaskInstance
from tradewind.model.schedule import CronTrigger
from tradewind.model.spec import DagSpec, ExpandSpec, MapLiteral, ParamSpec, TaskSpec
from tradewind.model.state import RunState, TaskState
from tradewind.store.read import scheduling
from tradewind.store.turn import XComWrite

SECRET = "the-secret-canary"


def spec(dag_id: str, **fields: Any) -> DagSpec:
    tasks = (
        TaskSpec(task_id="a", operator="PythonOperator", owner="ann", pool="big"),
        TaskSpec(task_id="b", operator="BashOperator", upstream=(0,), retries=1),
        TaskSpec(
            task_id="m",
            operator="PythonOperator",
            upstream=(0,),
            expand=ExpandSpec(sources=(("x", MapLiteral(2)),)),
        ),
    )
    return dag(dag_id, **{"tasks": tasks, **fields})


class History:
    """DAG `etl` and DAG `other`, each with a run r1 that has failed: a done, b failed, m twice."""

    def __init__(self, world: World) -> None:
        self.world = world
        published(
            world.db,
            spec(
                "etl",
                schedule=CronTrigger(expressions=("0 5 * * *",), timezone="UTC"),
                tags=("nightly", "sales"),
                description="Sales of the day",
                doc_md="# Sales {{ ''.__class__.__mro__ }}",
                params={"day": ParamSpec(default="today", schema={"type": "string"})},
                owner_links={"ann": "https://example.org"},
            ),
            spec("other", tags=("private",), display_name="The other"),
        )
        self.leader = Leader(world.db)
        self.runs = {dag_id: self._run(dag_id) for dag_id in ("etl", "other")}

    def _run(self, dag_id: str) -> Run:
        version = scheduling.latest_version(self.world.db, dag_id)
        assert version is not None
        run = self.leader.start_run(
            a_run("r1", dag_id, version_id=version.version_id, conf={"day": "monday"})
        )
        a = self.leader.create(run, "a")
        done = self.leader.claim(self.leader.queue(a))
        xcom = XComWrite(
            ti=done.key,
            key="return_value",
            value=b'{"rows": 3}',
            attempt_id=done.attempt_id or "",  # type: ignore[arg-type]
        )
        self.leader.finish(done, xcoms=[xcom])
        b = self.leader.create(run, "b", max_tries=1)
        self.leader.finish(self.leader.claim(self.leader.queue(b)), TaskState.FAILED)
        for index in range(2):
            self.leader.run_once(run, "m", index)
        return run

    def end(self, run: Run) -> None:
        """Bring a run to its end."""
        ended = msgspec.structs.replace(run, state=RunState.FAILED, ended_at=NOW)
        self.leader.apply(run_changes=[RunChange(run, ended)])

    def ti(self, dag_id: str, task_id: str, map_index: int = -1) -> TaskInstance:
        rows = scheduling.run_rows(self.world.db, self.runs[dag_id].run_pk)
        assert rows is not None
        return next(t for t in rows.instances if t.in_run == (task_id, map_index))


__all__ = ["NOW", "History"]
