"""The schema, for SQLite and PostgreSQL alike. The migrations must add up to this.

Two kinds of row, two writers: `attempt` rows are facts about execution, moved by
compare-and-set; `task_instance` and `dag_run` rows are decisions of the leading scheduler.
`ti_event` is append-only and is written with every change of any of the three.

Uniqueness and legal states are constraints: the database refuses, it never decides. There are
no foreign keys: they would cost a look-up and a lock for each row on the hottest path, and
what they guard has one writer (`apply`) or one deleter (`maintenance`), which also checks it.

Indexes are few, and none covers the state of a task instance: a state changes four times in a
task's life, and an index on it would be written each time. What is live is found through its
run.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tradewind.model.state import AttemptState, RunState, TaskState
from tradewind.store import account_tables, schema, state_tables
from tradewind.store.column_types import JsonText, Key, UtcTime

metadata = schema.metadata
PARTS = (account_tables, state_tables)
"""The other files of the schema."""


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(
        name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where)
    )


def _one_of(states: type[StrEnum]) -> CheckConstraint:
    return CheckConstraint(f"state IN ({_quoted(states)})", name="state")


def _quoted(states: type[StrEnum]) -> str:
    return ", ".join(f"'{state.value}'" for state in states)


UNSUCCESSFUL = "state IN ('failed', 'upstream_failed', 'skipped', 'removed')"
LIVE = "state IN ('queued', 'running')"
"""The condition of the partial indexes on what is live. A query must use this very text: a
database cannot tell that bound parameters mean the same."""
OPEN = "missed_at IS NULL"

# ---- DAGs -------------------------------------------------------------------------------

dag = Table(
    "dag",
    metadata,
    Column("dag_id", Text, primary_key=True),
    Column("dag_file", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("version_id", Key, nullable=False),
    Column("version_number", Integer, nullable=False),
    Column("source_hash", Text, nullable=False),
    Column("tree_hash", Text, nullable=False),
    Column("schedule", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("start_date", UtcTime),
    Column("end_date", UtcTime),
    Column("catchup", Boolean, nullable=False),
    Column("max_active_runs", Integer, nullable=False),
    Column("max_active_tasks", Integer, nullable=False),
    Column("display_name", Text),
    Column("description", Text),
    Column("owners", Text, nullable=False),
    Column("next_due", UtcTime),
    Column("next_logical", UtcTime),
    Column("next_interval_start", UtcTime),
    Column("next_interval_end", UtcTime),
    Column("last_logical", UtcTime),
    Column("last_interval_start", UtcTime),
    Column("last_interval_end", UtcTime),
    Column("last_run_after", UtcTime),
    Column("last_parsed_at", UtcTime),
    Column("parse_duration_s", Float),
    Index("ix_dag_dag_file", "dag_file"),
)

dag_tag = Table(
    "dag_tag",
    metadata,
    Column("dag_id", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Index("ix_dag_tag_tag", "tag"),
    sqlite_with_rowid=False,
)

dag_version = Table(
    "dag_version",
    metadata,
    Column("version_id", Key, primary_key=True),
    Column("dag_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("spec_hash", Text, nullable=False),
    Column("spec", LargeBinary, nullable=False),
    Column("dag_file", Text, nullable=False),
    Column("source_hash", Text, nullable=False),
    Column("tree_hash", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("dag_id", "number"),
)

# The codes that a version was seen with: a run is pinned to (version_id, source_hash).
dag_source = Table(
    "dag_source",
    metadata,
    Column("version_id", Key, primary_key=True, autoincrement=False),
    Column("source_hash", Text, primary_key=True),
    Column("dag_file", Text, nullable=False),
    Column("tree_hash", Text, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

dag_file = Table(
    "dag_file",
    metadata,
    Column("path", Text, primary_key=True),
    Column("source_hash", Text, nullable=False),
    Column("import_error", Text),
    Column("failed_at", UtcTime),
    Column("warnings", JsonText, nullable=False),
    Column("parsed_at", UtcTime, nullable=False),
    Column("parse_duration_s", Float, nullable=False),
    Column("depends", JsonText, nullable=False),
    _partial("ix_dag_file_broken", "path", where="import_error IS NOT NULL"),
)

# DAG files that somebody wants parsed again; the processor takes them.
parse_request = Table(
    "parse_request",
    metadata,
    Column("path", Text, primary_key=True),
    Column("at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

# ---- runs and tasks ---------------------------------------------------------------------

dag_run = Table(
    "dag_run",
    metadata,
    Column("run_pk", Key, primary_key=True),
    Column("dag_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("run_type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version_id", Key, nullable=False),
    Column("source_hash", Text, nullable=False),
    Column("tree_hash", Text, nullable=False),
    Column("run_after", UtcTime, nullable=False),
    Column("logical_date", UtcTime),
    Column("interval_start", UtcTime),
    Column("interval_end", UtcTime),
    Column("queued_at", UtcTime),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("conf", JsonText, nullable=False),
    Column("triggered_by", Text, nullable=False),
    Column("triggering_user", Text),
    Column("backfill_id", Key),
    Column("clear_number", Integer, nullable=False),
    Column("note", Text),
    _one_of(RunState),
    Column("trigger_key", Text),
    UniqueConstraint("dag_id", "run_id"),
    _partial(
        "uq_dag_run_dag_id_logical_date",
        "dag_id",
        "logical_date",
        unique=True,
        where="logical_date IS NOT NULL",
    ),
    Index("ix_dag_run_dag_id_run_after", "dag_id", "run_after"),
    Index("ix_dag_run_run_after", "run_after"),
    _partial("ix_dag_run_live", "run_pk", where=LIVE),
    _partial("uq_dag_run_trigger_key", "trigger_key", unique=True, where="trigger_key IS NOT NULL"),
    _partial("ix_dag_run_backfill_id", "backfill_id", where="backfill_id IS NOT NULL"),
)

task_instance = Table(
    "task_instance",
    metadata,
    Column("run_pk", Key, primary_key=True, autoincrement=False),
    Column("task_id", Text, primary_key=True),
    Column("map_index", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("try_number", Integer, nullable=False),
    Column("max_tries", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("attempt_id", Text),
    Column("due_at", UtcTime),
    Column("queued_at", UtcTime),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("first_started_at", UtcTime),
    Column("reschedule_count", Integer, nullable=False),
    Column("mapped_length", Integer),
    Column("returned", Boolean, nullable=False),
    Column("infra_losses", Integer, nullable=False),
    Column("map_path", Text, nullable=False),
    Column("skips", Text, nullable=False),
    Column("reason", Text),
    _one_of(TaskState),
    # What failed or did not run is asked for among millions that did; it costs only those.
    _partial("ix_task_instance_unsuccessful", "state", "run_pk", where=UNSUCCESSFUL),
    sqlite_with_rowid=False,
)

attempt = Table(
    "attempt",
    metadata,
    Column("attempt_id", Text, primary_key=True),
    Column("run_pk", Key, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("map_index", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("try_number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("executor", Text, nullable=False),
    Column("queue", Text),
    Column("claim_token", Text, nullable=False),
    Column("nonce", Text),
    Column("worker", Text),
    Column("hb_counter", BigInteger, nullable=False),
    Column("submit_count", Integer, nullable=False),
    Column("queued_at", UtcTime),
    Column("claimed_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("outcome", LargeBinary),
    Column("exit_code", Integer),
    Column("exit_signal", Integer),
    Column("reason", Text),
    Column("assignment", LargeBinary),
    _one_of(AttemptState),
    UniqueConstraint("run_pk", "task_id", "map_index", "fence"),
    _partial("uq_attempt_live", "run_pk", "task_id", "map_index", unique=True, where=LIVE),
)

# subject: "run", "task" or "attempt"; the attempt is the one with this fence.
ti_event = Table(
    "ti_event",
    metadata,
    Column("seq", Key, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("subject", Text, nullable=False),
    Column("run_pk", Key, nullable=False),
    Column("task_id", Text),
    Column("map_index", Integer),
    Column("fence", BigInteger),
    Column("try_number", Integer),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Index("ix_ti_event_run_pk_task_id", "run_pk", "task_id"),
)

xcom = Table(
    "xcom",
    metadata,
    Column("run_pk", Key, primary_key=True, autoincrement=False),
    Column("task_id", Text, primary_key=True),
    Column("map_index", Integer, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("attempt_id", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("kept_at", Text),
    Column("size", BigInteger, nullable=False),
    Column("at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

rendered = Table(
    "rendered",
    metadata,
    Column("run_pk", Key, primary_key=True, autoincrement=False),
    Column("task_id", Text, primary_key=True),
    Column("map_index", Integer, primary_key=True),
    Column("attempt_id", Text, nullable=False),
    Column("fields", LargeBinary, nullable=False),
    Column("map_index_label", Text),
    sqlite_with_rowid=False,
)

deferral = Table(
    "deferral",
    metadata,
    Column("run_pk", Key, primary_key=True, autoincrement=False),
    Column("task_id", Text, primary_key=True),
    Column("map_index", Integer, primary_key=True),
    Column("fence", BigInteger, primary_key=True, autoincrement=False),
    Column("classpath", Text, nullable=False),
    Column("kwargs", LargeBinary, nullable=False),
    Column("next_method", Text, nullable=False),
    Column("next_kwargs", LargeBinary, nullable=False),
    Column("timeout_at", UtcTime),
    Column("has_result", Boolean, nullable=False),
    Column("payload", LargeBinary),
    Column("error", Text),
    Column("timed_out", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

hitl_detail = Table(
    "hitl_detail",
    metadata,
    Column("run_pk", Key, primary_key=True, autoincrement=False),
    Column("task_id", Text, primary_key=True),
    Column("map_index", Integer, primary_key=True),
    Column("fence", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text),
    Column("options", JsonText, nullable=False),
    Column("defaults", JsonText),
    Column("multiple", Boolean, nullable=False),
    Column("params", JsonText, nullable=False),
    Column("assigned_users", JsonText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("timeout_at", UtcTime),
    Column("responded_at", UtcTime),
    Column("responded_by", JsonText),
    Column("chosen_options", JsonText),
    Column("params_input", JsonText, nullable=False),
    sqlite_with_rowid=False,
)
"""What a task asked a person last, and the answer. It waits while the task is awaiting_input."""

callback = Table(
    "callback",
    metadata,
    Column("callback_id", Key, primary_key=True),
    Column("dedup", Text, nullable=False, unique=True),
    Column("run_pk", Key, nullable=False),
    Column("kind", Text, nullable=False),
    Column("task_id", Text),
    Column("map_index", Integer, nullable=False),
    Column("try_number", Integer, nullable=False),
    Column("reason", Text),
    Column("owed_at", UtcTime, nullable=False),
    Column("done_at", UtcTime),
    Column("error", Text),
    Column("attempt_id", Text),
    Column("claim_token", Text),
    Column("nonce", Text),
    Column("assignment", LargeBinary),
    Column("hb_counter", BigInteger),
    Column("deadline_id", Key),
    _partial("ix_callback_owed", "callback_id", where="done_at IS NULL"),
    _partial("ix_callback_attempt_id", "attempt_id", where="attempt_id IS NOT NULL", unique=True),
    Index("ix_callback_run_pk", "run_pk"),
)

deadline = Table(
    "deadline",
    metadata,
    Column("deadline_id", Key, primary_key=True),
    Column("run_pk", Key, nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Text),
    Column("due_at", UtcTime, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("missed_at", UtcTime),
    UniqueConstraint("run_pk", "position"),
    _partial("ix_deadline_open", "due_at", where=OPEN),
)
"""By when a run must have succeeded; removed when it did in time."""

# ---- assets -----------------------------------------------------------------------------

asset = Table(
    "asset",
    metadata,
    Column("asset_id", Key, primary_key=True),
    Column("name", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("asset_group", Text, nullable=False),
    Column("extra", JsonText, nullable=False),
    UniqueConstraint("name", "uri"),
)

# What the active DAGs say about assets; role: "schedule", "inlet", "outlet" or "watcher".
# task_id is "" for a schedule, and a watcher's name; a name or uri of "" matches any; alias: the
# name is an alias's.
asset_ref = Table(
    "asset_ref",
    metadata,
    Column("dag_id", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("task_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("uri", Text, primary_key=True),
    Column("alias", Boolean, primary_key=True, autoincrement=False),
    Index("ix_asset_ref_role_name", "role", "name"),
    sqlite_with_rowid=False,
)

asset_event = Table(
    "asset_event",
    metadata,
    Column("event_id", Key, primary_key=True),
    Column("asset_id", Key, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("extra", JsonText, nullable=False),
    Column("alias", Text),
    Column("source_run_pk", Key),
    Column("source_dag_id", Text),
    Column("source_run_id", Text),
    Column("source_task_id", Text),
    Column("source_map_index", Integer),
    Column("event_key", Text),
    Index("ix_asset_event_asset_id_event_id", "asset_id", "event_id"),
    _partial("uq_asset_event_event_key", "event_key", unique=True, where="event_key IS NOT NULL"),
)

# Events that a DAG looks at and has not consumed.
asset_queue = Table(
    "asset_queue",
    metadata,
    Column("dag_id", Text, primary_key=True),
    Column("event_id", Key, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

asset_consumed = Table(
    "asset_consumed",
    metadata,
    Column("dag_id", Text, primary_key=True),
    Column("event_id", Key, primary_key=True, autoincrement=False),
    Column("run_pk", Key, nullable=False),
    Index("ix_asset_consumed_run_pk", "run_pk"),
    sqlite_with_rowid=False,
)

# ---- what makes the parts work together ----------------------------------------------------

inbox = Table(
    "inbox",
    metadata,
    Column("seq", Key, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("run_pk", Key),
    Column("payload", JsonText, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("done_at", UtcTime),
    Column("answer", JsonText),
    Column("error", Text),
    _partial("ix_inbox_pending", "seq", where="done_at IS NULL"),
    sqlite_autoincrement=True,
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("counter", BigInteger, nullable=False),
)

component = Table(
    "component",
    metadata,
    Column("component_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("beat_at", UtcTime, nullable=False),
    Column("stopped_at", UtcTime),
    Column("executors", JsonText),
    Index("ix_component_kind_beat_at", "kind", "beat_at"),
)

pool = Table(
    "pool",
    metadata,
    Column("name", Text, primary_key=True),
    Column("slots", Integer, nullable=False),
    Column("description", Text, nullable=False),
    Column("include_deferred", Boolean, nullable=False),
)

variable = Table(
    "variable",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("description", Text),
)

connection = Table(
    "connection",
    metadata,
    Column("conn_id", Text, primary_key=True),
    Column("conn_type", Text, nullable=False),
    Column("description", Text),
    Column("value", LargeBinary, nullable=False),
)

backfill = Table(
    "backfill",
    metadata,
    Column("backfill_id", Key, primary_key=True),
    Column("dag_id", Text, nullable=False),
    Column("from_date", UtcTime, nullable=False),
    Column("to_date", UtcTime, nullable=False),
    Column("conf", JsonText, nullable=False),
    Column("max_active_runs", Integer, nullable=False),
    Column("backwards", Boolean, nullable=False),
    Column("reprocess", Text, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("completed_at", UtcTime),
    Index("ix_backfill_dag_id", "dag_id"),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Key, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("dag_id", Text),
    Column("run_id", Text),
    Column("task_id", Text),
    Column("map_index", Integer),
    Column("details", JsonText, nullable=False),
    Index("ix_audit_dag_id_seq", "dag_id", "seq"),
)

# ---- the code that runs are pinned to -------------------------------------------------------

blob = Table(
    "blob",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

tree = Table(
    "tree",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("manifest", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
