"""What programs keep between runs: values of task instances and of assets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tradewind.errors import NotFound
from tradewind.model.ids import UNMAPPED, TiKey
from tradewind.store import states
from tradewind.store.read import asset_list, task_list
from tradewind.store.read.paging import Page, Slice
from tradewind.store.states import Kept, Place
from tradewind.web.access import Access, Forbidden
from tradewind.web.api.dag_runs import the_run
from tradewind.web.api.task_instances import TASK, the_task
from tradewind.web.call import Call, aware
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid
from tradewind.web.shapes import Body, Shape, slice_of

task_routes = Routes("Task State Store")
asset_routes = Routes("Asset State Store")
_OF_TASK = f"{TASK}/state-store"
_OF_ASSET = "/api/v2/assets/{asset_id}/state-store"
_KEY = "/{key:path}"
_MAX_KEY_CHARACTERS = 250
_AIRFLOWS_DEFAULT = "default"
"""In place of a time: as long as the server keeps values by itself; here, as long as their run."""


class TaskStateQuery(msgspec.Struct, kw_only=True):
    """Which instance of a mapped task is meant."""

    map_index: int = UNMAPPED


class TaskStatesQuery(Page, kw_only=True):
    """Which instance of a mapped task is meant, and which part of the list."""

    map_index: int = UNMAPPED


class ClearQuery(msgspec.Struct, kw_only=True):
    """Which instance of a mapped task is meant, or all."""

    map_index: int = UNMAPPED
    all_map_indices: bool = False


class TaskStateBody(Body):
    """A value, and when it ends: a time, null for never, or "default"."""

    value: Any
    expires_at: str | None = _AIRFLOWS_DEFAULT


class StateBody(Body):
    """A value."""

    value: Any


class TaskStateStoreResponse(Shape):
    """A value that a task instance keeps."""

    key: str
    value: Any
    updated_at: datetime
    expires_at: datetime | None


class TaskStateStoreCollectionResponse(Shape):
    """What a task instance keeps."""

    task_state_store: list[TaskStateStoreResponse]
    total_entries: int


class AssetStateStoreResponse(Shape):
    """A value that is kept of an asset."""

    key: str
    value: Any
    updated_at: datetime
    last_updated_by: dict[str, Any] | None


class AssetStateStoreCollectionResponse(Shape):
    """What is kept of an asset."""

    asset_state_store: list[AssetStateStoreResponse]
    total_entries: int


# ---- of task instances ----------------------------------------------------------------------


@task_routes.get(_OF_TASK, Access.DAG_READ)
def list_task_state_store(
    call: Call[TaskStatesQuery, None],
) -> TaskStateStoreCollectionResponse:
    """List what a task instance keeps."""
    part = slice_of(call.site.config, call.query, "key")
    place = _of_task(call, call.query.map_index)
    found, total = states.find(call.site.db, place, call.site.clock.now(), part)
    return TaskStateStoreCollectionResponse(
        task_state_store=list(map(_task_shape, found)), total_entries=total
    )


@task_routes.get(f"{_OF_TASK}{_KEY}", Access.DAG_READ)
def get_task_state_store(call: Call[TaskStateQuery, None]) -> TaskStateStoreResponse:
    """Return a value that a task instance keeps."""
    return _task_shape(_one(call, _of_task(call, call.query.map_index)))


@task_routes.put(f"{_OF_TASK}{_KEY}", Access.DAG_EDIT, status=204)
def set_task_state_store(call: Call[TaskStateQuery, TaskStateBody]) -> None:
    """Keep a value for a task instance."""
    _put(call, _of_task(call, call.query.map_index), _end(call.body.expires_at))


@task_routes.patch(f"{_OF_TASK}{_KEY}", Access.DAG_EDIT)
def patch_task_state_store(call: Call[TaskStateQuery, StateBody]) -> TaskStateStoreResponse:
    """Change a value that a task instance keeps; its end stays."""
    place = _of_task(call, call.query.map_index)
    _put(call, place, _one(call, place).expires_at)
    return _task_shape(_one(call, place))


@task_routes.delete(f"{_OF_TASK}{_KEY}", Access.DAG_EDIT)
def delete_task_state_store(call: Call[TaskStateQuery, None]) -> None:
    """Remove a value that a task instance keeps."""
    _drop(call, _of_task(call, call.query.map_index))


@task_routes.delete(_OF_TASK, Access.DAG_EDIT)
def clear_task_state_store(call: Call[ClearQuery, None]) -> None:
    """Remove everything that a task instance, or all instances of a task, keep."""
    if not call.query.all_map_indices:
        places = [_of_task(call, call.query.map_index)]
    else:
        run = the_run(call)
        found = task_list.instances_of(call.site.db, run.run_pk, call.path["task_id"])
        places = [states.of_task(ti) for ti in found]
    with call.site.db.write() as conn:
        for place in places:
            states.drop(conn, place)


# ---- of assets ------------------------------------------------------------------------------


@asset_routes.get(_OF_ASSET, Access.DAG_READ)
def list_asset_state_store(call: Call[Page, None]) -> AssetStateStoreCollectionResponse:
    """List what is kept of an asset."""
    part = slice_of(call.site.config, call.query, "key")
    found, total = states.find(call.site.db, _of_asset(call), call.site.clock.now(), part)
    return AssetStateStoreCollectionResponse(
        asset_state_store=list(map(_asset_shape, found)), total_entries=total
    )


@asset_routes.get(f"{_OF_ASSET}{_KEY}", Access.DAG_READ)
def get_asset_state_store(call: Call[None, None]) -> AssetStateStoreResponse:
    """Return a value that is kept of an asset."""
    return _asset_shape(_one(call, _of_asset(call)))


@asset_routes.put(f"{_OF_ASSET}{_KEY}", Access.DAG_EDIT, status=204)
def set_asset_state_store(call: Call[None, StateBody]) -> None:
    """Keep a value of an asset."""
    _put(call, _of_asset(call, edit=True), None)


@asset_routes.delete(f"{_OF_ASSET}{_KEY}", Access.DAG_EDIT)
def delete_asset_state_store(call: Call[None, None]) -> None:
    """Remove a value that is kept of an asset."""
    _drop(call, _of_asset(call, edit=True))


@asset_routes.delete(_OF_ASSET, Access.DAG_EDIT)
def clear_asset_state_store(call: Call[None, None]) -> None:
    """Remove everything that is kept of an asset."""
    place = _of_asset(call, edit=True)
    with call.site.db.write() as conn:
        states.drop(conn, place)


# ---- both -----------------------------------------------------------------------------------


def _of_task(call: Call[Any, Any], map_index: int) -> Place:
    ti: TiKey = the_task(call, map_index).ti.key
    return states.of_task(ti)


def _of_asset(call: Call[Any, Any], *, edit: bool = False) -> Place:
    wanted, caller = call.number("asset_id"), call.caller
    found = asset_list.one(call.site.db, wanted, caller.readable)
    if found is None:
        raise NotFound(f"there is no asset {wanted}")
    if edit:
        # Every DAG that names the asset may read what is kept of it: seen by the caller or not.
        every = asset_list.one(call.site.db, wanted, None)
        named = {r.dag_id for r in every.references} if every else set()
        if not all(caller.account and caller.account.may_edit(dag_id) for dag_id in named):
            raise Forbidden
    return states.of_asset(wanted)


def _one(call: Call[Any, Any], place: Place) -> Kept:
    key = call.path["key"]
    found, _ = states.find(call.site.db, place, call.site.clock.now(), Slice(limit=1), key)
    if not found:
        raise NotFound(f"nothing is kept under {key!r}")
    return found[0]


def _put(call: Call[Any, Any], place: Place, expires_at: datetime | None) -> None:
    key = call.path["key"]
    if len(key) > _MAX_KEY_CHARACTERS:
        raise invalid("key", f"is longer than {_MAX_KEY_CHARACTERS} characters", where="path")
    now = call.site.clock.now()
    with call.site.db.write() as conn:
        states.put(conn, place, key, call.body.value, now, expires_at, by={"kind": "api"})


def _drop(call: Call[Any, Any], place: Place) -> None:
    key = call.path["key"]
    with call.site.db.write() as conn:
        if not states.drop(conn, place, key):
            raise NotFound(f"nothing is kept under {key!r}")


def _end(given: str | None) -> datetime | None:
    if given is None or given == _AIRFLOWS_DEFAULT:
        return None
    try:
        return aware("expires_at", datetime.fromisoformat(given))
    except ValueError as error:
        raise invalid("expires_at", "is a time with a zone, null or default", given) from error


def _task_shape(kept: Kept) -> TaskStateStoreResponse:
    return TaskStateStoreResponse(
        key=kept.key, value=kept.value, updated_at=kept.updated_at, expires_at=kept.expires_at
    )


def _asset_shape(kept: Kept) -> AssetStateStoreResponse:
    return AssetStateStoreResponse(
        key=kept.key,
        value=kept.value,
        updated_at=kept.updated_at,
        last_updated_by=kept.updated_by,
    )
