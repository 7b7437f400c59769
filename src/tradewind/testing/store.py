"""What the metadata database would hold, in memory, and the answers to user code's calls.

Runs that share a `MemoryStore` see each other: previous runs, their XComs, asset events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from tradewind.engine.live import LiveRun
from tradewind.errors import Bug, NotFound
from tradewind.model.event import Past, PastTask
from tradewind.model.ids import TaskKey
from tradewind.model.run import Run
from tradewind.model.state import FAILED_STATES, SUCCESS_STATES, RunType, TaskState
from tradewind.sdk import serde
from tradewind.sdk.connection import Connection
from tradewind.sdk.xcom import XCOM_RETURN_KEY
from tradewind.wire.messages import (
    AssetEventInfo,
    AssetEventOut,
    Assignment,
    Call,
    DeleteVariable,
    DeleteXCom,
    DropState,
    GetAssetEvents,
    GetConnection,
    GetPreviousRun,
    GetRunStates,
    GetState,
    GetTaskStates,
    GetVariable,
    GetXComs,
    ListVariables,
    SetRenderedFields,
    SetState,
    SetVariable,
    SetXCom,
)
from tradewind.wire.runs import run_info


class MemoryStore:
    """Variables, connections, XComs, runs and asset events.

    Args:
        variables: by key; what is no string is kept as JSON.
        connections: by id: a `Connection`, or its URI or JSON.
    """

    def __init__(
        self,
        variables: Mapping[str, Any] | None = None,
        connections: Mapping[str, Connection | str] | None = None,
    ) -> None:
        self.variables: dict[str, str] = {}
        self.connections: dict[str, Connection] = {}
        self.runs: dict[int, LiveRun] = {}
        self.xcoms: dict[int, dict[tuple[TaskKey, str], bytes]] = {}
        self.returned: dict[str, Any] = {}
        """By task id: what tasks are taken to have returned that do not run."""
        self.rendered: dict[tuple[int, TaskKey], bytes] = {}
        self.states: dict[tuple[object, str], Any] = {}
        """What is kept, by owner (a task instance, an asset's name) and key."""
        self.asset_events: list[tuple[AssetEventInfo, str | None]] = []
        """Each with the alias that it came through."""
        self.add(variables or {}, connections or {})

    def add(
        self, variables: Mapping[str, Any], connections: Mapping[str, Connection | str]
    ) -> None:
        """Add variables and connections; see the class."""
        for key, value in variables.items():
            self.variables[key] = (
                value if isinstance(value, str) else msgspec.json.encode(value).decode()
            )
        for conn_id, conn in connections.items():
            self.connections[conn_id] = (
                Connection.from_text(conn, conn_id) if isinstance(conn, str) else conn
            )

    def next_run_pk(self) -> int:
        """Return the key of the next run."""
        return len(self.runs) + 1

    def find(self, dag_id: str, run_id: str) -> LiveRun | None:
        """Return a run by its names, or None."""
        return next(
            (r for r in self.runs.values() if (r.run.dag_id, r.run.run_id) == (dag_id, run_id)),
            None,
        )

    def put_xcom(self, run_pk: int, task: TaskKey, key: str, value: bytes) -> None:
        """Keep an XCom."""
        self.xcoms.setdefault(run_pk, {})[task, key] = value

    def forget_xcoms(self, run_pk: int, task: TaskKey) -> None:
        """Forget what earlier tries of a task instance pushed."""
        kept = self.xcoms.get(run_pk, {})
        self.xcoms[run_pk] = {at: value for at, value in kept.items() if at[0] != task}

    def emit(self, assignment: Assignment, events: Iterable[AssetEventOut], at: datetime) -> None:
        """Keep the asset events of a task that succeeded."""
        for event in events:
            info = AssetEventInfo(
                asset_name=event.name,
                asset_uri=event.uri,
                at=at,
                extra=event.extra,
                source_dag_id=assignment.run.dag_id,
                source_task_id=assignment.task_id,
                source_run_id=assignment.run.run_id,
                source_map_index=assignment.map_index,
            )
            self.asset_events.append((info, event.alias))

    def previous(self, run: Run, accept: Callable[[Run], bool]) -> LiveRun | None:
        """Return the latest earlier run of the same DAG that is accepted, or None."""

        def place(other: Run) -> datetime | None:
            return other.run_after if run.logical_date is None else other.logical_date

        own = place(run)
        found = [
            (at, live)
            for live in self.runs.values()
            if live.run.dag_id == run.dag_id
            and live.run.run_pk != run.run_pk
            and (at := place(live.run)) is not None
            and own is not None
            and at < own
            and accept(live.run)
        ]
        return max(found, key=lambda one: one[0])[1] if found else None

    def past(self, live: LiveRun) -> Past:
        """Return how the tasks that this run asks about ended in the run before."""
        needs = live.past_needs()
        if not needs:
            return Past()
        catchup = live.graph.spec.catchup
        before = self.previous(
            live.run, lambda run: not catchup or run.run_type is not RunType.MANUAL
        )
        if before is None:
            return Past()
        states = _states_by_task(before)
        tasks = live.graph.spec.tasks
        found = {}
        for place, task in enumerate(tasks):
            if task.task_id in needs and task.task_id in states:
                below = [t.task_id for t in tasks if place in t.upstream]
                found[task.task_id] = _past_task(states, task.task_id, below)
        return Past(exists=True, tasks=found)

    # ---- answers --------------------------------------------------------------------------

    def answer(self, run: Run, task: TaskKey, call: Call) -> dict[str, Any]:
        """Return the body of the reply to a call of this task instance.

        Raises:
            NotFound: there is no such variable or connection.
        """
        if isinstance(call, SetXCom):
            self.put_xcom(run.run_pk, task, call.key, call.value)
            return {}
        if isinstance(call, DeleteXCom):
            self.xcoms.get(run.run_pk, {}).pop((task, call.key), None)
            return {}
        if isinstance(call, SetRenderedFields):
            self.rendered[run.run_pk, task] = call.fields
            return {}
        if isinstance(call, GetState | SetState | DropState):
            return self._state((run.run_pk, task), call)
        reply = self.secret(call)
        if reply is not None:
            return reply
        answer = _ANSWERS.get(type(call))
        if answer is None:
            raise Bug(f"nothing answers {type(call).__name__}")
        return answer(self, run, call)

    def _state(self, own: object, call: GetState | SetState | DropState) -> dict[str, Any]:
        """Answer a call about what is kept; runs are short here: nothing expires."""
        owner = call.asset_name or call.asset_uri or own
        if isinstance(call, GetState):
            if (owner, call.key) not in self.states:
                raise NotFound(f"nothing is kept under {call.key!r}")
            return {"value": self.states[owner, call.key]}
        if isinstance(call, SetState):
            self.states[owner, call.key] = call.value
        else:
            gone = [k for k in self.states if k[0] == owner and call.key in {None, k[1]}]
            for key in gone:
                del self.states[key]
        return {}

    def secret(self, call: Call) -> dict[str, Any] | None:
        """Answer a call about variables and connections; None for any other.

        Raises:
            NotFound: there is no such variable or connection.
        """
        answer = _SECRETS.get(type(call))
        return None if answer is None else answer(self, call)


def _states_by_task(live: LiveRun) -> dict[str, list[TaskState]]:
    states: dict[str, list[TaskState]] = {}
    for ti in live.instances():
        if ti.state is not TaskState.REMOVED:
            states.setdefault(ti.task_id, []).append(ti.state)
    return states


def _past_task(states: Mapping[str, list[TaskState]], task_id: str, below: list[str]) -> PastTask:
    own = states[task_id]
    worst = next((s for s in own if s in FAILED_STATES), None)
    worst = worst or next((s for s in own if s not in SUCCESS_STATES), own[0])
    done = all(state in SUCCESS_STATES for name in below for state in states.get(name, ()))
    return PastTask(state=worst, downstream_done=done)


def _get_variable(store: MemoryStore, call: GetVariable) -> dict[str, Any]:
    if call.key not in store.variables:
        raise NotFound(f"there is no variable {call.key!r}")
    return {"value": store.variables[call.key]}


def _set_variable(store: MemoryStore, call: SetVariable) -> dict[str, Any]:
    store.variables[call.key] = call.value
    return {}


def _delete_variable(store: MemoryStore, call: DeleteVariable) -> dict[str, Any]:
    store.variables.pop(call.key, None)
    return {}


def _list_variables(store: MemoryStore, call: ListVariables) -> dict[str, Any]:
    return {"keys": [key for key in store.variables if key.startswith(call.prefix)]}


def _get_connection(store: MemoryStore, call: GetConnection) -> dict[str, Any]:
    conn = store.connections.get(call.conn_id)
    if conn is None:
        raise NotFound(f"there is no connection {call.conn_id!r}")
    names = ("conn_type", "host", "schema", "login", "password", "port", "extra")
    return {"conn_id": call.conn_id, **{name: getattr(conn, name) for name in names}}


def _get_xcoms(store: MemoryStore, run: Run, call: GetXComs) -> dict[str, Any]:
    run_pk: int | None = run.run_pk
    if call.dag_id is not None or call.run_id is not None:
        other = store.find(call.dag_id or run.dag_id, call.run_id or run.run_id)
        run_pk = None if other is None else other.run.run_pk
    items = [] if run_pk is None else _xcoms_of(store, run_pk, call)
    if not items and call.include_prior_dates and run.logical_date is not None:
        dag_id = call.dag_id or run.dag_id
        earlier = store.previous(
            msgspec.structs.replace(run, dag_id=dag_id),
            lambda other: bool(_xcoms_of(store, other.run_pk, call)),
        )
        items = [] if earlier is None else _xcoms_of(store, earlier.run.run_pk, call)
    return {"items": items[call.offset : call.offset + call.limit]}


def _xcoms_of(store: MemoryStore, run_pk: int, call: GetXComs) -> list[dict[str, Any]]:
    place = {task_id: i for i, task_id in enumerate(call.task_ids)}
    taken = {
        (TaskKey(task_id), XCOM_RETURN_KEY): serde.dumps(value)
        for task_id, value in store.returned.items()
    }
    found = [
        {"task_id": task.task_id, "map_index": task.map_index, "value": value}
        for (task, key), value in {**taken, **store.xcoms.get(run_pk, {})}.items()
        if call.key in {key, ""}
        and (not place or task.task_id in place)
        and (call.map_indexes is None or task.map_index in call.map_indexes)
    ]
    if not place or not call.key:
        return found[::-1]  # the newest first
    return sorted(found, key=lambda item: (place[item["task_id"]], item["map_index"]))


def _chosen(
    store: MemoryStore, dag_id: str, run_ids: Iterable[str], dates: Iterable[datetime]
) -> list[LiveRun]:
    names, times = set(run_ids), set(dates)
    return [
        live
        for live in store.runs.values()
        if live.run.dag_id == dag_id
        and (not names or live.run.run_id in names)
        and (not times or live.run.logical_date in times)
    ]


def _get_task_states(store: MemoryStore, run: Run, call: GetTaskStates) -> dict[str, Any]:
    del run
    runs = {}
    for live in _chosen(store, call.dag_id, call.run_ids, call.logical_dates):
        wanted: set[str] | None = set(call.task_ids) or None
        if wanted is None and call.group_id is not None:
            wanted = _in_group(live, call.group_id)
        runs[live.run.run_id] = {
            str(ti.in_run): ti.state.value
            for ti in live.instances()
            if wanted is None or ti.task_id in wanted
        }
    return {"runs": runs}


def _in_group(live: LiveRun, group_id: str) -> set[str]:
    parents = {group.group_id: group.parent for group in live.graph.spec.groups}
    inside = set()
    for task in live.graph.spec.tasks:
        group = task.group_id
        while group is not None and group != group_id:
            group = parents.get(group)
        if group is not None:
            inside.add(task.task_id)
    return inside


def _get_run_states(store: MemoryStore, run: Run, call: GetRunStates) -> dict[str, Any]:
    del run
    found = _chosen(store, call.dag_id, call.run_ids, call.logical_dates)
    states = {live.run.run_id: live.run.state.value for live in found}
    return {
        "exists": any(live.run.dag_id == call.dag_id for live in store.runs.values()),
        "runs": {k: v for k, v in states.items() if not call.states or v in call.states},
    }


def _get_previous_run(store: MemoryStore, run: Run, call: GetPreviousRun) -> dict[str, Any]:
    before = store.previous(run, lambda other: call.state in {None, other.state.value})
    if before is None:
        return {}
    info = msgspec.structs.asdict(run_info(before.run))
    del info["consumed_asset_events"]
    return info


def _get_asset_events(store: MemoryStore, run: Run, call: GetAssetEvents) -> dict[str, Any]:
    del run
    found = [
        event
        for event, alias in store.asset_events
        if call.name in {None, event.asset_name}
        and call.uri in {None, event.asset_uri}
        and call.alias in {None, alias}
        and (call.after is None or event.at >= call.after)
        and (call.before is None or event.at <= call.before)
    ]
    ordered = found if call.ascending else found[::-1]
    return {
        "events": [
            msgspec.to_builtins(event, builtin_types=(datetime,)) for event in ordered[: call.limit]
        ]
    }


_SECRETS: dict[type, Callable[[MemoryStore, Any], dict[str, Any]]] = {
    GetVariable: _get_variable,
    SetVariable: _set_variable,
    DeleteVariable: _delete_variable,
    ListVariables: _list_variables,
    GetConnection: _get_connection,
}

_ANSWERS: dict[type, Callable[[MemoryStore, Run, Any], dict[str, Any]]] = {
    GetXComs: _get_xcoms,
    GetTaskStates: _get_task_states,
    GetRunStates: _get_run_states,
    GetPreviousRun: _get_previous_run,
    GetAssetEvents: _get_asset_events,
}
