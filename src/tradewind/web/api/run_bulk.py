"""Many runs at once: mark, note, delete, clear. Each is permitted or refused by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tradewind.actions.clear import clear
from tradewind.actions.dag_removal import remove_run
from tradewind.actions.plan import plan
from tradewind.engine.plan import Selection
from tradewind.errors import NotFound, UserError
from tradewind.model.run import Run
from tradewind.store.read import asset_list, runs
from tradewind.store.runs import set_note
from tradewind.web.access import ALL_DAGS, Access
from tradewind.web.api.assets import AssetEventCollectionResponse, event_shape
from tradewind.web.api.bulk import BulkCreate, BulkDelete, BulkResponse, BulkUpdate, carry_out
from tradewind.web.api.dag_runs import RUN, RUNS, change_run, the_run
from tradewind.web.api.run_shapes import DAGRunCollectionResponse, run_shapes
from tradewind.web.api.task_changes import ClearedResponse, planned_shapes
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid
from tradewind.web.shapes import Body, Note

routes = Routes("DagRun")


class BulkRunBody(Body):
    """A run, and what to make of it. dag_id: when the path says ~."""

    dag_run_id: str
    dag_id: str | None = None
    state: Literal["queued", "success", "failed"] | None = None
    note: Note | None = None


class BulkBody(Body):
    """Many changes of runs."""

    actions: list[BulkCreate[BulkRunBody] | BulkUpdate[BulkRunBody] | BulkDelete[BulkRunBody]]


class ClearRunsBody(Body):
    """Which runs to clear. dry_run is the default."""

    dag_runs: Annotated[list[BulkRunBody], Meta(max_length=1_000)]
    dry_run: bool = True
    only_failed: bool = False
    only_new: bool = False
    run_on_latest_version: bool | None = None
    note: Note | None = None


@routes.patch(RUNS, Access.DAG_EDIT)
def bulk_dag_runs(call: Call[None, BulkBody]) -> BulkResponse:
    """Mark, note and remove many runs."""
    done = carry_out(call.body.actions, Runs(call))
    call.audit(after=msgspec.to_builtins(done))
    return done


@routes.post("/api/v2/dags/{dag_id}/clearDagRuns", Access.DAG_EDIT)
def clear_dag_runs(
    call: Call[None, ClearRunsBody],
) -> DAGRunCollectionResponse | ClearedResponse:
    """Clear many runs, or show which task instances would be."""
    body, site, kept = call.body, call.site, Runs(call)
    if body.only_new:
        raise invalid("only_new", "clear the runs: new tasks of their version are added to them")
    found = [kept.run(kept.key(named)) for named in body.dag_runs]
    selection = Selection(only_failed=body.only_failed)
    plans = [plan(site.db, run, selection) for run in found]
    if body.dry_run:
        shown = planned_shapes(call, plans)
        return ClearedResponse(task_instances=shown, total_entries=len(shown))
    for planned in plans:
        clear(
            site.db,
            site.signal,
            site.clock,
            planned,
            latest_version=body.run_on_latest_version,
            actor=call.caller.name,
        )
        if body.note is not None:
            with site.db.write() as conn:
                set_note(conn, planned.run.run_pk, body.note)
    call.audit(after={"cleared": [[run.dag_id, run.run_id] for run in found]})
    now = [runs.run(site.db, run.dag_id, run.run_id) or run for run in found]
    return DAGRunCollectionResponse(
        dag_runs=run_shapes(site, now),
        total_entries=len(now),
        total_entries_limit=None,
        next_cursor=None,
        previous_cursor=None,
    )


@routes.get(f"{RUN}/upstreamAssetEvents", Access.DAG_READ)
def get_upstream_asset_events(call: Call[None, None]) -> AssetEventCollectionResponse:
    """List the asset events that made a run."""
    run = the_run(call)
    found = asset_list.events_of_run(call.site.db, run.run_pk, call.caller.readable)
    return AssetEventCollectionResponse(
        asset_events=[event_shape(call, row) for row in found], total_entries=len(found)
    )


class Runs:
    """Runs that can be changed one by one; a key is the DAG's id, a slash and the run's."""

    def __init__(self, call: Call[Any, Any]) -> None:
        self._call = call

    def key(self, entity: BulkRunBody) -> str:
        """Return a run's key."""
        in_path = self._call.path["dag_id"]
        dag_id = in_path if in_path != ALL_DAGS else entity.dag_id
        if dag_id is None or (entity.dag_id is not None and entity.dag_id != dag_id):
            raise invalid("dag_id", "say the DAG of each run, the path's where it names one")
        return f"{dag_id}/{entity.dag_run_id}"

    def run(self, key: str) -> Run:
        """Return a run that the caller may change.

        Raises:
            NotFound: there is none, or its DAG may not be read.
            Forbidden: its DAG may not be edited.
        """
        dag_id, separator, run_id = key.partition("/")
        if not separator:
            dag_id, run_id = self._call.path["dag_id"], key
        # On the object that is acted on, wherever its id was.
        self._call.caller.require(dag_id, edit=True)
        found = runs.run(self._call.site.db, dag_id, run_id)
        if found is None:
            raise NotFound(f"DAG {dag_id!r} has no run {run_id!r}")
        return found

    def exists(self, key: str) -> bool:
        """Tell whether there is such a run that the caller may change."""
        try:
            self.run(key)
        except NotFound:
            return False
        return True

    def create(self, entity: BulkRunBody) -> None:
        """Refuse: runs are triggered one by one.

        Raises:
            UserError: always.
        """
        raise UserError(f"run {entity.dag_run_id!r} is made by a trigger, not in bulk")

    def update(self, entity: BulkRunBody, mask: Sequence[str]) -> None:
        """Mark a run and write its note."""
        given = {"state": entity.state, "note": entity.note}
        fields = {n: v for n, v in given.items() if v is not None and (not mask or n in mask)}
        change_run(self._call, self.run(self.key(entity)), fields)

    def delete(self, key: str) -> None:
        """Remove a run that has ended."""
        remove_run(self._call.site.db, self.run(key))
