"""The DAG as plain data: what the processor publishes and every server reads.

A `DagSpec` is immutable, has no user code in it and round-trips through JSON
(`encode_spec` / `decode_spec`). Tasks refer to each other by their index in
`DagSpec.tasks`, which is in topological order (every upstream has a smaller index), so
that a graph of a million edges costs integers, not strings.

Times are aware UTC; durations are seconds.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from tradewind.model.deadline import DeadlineSpec
from tradewind.model.schedule import NoSchedule, ScheduleSpec
from tradewind.model.state import TriggerRule
from tradewind.model.watcher import WatcherSpec

SPEC_FORMAT = 1
"""Raised when the JSON form changes incompatibly; readers refuse a newer one."""

LINK_KEY_PREFIX = "_link_"
"""Of the keys of XComs that hold links of operators to other systems; the link's name follows."""
DEFAULT_POOL = "default_pool"


class MapLiteral(msgspec.Struct, frozen=True, tag="literal"):
    """A list or dict written in the DAG file: its length is known."""

    length: int


class MapXCom(msgspec.Struct, frozen=True, tag="xcom"):
    """The value (or, of a mapped upstream, the values) of an upstream task's XCom.

    task: the upstream's index in `DagSpec.tasks`.
    """

    task: int
    key: str = "return_value"


class MapZip(msgspec.Struct, frozen=True, tag="zip"):
    """`a.zip(b, …)`: as long as its shortest part, or its longest when a fill value is given."""

    parts: tuple[MapSource, ...]
    longest: bool = False


class MapConcat(msgspec.Struct, frozen=True, tag="concat"):
    """`a.concat(b, …)`: as long as its parts together."""

    parts: tuple[MapSource, ...]


MapSource = MapLiteral | MapXCom | MapZip | MapConcat
"""Where the elements of a mapped argument come from.

`.map(f)` keeps the length and is not shown.
"""


class ExpandSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How a task or a task group is mapped.

    sources: the mapped arguments in declaration order. `expand(a=…, b=…)` has one each and
        makes their cross product, the last varying fastest; `expand_kwargs(x)` has one,
        named "".
    """

    sources: tuple[tuple[str, MapSource], ...]


class AssetRef(msgspec.Struct, frozen=True):
    """An asset named in a task's inlets or outlets.

    alias: true when this names an asset alias.
    """

    name: str
    uri: str = ""
    group: str = "asset"
    alias: bool = False
    extra: dict[str, Any] = {}


class TaskSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One task of a DAG. Field names and defaults are Airflow's unless the unit is in the name."""

    task_id: str
    operator: str = "BaseOperator"
    upstream: tuple[int, ...] = ()
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    group_id: str | None = None
    expand: ExpandSpec | None = None

    owner: str = "airflow"
    display_name: str | None = None
    doc_md: str | None = None
    map_index_template: str | None = None

    retries: int = 0
    retry_delay_s: float = 300.0
    retry_backoff: float = 0.0
    """The multiplier of exponential back-off; 0 is off (Airflow 2's True is 2.0)."""
    max_retry_delay_s: float | None = None
    execution_timeout_s: float | None = None

    depends_on_past: bool = False
    ignore_first_depends_on_past: bool = True
    wait_for_past_depends_before_skipping: bool = False
    wait_for_downstream: bool = False
    start_date: datetime | None = None
    end_date: datetime | None = None

    pool: str = DEFAULT_POOL
    pool_slots: int = 1
    priority_weight: int = 1
    weight_rule: str = "downstream"
    """A `WeightRule`, or "custom" when `priority_weight` is already the total."""
    queue: str | None = None
    executor: str | None = None
    executor_config: dict[str, Any] | None = None
    """What the author says to the executor, as JSON: `pod_override` is a pod's."""
    max_active_tis_per_dag: int | None = None
    max_active_tis_per_dagrun: int | None = None

    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    no_op: bool = False
    """An EmptyOperator without callbacks, outlets or conditions: done without an attempt."""
    reschedule_mode: bool = False
    can_skip_downstream: bool = False
    """A branch or short-circuit: its report may name tasks to skip."""
    callbacks: tuple[str, ...] = ()
    """Which of "execute", "success", "failure", "retry", "skipped" the author set."""
    inlets: tuple[AssetRef, ...] = ()
    outlets: tuple[AssetRef, ...] = ()
    do_xcom_push: bool = True
    template_fields: tuple[str, ...] = ()
    ui_color: str | None = None
    ui_fgcolor: str | None = None
    extra_links: tuple[str, ...] = ()


class GroupSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task group. `group_id` is the full, prefixed id; `parent` the enclosing group's or None."""

    group_id: str
    parent: str | None = None
    label: str | None = None
    tooltip: str = ""
    doc_md: str | None = None
    ui_color: str | None = None
    ui_fgcolor: str | None = None
    expand: ExpandSpec | None = None


class ParamSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A parameter of a DAG: its default and its JSON schema.

    required: true when there is no default, so that a trigger must give a value.
    """

    default: Any = None
    required: bool = False
    description: str | None = None
    schema: dict[str, Any] = {}


class EdgeLabel(msgspec.Struct, frozen=True):
    """The text on an edge, by task index."""

    upstream: int
    downstream: int
    label: str


class DagSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A DAG as data. See the module's docstring."""

    dag_id: str
    tasks: tuple[TaskSpec, ...] = ()
    groups: tuple[GroupSpec, ...] = ()
    edge_labels: tuple[EdgeLabel, ...] = ()
    format: int = SPEC_FORMAT

    schedule: ScheduleSpec = NoSchedule()
    timezone: str = "UTC"
    start_date: datetime | None = None
    end_date: datetime | None = None
    catchup: bool = False
    always_dated: bool = False
    """Every run has a logical date, also one that somebody or an asset triggers: Airflow 2."""

    max_active_runs: int = 16
    max_active_tasks: int = 16
    max_consecutive_failed_dag_runs: int = 0
    dagrun_timeout_s: float | None = None
    fail_fast: bool = False
    allowed_run_types: tuple[str, ...] = ()
    is_paused_upon_creation: bool | None = None
    rerun_with_latest_version: bool | None = None

    display_name: str | None = None
    description: str | None = None
    doc_md: str | None = None
    tags: tuple[str, ...] = ()
    owner_links: dict[str, str] = {}
    access_control: dict[str, tuple[str, ...]] = {}
    params: dict[str, ParamSpec] = {}
    callbacks: tuple[str, ...] = ()
    """Which of "success" and "failure" the author set on the DAG."""
    run_listeners: tuple[str, ...] = ()
    """The states of runs of which listeners of the deployment want to be told."""
    deadlines: tuple[DeadlineSpec, ...] = ()
    watchers: tuple[WatcherSpec, ...] = ()
    """Of the assets that the DAG is scheduled on."""

    @property
    def owners(self) -> tuple[str, ...]:
        """Return the owners of the tasks, sorted, each once."""
        return tuple(sorted({t.owner for t in self.tasks}))


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(DagSpec)


def encode_spec(spec: DagSpec) -> bytes:
    """Return the canonical JSON of a spec: equal specs give equal bytes."""
    return _encoder.encode(spec)


def decode_spec(data: bytes) -> DagSpec:
    """Return the spec of `encode_spec`'s bytes.

    Raises:
        msgspec.ValidationError: the bytes are not a spec of this format.
    """
    return _decoder.decode(data)


def spec_hash(spec: DagSpec) -> str:
    """Return the structural hash that decides whether a DAG has a new version (sha256, hex)."""
    return hashlib.sha256(encode_spec(spec)).hexdigest()
