"""What workers, triggerers and the server say to each other.

One vocabulary for both transports: length-prefixed MessagePack over a local socket, and
batches of it over HTTP for remote workers (`tradewind.wire.remote`). Values only; nothing here
executes, imports or unpickles.

Who speaks:
  * worker → server: `Hello`, then `Claim`, `Beat`, `Finish`, `Exited`, and `Call`s that user
    code makes
  * server → worker: `Launch`, `CancelAttempt`, `Drain`, and one `Reply` for each message with a
    `seq`

Every message about an attempt names the attempt id and the nonce of its claim. A write whose
attempt is no longer current is answered `Reply(error="fenced")` and changes nothing.
XCom values, trigger kwargs and payloads are typed JSON made by `tradewind.sdk.serde`; the
server stores and forwards them without looking inside.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tradewind.model.ids import UNMAPPED, AttemptId
from tradewind.model.outcome import Outcome

WIRE_VERSION = 1
"""Peers of different versions refuse each other, naming both."""


class MapLevel(msgspec.Struct, frozen=True, omit_defaults=True):
    """One level of mapping of an attempt, outermost first.

    group_id: the mapped task group, or None for the task's own expand.
    lengths: length of each mapped argument, by name; for expand_kwargs one named "".
    index: this instance's index at this level.
    """

    group_id: str | None
    lengths: dict[str, int]
    index: int


class RunInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The run as the template context shows it."""

    dag_id: str
    run_id: str
    run_type: str
    run_after: datetime
    state: str = "running"
    logical_date: datetime | None = None
    interval_start: datetime | None = None
    interval_end: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    conf: dict[str, Any] = {}
    triggering_user: str | None = None
    clear_number: int = 0
    note: str | None = None
    consumed_asset_events: tuple[AssetEventInfo, ...] = ()


class AssetEventInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An asset event as user code sees it."""

    asset_name: str
    asset_uri: str
    at: datetime
    extra: dict[str, Any] = {}
    source_dag_id: str | None = None
    source_task_id: str | None = None
    source_run_id: str | None = None
    source_map_index: int = UNMAPPED


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """A deferred task goes on: call `method(context, event=payload, **kwargs)`.

    error: set instead of payload when the trigger failed or timed out.
    """

    method: str
    kwargs: bytes
    payload: bytes | None = None
    error: str | None = None
    timed_out: bool = False


class TriggerCall(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger to run: class path and typed-JSON kwargs.

    An assignment of kind "trigger" wants its first event, one of kind "watcher" all of them.
    """

    classpath: str
    kwargs: bytes
    timeout_at: datetime | None = None


class MissedDeadline(msgspec.Struct, frozen=True, kw_only=True):
    """A deadline that a run missed. position: which of its DAG's it is."""

    deadline_id: int
    position: int
    due_at: datetime


class CallbackCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A callback to run. task_id of the assignment is "" for the DAG's own callbacks.

    deadline: for kind "deadline".
    """

    callback_id: int
    kind: str
    reason: str | None = None
    deadline: MissedDeadline | None = None


class Assignment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a worker needs to run one attempt (kind "task"), callback or trigger.

    dag_file: path relative to the DAG folder (or "a.zip/inner.py").
    source_hash: closure of the DAG file in the snapshot; a worker runs the live file only
        while the live closure has this hash (in_place), else a materialised one.
    """

    kind: str = "task"
    attempt_id: AttemptId
    fence: int
    try_number: int
    max_tries: int
    dag_file: str
    source_hash: str
    tree_hash: str = ""
    in_place: bool = True
    version_number: int = 1
    task_id: str
    map_index: int = UNMAPPED
    map_levels: tuple[MapLevel, ...] = ()
    upstream_indexes: dict[str, tuple[int, ...]] = {}
    """For a task in a mapped group: which instances of its upstreams in that group are its own."""
    run: RunInfo
    callbacks: tuple[str, ...] = ()
    first_started_at: datetime | None = None
    reschedule_count: int = 0
    resumes: bool = False
    """The task goes on after its trigger; resume says how."""
    resume: Resume | None = None
    trigger: TriggerCall | None = None
    callback: CallbackCall | None = None


class Launch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="launch"):
    """A request to an executor: run this attempt. Idempotent under the attempt id.

    executor_config: what the task's author says to its executor, as JSON.
    """

    attempt_id: AttemptId
    claim_token: str
    assignment: Assignment
    executor: str
    queue: str | None = None
    priority: int = 1
    executor_config: dict[str, Any] | None = None


# ---- worker → server --------------------------------------------------------------------


