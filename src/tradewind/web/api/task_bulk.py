"""Many task instances at once: mark, note, delete. Each is permitted or refused by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tradewind.actions.dag_removal import remove_task
from tradewind.errors import NotFound, UserError
from tradewind.model.ids import TiKey
from tradewind.model.run import Run
from tradewind.store.read import runs, task_list
from tradewind.web.access import ALL_DAGS, Access
from tradewind.web.api.bulk import BulkCreate, BulkDelete, BulkResponse, BulkUpdate, carry_out
from tradewind.web.api.task_changes import PatchTaskBody, change_tasks
from tradewind.web.api.task_instances import TASKS
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid
from tradewind.web.shapes import Body

routes = Routes("Task Instance")


class BulkTaskBody(PatchTaskBody, kw_only=True):
    """A task instance, and what to make of it. dag_id, dag_run_id: where the path says ~."""

    task_id: str
    dag_id: str | None = None
    dag_run_id: str | None = None
    map_index: int | None = None


class BulkBody(Body):
    """Many changes of task instances."""

    actions: list[BulkCreate[BulkTaskBody] | BulkUpdate[BulkTaskBody] | BulkDelete[BulkTaskBody]]


@routes.patch(TASKS, Access.DAG_EDIT)
def bulk_task_instances(call: Call[None, BulkBody]) -> BulkResponse:
    """Mark, note and remove many task instances."""
    done = carry_out(call.body.actions, Tasks(call))
    call.audit(after=msgspec.to_builtins(done))
    return done


class Tasks:
    """Task instances that can be changed one by one, by names as in Airflow: dag.run.task[0]."""

    def __init__(self, call: Call[Any, Any]) -> None:
        self._call = call
        self._named: dict[str, BulkTaskBody] = {}

    def key(self, entity: BulkTaskBody) -> str:
        """Return a task instance's name."""
        dag_id = self._place("dag_id", entity.dag_id)
        run_id = self._place("dag_run_id", entity.dag_run_id)
        which = "" if entity.map_index is None else f"[{entity.map_index}]"
        name = f"{dag_id}.{run_id}.{entity.task_id}{which}"
        self._named[name] = entity
        return name

    def exists(self, key: str) -> bool:
        """Tell whether there is such a task instance that the caller may change."""
        try:
            return bool(self._found(key))
        except NotFound:
            return False

    def create(self, entity: BulkTaskBody) -> None:
        """Refuse: runs make their task instances.

        Raises:
            UserError: always.
        """
        raise UserError(f"task {entity.task_id!r} is made by its run, not in bulk")

    def update(self, entity: BulkTaskBody, mask: Sequence[str]) -> None:
        """Mark a task instance and write its note."""
        if mask:
            hidden: dict[str, Any] = {"new_state": None, "note": msgspec.UNSET}
            left_out = {name: value for name, value in hidden.items() if name not in mask}
            entity = msgspec.structs.replace(entity, **left_out)
        run = self._run(entity)
        change_tasks(self._call, run, [entity.task_id], entity.map_index, entity, apply=True)

    def delete(self, key: str) -> None:
        """Remove task instances of a run that has ended."""
        run = self._run(self._entity(key))
        for ti in self._found(key):
            remove_task(self._call.site.db, run, ti)

    def _entity(self, key: str) -> BulkTaskBody:
        # A plain name in a delete is a task of the path's run.
        return self._named.get(key) or BulkTaskBody(task_id=key)

    def _place(self, name: str, given: str | None) -> str:
        in_path = self._call.path[name]
        place = in_path if in_path != ALL_DAGS else given
        if place is None or (given is not None and given != place):
            raise invalid(name, "say it for each task instance, the path's where it names one")
        return place

    def _run(self, entity: BulkTaskBody) -> Run:
        dag_id = self._place("dag_id", entity.dag_id)
        run_id = self._place("dag_run_id", entity.dag_run_id)
        # On the object that is acted on, wherever its id was.
        self._call.caller.require(dag_id, edit=True)
        found = runs.run(self._call.site.db, dag_id, run_id)
        if found is None:
            raise NotFound(f"DAG {dag_id!r} has no run {run_id!r}")
        return found

    def _found(self, key: str) -> list[TiKey]:
        entity = self._entity(key)
        run, db = self._run(entity), self._call.site.db
        if entity.map_index is not None:
            wanted = [TiKey(run.run_pk, entity.task_id, entity.map_index)]
            return list(task_list.by_keys(db, wanted))
        return task_list.instances_of(db, run.run_pk, entity.task_id)
