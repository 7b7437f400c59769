"""XComs: values that tasks pass on. They are data here: nothing is imported to read them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tradewind.errors import AlreadyExists, NotFound
from tradewind.model.ids import UNMAPPED, TiKey
from tradewind.model.run import Run
from tradewind.store import xcoms
from tradewind.store.read import run_list, xcom_list
from tradewind.store.read.paging import Slice
from tradewind.store.read.xcom_list import XComFilter, XComRow
from tradewind.web.access import Access
from tradewind.web.api.dag_runs import dags_of, the_run
from tradewind.web.api.task_instances import TASK, the_task
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid
from tradewind.web.shapes import Body, Name, Shape, slice_of

routes = Routes("XCom")
_ALL = f"{TASK}/xcomEntries"
_ONE = f"{_ALL}/{{xcom_key:path}}"
_ANY = "~"
_CLASSNAME, _DATA = "__classname__", "__data__"
_RESERVED = ("__classname__", "__type", "__var", "__version__", "__data__", "__serialized__")
"""Keys that a reader of XComs would take for an object's class: no caller may write them."""
_MAX_DEPTH = 64


class XComQuery(msgspec.Struct, kw_only=True):
    """Which instance is meant, and how the value is wanted."""

    map_index: int = UNMAPPED
    deserialize: bool = False
    stringify: bool = False


class XComCreateBody(Body):
    """An XCom to write."""

    key: Name
    value: Any
    map_index: int = UNMAPPED


class XComUpdateBody(Body):
    """The value that an XCom is to have."""

    value: Any
    map_index: int = UNMAPPED


class XComResponse(Shape):
    """An XCom without its value."""

    key: str
    timestamp: datetime
    logical_date: datetime | None
    map_index: int
    task_id: str
    dag_id: str
    run_id: str
    dag_display_name: str
    task_display_name: str
    run_after: datetime


class XComResponseNative(XComResponse):
    """An XCom. value: as JSON, or as text when that was asked for."""

    value: Any


class XComCollectionResponse(Shape):
    """XComs."""

    xcom_entries: list[XComResponse]
    total_entries: int


@routes.get(_ALL, Access.DAG_READ)
def get_xcom_entries(call: Call[XComFilter, None]) -> XComCollectionResponse:
    """List XComs; ~ stands for every DAG, run or task."""
    dags_of(call)
    if _ANY not in {call.path["dag_id"], call.path["dag_run_id"]}:
        the_run(call)
    named = [call.path[name] for name in ("dag_id", "dag_run_id", "task_id")]
    dag_id, run_id, task_id = (None if name == _ANY else name for name in named)
    found, total = xcom_list.find(
        call.site.db,
        (dag_id, run_id, task_id),
        call.query,
        slice_of(call.site.config, call.query, "key"),
        call.caller.readable,
    )
    names = run_list.display_names(call.site.db, {row.run.dag_id for row in found})
    shown = [XComResponse(**_fields(row, names)) for row in found]
    return XComCollectionResponse(xcom_entries=shown, total_entries=total)


@routes.get(_ONE, Access.DAG_READ)
def get_xcom_entry(call: Call[XComQuery, None]) -> XComResponseNative:
    """Return an XCom with its value."""
    return _one(call, call.path["xcom_key"], call.query.map_index, as_text=call.query.stringify)


@routes.post(_ALL, Access.DAG_EDIT, status=201)
def create_xcom_entry(call: Call[None, XComCreateBody]) -> XComResponseNative:
    """Write an XCom by hand."""
    body = call.body
    row = the_task(call, body.map_index)
    if _find(call, row.run, body.key, body.map_index) is not None:
        raise AlreadyExists(f"task {row.ti.task_id!r} has an XCom {body.key!r} already")
    _write(call, row.ti.key, body.key, body.value)
    call.audit(after={"key": body.key})
    return _one(call, body.key, body.map_index)


@routes.patch(_ONE, Access.DAG_EDIT)
def update_xcom_entry(call: Call[None, XComUpdateBody]) -> XComResponseNative:
    """Replace an XCom's value."""
    key, body = call.path["xcom_key"], call.body
    _one(call, key, body.map_index)
    _write(call, the_task(call, body.map_index).ti.key, key, body.value)
    return _one(call, key, body.map_index)


@routes.delete(_ONE, Access.DAG_EDIT)
def delete_xcom_entry(call: Call[XComQuery, None]) -> None:
    """Remove an XCom."""
    key, ti = call.path["xcom_key"], the_task(call, call.query.map_index).ti.key
    if not xcoms.drop_by_hand(call.site.db, ti, key):
        raise NotFound(f"task {ti.task_id!r} has no XCom {key!r}")


def _one(
    call: Call[Any, Any], key: str, map_index: int, *, as_text: bool = False
) -> XComResponseNative:
    run = the_run(call)
    row = _find(call, run, key, map_index)
    if row is None:
        raise NotFound(f"task {call.path['task_id']!r} has no XCom {key!r}")
    ti = TiKey(run.run_pk, row.task_id, row.map_index)
    value = native(xcoms.value(call.site.db, ti, key))
    if as_text:
        value = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    names = run_list.display_names(call.site.db, {run.dag_id})
    return XComResponseNative(**_fields(row, names), value=value)


def _find(call: Call[Any, Any], run: Run, key: str, map_index: int) -> XComRow | None:
    found, _ = xcom_list.find(
        call.site.db,
        (run.dag_id, run.run_id, call.path["task_id"]),
        XComFilter(xcom_key=key, map_index=map_index),
        Slice(limit=1),
        call.caller.readable,
    )
    return found[0] if found else None


def _write(call: Call[Any, Any], ti: TiKey, key: str, value: Any) -> None:
    if _is_reserved(value):
        raise invalid("value", f"must not have the keys {', '.join(_RESERVED)}")
    xcoms.put_by_hand(call.site.db, ti, key, msgspec.json.encode(value), call.site.clock.now())


def _is_reserved(value: Any) -> bool:
    if isinstance(value, dict):
        return any(k in _RESERVED for k in value) or any(map(_is_reserved, value.values()))
    return isinstance(value, list) and any(map(_is_reserved, value))


def native(stored: bytes) -> Any:
    """Return a stored value as plain JSON."""
    return _readable(msgspec.json.decode(stored))


def _readable(value: Any, depth: int = 0) -> Any:
    """Return a typed value as plain JSON: what an envelope holds, without its class."""
    if depth > _MAX_DEPTH:
        return str(value)
    if isinstance(value, list):
        return [_readable(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if _CLASSNAME in value and _DATA in value:
        return _readable(value[_DATA], depth + 1)
    return {name: _readable(item, depth + 1) for name, item in value.items()}


def _fields(row: XComRow, names: dict[str, str]) -> dict[str, Any]:
    return {
        "key": row.key,
        "timestamp": row.at,
        "logical_date": row.run.logical_date,
        "map_index": row.map_index,
        "task_id": row.task_id,
        "dag_id": row.run.dag_id,
        "run_id": row.run.run_id,
        "dag_display_name": names.get(row.run.dag_id, row.run.dag_id),
        "task_display_name": row.task_id,
        "run_after": row.run.run_after,
    }