class RunningAttempt(msgspec.Struct, frozen=True):
    """An attempt that a (re)connecting supervisor owns. nonce: as claimed."""

    attempt_id: AttemptId
    nonce: str


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """First message of a connection.

    kind: "supervisor" or "triggerer". peer_id: new for each incarnation of the process.
    running: what it owns, so that the server neither loses nor restarts it.
    """

    kind: str
    peer_id: str
    host: str
    pid: int
    wire: int = WIRE_VERSION
    version: str = ""
    running: tuple[RunningAttempt, ...] = ()


class Claim(msgspec.Struct, frozen=True, kw_only=True, tag="claim"):
    """Ask to start the attempt: queued → running. The same nonce again is answered the same.

    → {}; to a remote worker, who was told no more than the token, {"assignment": bytes}.
    """

    seq: int
    attempt_id: AttemptId
    nonce: str
    claim_token: str
    worker: str
    pid: int = 0


class Beat(msgspec.Struct, frozen=True, kw_only=True, tag="beat"):
    """All of a host's running attempts are alive."""

    seq: int
    attempts: tuple[RunningAttempt, ...]


class XComValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value that user code pushed; value: typed JSON."""

    key: str
    value: bytes


class AssetEventOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event for an outlet, in effect when the attempt succeeds. alias: emitted through it."""

    name: str
    uri: str
    extra: dict[str, Any] = {}
    alias: str | None = None


class Finish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="finish"):
    """The attempt's outcome with everything that commits together with it."""

    seq: int
    attempt_id: AttemptId
    nonce: str
    outcome: Outcome
    xcoms: tuple[XComValue, ...] = ()
    mapped_length: int | None = None
    returned: bool = False
    asset_events: tuple[AssetEventOut, ...] = ()
    rendered_fields: bytes | None = None
    rendered_map_index: str | None = None
    exit_code: int | None = None
    exit_signal: int | None = None


class TriggerFinish(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="trigger_finish"
):
    """A trigger's event or failure."""

    seq: int
    attempt_id: AttemptId
    nonce: str
    payload: bytes | None = None
    error: str | None = None


class WatcherEvent(msgspec.Struct, frozen=True, kw_only=True, tag="watcher_event"):
    """A watcher's trigger yielded an event of its asset; it goes on when this is answered.

    number: of the event, from 1 for each claim; the same one again is the same event.
    extra: of the asset event.
    """

    seq: int
    attempt_id: AttemptId
    nonce: str
    number: int
    extra: dict[str, Any]


class CallbackDone(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="callback_done"
):
    """A callback ran (error: what it raised)."""

    seq: int
    attempt_id: AttemptId
    nonce: str
    callback_id: int
    error: str | None = None


class GetObjects(msgspec.Struct, frozen=True, kw_only=True, tag="get_objects"):
    """Ask for packed objects of a code snapshot (`tradewind.wire.snapshot`).

    → {"objects": {name: bytes}, "rest": [name]}; rest: ask for these again, the reply was full.
    """

    seq: int
    names: tuple[str, ...]


class AppendLog(msgspec.Struct, frozen=True, kw_only=True, tag="append_log"):
    """The next lines of a remote attempt's log, already masked.

    → {"size": int}: what the log has now. offset: where the lines belong in the file; lines that
    are there already are not written twice.
    """

    seq: int
    attempt_id: AttemptId
    offset: int
    lines: bytes


# ---- calls that user code makes through its attempt ---------------------------------------


class GetVariable(msgspec.Struct, frozen=True, tag="get_variable"):
    """→ {"value": str} or error "not_found"."""

    key: str


class SetVariable(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="set_variable"
):
    """→ {}."""

    key: str
    value: str
    description: str | None = None


class DeleteVariable(msgspec.Struct, frozen=True, tag="delete_variable"):
    """→ {}."""

    key: str


class ListVariables(msgspec.Struct, frozen=True, omit_defaults=True, tag="list_variables"):
    """→ {"keys": [str]}."""

    prefix: str = ""


class GetConnection(msgspec.Struct, frozen=True, tag="get_connection"):
    """→ {"conn_id", "conn_type", "host", "schema", "login", "password", "port", "extra"(str)}."""

    conn_id: str


class GetXComs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="get_xcoms"):
    """→ {"items": [{"task_id", "map_index", "value"}]} in (task order given, map_index) order.

    task_ids: none means those of any task, the newest first. key: "" means any key, likewise.
    dag_id, run_id: None means the attempt's own. map_indexes: None means all instances.
    include_prior_dates: when the run has none, the latest earlier run that has one.
    """

    key: str
    task_ids: tuple[str, ...]
    map_indexes: tuple[int, ...] | None = None
    dag_id: str | None = None
    run_id: str | None = None
    include_prior_dates: bool = False
    offset: int = 0
    limit: int = 10_000


class SetXCom(msgspec.Struct, frozen=True, kw_only=True, tag="set_xcom"):
    """→ {}. Written for the calling attempt's own task instance."""

    key: str
    value: bytes


class DeleteXCom(msgspec.Struct, frozen=True, kw_only=True, tag="delete_xcom"):
    """→ {}."""

    key: str


class GetTaskStates(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="get_task_states"
):
    """→ {"runs": {run_id: {"task_id" or "task_id[3]": state}}}; runs by id or by logical date."""

    dag_id: str
    run_ids: tuple[str, ...] = ()
    logical_dates: tuple[datetime, ...] = ()
    task_ids: tuple[str, ...] = ()
    group_id: str | None = None


class GetRunStates(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="get_run_states"
):
    """→ {"runs": {run_id: state}}; also answers counts for get_dr_count.

    exists: whether the DAG is known.
    """

    dag_id: str
    run_ids: tuple[str, ...] = ()
    logical_dates: tuple[datetime, ...] = ()
    states: tuple[str, ...] = ()


class GetPreviousRun(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="get_previous_run"
):
    """→ RunInfo as a map, or {}. state: only a run in this state."""

    state: str | None = None


class TriggerRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="trigger_run"):
    """→ {"run_id": str} or error "already_exists" / "not_found" / "paused" / "invalid"."""

    dag_id: str
    run_id: str | None = None
    conf: dict[str, Any] = {}
    logical_date: datetime | None = None
    run_after: datetime | None = None
    reset: bool = False
    fail_when_paused: bool = False
    note: str | None = None


class GetAssetEvents(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="get_asset_events"
):
    """→ {"events": [AssetEventInfo]}."""

    name: str | None = None
    uri: str | None = None
    alias: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    ascending: bool = True
    limit: int = 1_000


class GetState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="get_state"):
    """→ {"value": JSON} or error "not_found".

    asset_name, asset_uri: of an asset; neither: of the calling task instance.
    """

    key: str
    asset_name: str = ""
    asset_uri: str = ""


class SetState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="set_state"):
    """→ {}. Keep a value, of an asset or of the calling task instance."""

    key: str
    value: Any
    expires_at: datetime | None = None
    asset_name: str = ""
    asset_uri: str = ""


class DropState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="drop_state"):
    """→ {}. Remove a value, or all (key None)."""

    key: str | None = None
    asset_name: str = ""
    asset_uri: str = ""


class SetRenderedFields(msgspec.Struct, frozen=True, kw_only=True, tag="set_rendered"):
    """→ {}. The rendered template fields (already masked and truncated) while the task runs."""

    fields: bytes


class Mask(msgspec.Struct, frozen=True, tag="mask"):
    """→ {}. Hide this value in the log; answered by the supervisor, it goes no further."""

    secret: str


Call = (
    Mask
    | GetVariable
    | SetVariable
    | DeleteVariable
    | ListVariables
    | GetConnection
    | GetXComs
    | SetXCom
    | DeleteXCom
    | GetTaskStates
    | GetRunStates
    | GetPreviousRun
    | TriggerRun
    | GetAssetEvents
    | GetState
    | SetState
    | DropState
    | SetRenderedFields
)


class Request(msgspec.Struct, frozen=True, kw_only=True, tag="request"):
    """A call from an attempt's user code (a trigger's or callback's too)."""

    seq: int
    attempt_id: AttemptId
    nonce: str
    call: Call


# ---- server → worker --------------------------------------------------------------------


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="reply"):
    """The answer to the message with this seq.

    error: None, or "fenced", "not_found", "already_exists", "paused", "invalid", "unavailable";
    message: for people. body: as the call's docstring says.
    cancel: on a beat, attempts to stop at once.
    """

    seq: int
    error: str | None = None
    message: str | None = None
    body: dict[str, Any] = {}
    cancel: tuple[AttemptId, ...] = ()


class CancelAttempt(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """Stop the attempt: on_kill, SIGTERM, grace, SIGKILL. No report is awaited."""

    attempt_id: AttemptId
    reason: str


class Outage(msgspec.Struct, frozen=True, kw_only=True, tag="outage"):
    """The scheduler cannot reach the database and hangs up: what runs may go on meanwhile.

    grace_s: so long without an answer. As long as the database is away nothing is started
    anywhere, so that nothing is started anew either.
    """

    grace_s: float


class Drain(msgspec.Struct, frozen=True, kw_only=True, tag="drain"):
    """Take no new launches; let what runs finish within the grace, then end."""

    grace_s: float


ToServer = (
    Hello
    | Claim
    | Beat
    | Finish
    | TriggerFinish
    | WatcherEvent
    | CallbackDone
    | Request
    | GetObjects
)
ToWorker = Launch | Reply | CancelAttempt | Outage | Drain
