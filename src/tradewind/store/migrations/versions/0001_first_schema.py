"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradewind.store.column_types import Key, UtcTime

revision = "0001"
down_revision = None


def _partial(
    name: str, table: str, columns: list[str], where: str, *, unique: bool = False
) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        table,
        columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def upgrade() -> None:
    """Make every table."""
    _make_dag()
    _make_dag_tag()
    _make_dag_version()
    _make_dag_source()
    _make_dag_file()
    _make_dag_run()
    _make_task_instance()
    _make_attempt()
    _make_ti_event()
    _make_xcom()
    _make_rendered()
    _make_deferral()
    _make_callback()
    _make_asset()
    _make_asset_ref()
    _make_asset_event()
    _make_asset_queue()
    _make_asset_consumed()
    _make_inbox()
    _make_lease()
    _make_component()
    _make_pool()
    _make_variable()
    _make_connection()
    _make_backfill()
    _make_audit()
    _make_blob()
    _make_tree()


def _make_dag() -> None:
    op.create_table(
        "dag",
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("dag_file", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("version_id", Key, nullable=False),
        sa.Column("version_number", sa.Integer(), nullable=False),
        sa.Column("source_hash", sa.Text(), nullable=False),
        sa.Column("tree_hash", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("start_date", UtcTime()),
        sa.Column("end_date", UtcTime()),
        sa.Column("catchup", sa.Boolean(), nullable=False),
        sa.Column("max_active_runs", sa.Integer(), nullable=False),
        sa.Column("max_active_tasks", sa.Integer(), nullable=False),
        sa.Column("display_name", sa.Text()),
        sa.Column("description", sa.Text()),
        sa.Column("owners", sa.Text(), nullable=False),
        sa.Column("next_due", UtcTime()),
        sa.Column("next_logical", UtcTime()),
        sa.Column("next_interval_start", UtcTime()),
        sa.Column("next_interval_end", UtcTime()),
        sa.Column("last_logical", UtcTime()),
        sa.Column("last_interval_start", UtcTime()),
        sa.Column("last_interval_end", UtcTime()),
        sa.Column("last_run_after", UtcTime()),
        sa.Column("last_parsed_at", UtcTime()),
        sa.Column("parse_duration_s", sa.Float()),
        sa.PrimaryKeyConstraint("dag_id", name=op.f("pk_dag")),
    )
    op.create_index("ix_dag_dag_file", "dag", ["dag_file"])


def _make_dag_tag() -> None:
    op.create_table(
        "dag_tag",
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dag_id", "tag", name=op.f("pk_dag_tag")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_dag_tag_tag", "dag_tag", ["tag"])


def _make_dag_version() -> None:
    op.create_table(
        "dag_version",
        sa.Column("version_id", Key, nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("spec_hash", sa.Text(), nullable=False),
        sa.Column("spec", sa.LargeBinary(), nullable=False),
        sa.Column("dag_file", sa.Text(), nullable=False),
        sa.Column("source_hash", sa.Text(), nullable=False),
        sa.Column("tree_hash", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_dag_version")),
        sa.UniqueConstraint("dag_id", "number", name=op.f("uq_dag_version_dag_id_number")),
    )


def _make_dag_source() -> None:
    op.create_table(
        "dag_source",
        sa.Column("version_id", Key, autoincrement=False, nullable=False),
        sa.Column("source_hash", sa.Text(), nullable=False),
        sa.Column("dag_file", sa.Text(), nullable=False),
        sa.Column("tree_hash", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("version_id", "source_hash", name=op.f("pk_dag_source")),
        sqlite_with_rowid=False,
    )


def _make_dag_file() -> None:
    op.create_table(
        "dag_file",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("source_hash", sa.Text(), nullable=False),
        sa.Column("import_error", sa.Text()),
        sa.Column("failed_at", UtcTime()),
        sa.Column("warnings", sa.Text(), nullable=False),
        sa.Column("parsed_at", UtcTime(), nullable=False),
        sa.Column("parse_duration_s", sa.Float(), nullable=False),
        sa.Column("depends", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_dag_file")),
    )
    _partial("ix_dag_file_broken", "dag_file", ["path"], "import_error IS NOT NULL")


def _make_dag_run() -> None:
    op.create_table(
        "dag_run",
        sa.Column("run_pk", Key, nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("run_type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version_id", Key, nullable=False),
        sa.Column("source_hash", sa.Text(), nullable=False),
        sa.Column("tree_hash", sa.Text(), nullable=False),
        sa.Column("run_after", UtcTime(), nullable=False),
        sa.Column("logical_date", UtcTime()),
        sa.Column("interval_start", UtcTime()),
        sa.Column("interval_end", UtcTime()),
        sa.Column("queued_at", UtcTime()),
        sa.Column("started_at", UtcTime()),
        sa.Column("ended_at", UtcTime()),
        sa.Column("conf", sa.Text(), nullable=False),
        sa.Column("triggered_by", sa.Text(), nullable=False),
        sa.Column("triggering_user", sa.Text()),
        sa.Column("backfill_id", Key),
        sa.Column("clear_number", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("run_pk", name=op.f("pk_dag_run")),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'success', 'failed')", name=op.f("ck_dag_run_state")
        ),
        sa.UniqueConstraint("dag_id", "run_id", name=op.f("uq_dag_run_dag_id_run_id")),
    )
    _partial("ix_dag_run_backfill_id", "dag_run", ["backfill_id"], "backfill_id IS NOT NULL")
    op.create_index("ix_dag_run_dag_id_run_after", "dag_run", ["dag_id", "run_after"])
    _partial("ix_dag_run_live", "dag_run", ["run_pk"], "state IN ('queued', 'running')")
    op.create_index("ix_dag_run_run_after", "dag_run", ["run_after"])
    _partial(
        "uq_dag_run_dag_id_logical_date",
        "dag_run",
        ["dag_id", "logical_date"],
        "logical_date IS NOT NULL",
        unique=True,
    )


def _make_task_instance() -> None:
    op.create_table(
        "task_instance",
        sa.Column("run_pk", Key, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("max_tries", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("attempt_id", sa.Text()),
        sa.Column("due_at", UtcTime()),
        sa.Column("queued_at", UtcTime()),
        sa.Column("started_at", UtcTime()),
        sa.Column("ended_at", UtcTime()),
        sa.Column("first_started_at", UtcTime()),
        sa.Column("reschedule_count", sa.Integer(), nullable=False),
        sa.Column("mapped_length", sa.Integer()),
        sa.Column("returned", sa.Boolean(), nullable=False),
        sa.Column("infra_losses", sa.Integer(), nullable=False),
        sa.Column("map_path", sa.Text(), nullable=False),
        sa.Column("skips", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("run_pk", "task_id", "map_index", name=op.f("pk_task_instance")),
        sa.CheckConstraint(
            "state IN ('none', 'scheduled', 'queued', 'running', 'success', 'failed', "
            "'up_for_retry', 'up_for_reschedule', 'deferred', 'skipped', 'upstream_failed', "
            "'removed', 'restarting', 'awaiting_input')",
            name=op.f("ck_task_instance_state"),
        ),
        sqlite_with_rowid=False,
    )


def _make_attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("run_pk", Key, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("executor", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text()),
        sa.Column("claim_token", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text()),
        sa.Column("worker", sa.Text()),
        sa.Column("hb_counter", sa.BigInteger(), nullable=False),
        sa.Column("submit_count", sa.Integer(), nullable=False),
        sa.Column("queued_at", UtcTime()),
        sa.Column("claimed_at", UtcTime()),
        sa.Column("ended_at", UtcTime()),
        sa.Column("outcome", sa.LargeBinary()),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("exit_signal", sa.Integer()),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempt")),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'lost', 'superseded')",
            name=op.f("ck_attempt_state"),
        ),
        sa.UniqueConstraint(
            "run_pk",
            "task_id",
            "map_index",
            "fence",
            name=op.f("uq_attempt_run_pk_task_id_map_index_fence"),
        ),
    )
    _partial(
        "uq_attempt_live",
        "attempt",
        ["run_pk", "task_id", "map_index"],
        "state IN ('queued', 'running')",
        unique=True,
    )


def _make_ti_event() -> None:
    op.create_table(
        "ti_event",
        sa.Column("seq", Key, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("run_pk", Key, nullable=False),
        sa.Column("task_id", sa.Text()),
        sa.Column("map_index", sa.Integer()),
        sa.Column("fence", sa.BigInteger()),
        sa.Column("try_number", sa.Integer()),
        sa.Column("from_state", sa.Text()),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ti_event")),
    )
    op.create_index("ix_ti_event_run_pk_task_id", "ti_event", ["run_pk", "task_id"])


def _make_xcom() -> None:
    op.create_table(
        "xcom",
        sa.Column("run_pk", Key, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.Text()),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("run_pk", "task_id", "map_index", "key", name=op.f("pk_xcom")),
        sqlite_with_rowid=False,
    )


def _make_rendered() -> None:
    op.create_table(
        "rendered",
        sa.Column("run_pk", Key, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("fields", sa.LargeBinary(), nullable=False),
        sa.Column("map_index_label", sa.Text()),
        sa.PrimaryKeyConstraint("run_pk", "task_id", "map_index", name=op.f("pk_rendered")),
        sqlite_with_rowid=False,
    )


def _make_deferral() -> None:
    op.create_table(
        "deferral",
        sa.Column("run_pk", Key, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("classpath", sa.Text(), nullable=False),
        sa.Column("kwargs", sa.LargeBinary(), nullable=False),
        sa.Column("next_method", sa.Text(), nullable=False),
        sa.Column("next_kwargs", sa.LargeBinary(), nullable=False),
        sa.Column("timeout_at", UtcTime()),
        sa.Column("has_result", sa.Boolean(), nullable=False),
        sa.Column("payload", sa.LargeBinary()),
        sa.Column("error", sa.Text()),
        sa.Column("timed_out", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "run_pk", "task_id", "map_index", "fence", name=op.f("pk_deferral")
        ),
        sqlite_with_rowid=False,
    )


def _make_callback() -> None:
    op.create_table(
        "callback",
        sa.Column("callback_id", Key, nullable=False),
        sa.Column("dedup", sa.Text(), nullable=False),
        sa.Column("run_pk", Key, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text()),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("owed_at", UtcTime(), nullable=False),
        sa.Column("done_at", UtcTime()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("callback_id", name=op.f("pk_callback")),
        sa.UniqueConstraint("dedup", name=op.f("uq_callback_dedup")),
    )
    _partial("ix_callback_owed", "callback", ["callback_id"], "done_at IS NULL")
    op.create_index("ix_callback_run_pk", "callback", ["run_pk"])


def _make_asset() -> None:
    op.create_table(
        "asset",
        sa.Column("asset_id", Key, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("asset_group", sa.Text(), nullable=False),
        sa.Column("extra", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("asset_id", name=op.f("pk_asset")),
        sa.UniqueConstraint("name", "uri", name=op.f("uq_asset_name_uri")),
    )


def _make_asset_ref() -> None:
    op.create_table(
        "asset_ref",
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("alias", sa.Boolean(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint(
            "dag_id", "role", "task_id", "name", "uri", "alias", name=op.f("pk_asset_ref")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_asset_ref_role_name", "asset_ref", ["role", "name"])


def _make_asset_event() -> None:
    op.create_table(
        "asset_event",
        sa.Column("event_id", Key, nullable=False),
        sa.Column("asset_id", Key, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("extra", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text()),
        sa.Column("source_run_pk", Key),
        sa.Column("source_dag_id", sa.Text()),
        sa.Column("source_run_id", sa.Text()),
        sa.Column("source_task_id", sa.Text()),
        sa.Column("source_map_index", sa.Integer()),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_asset_event")),
    )
    op.create_index("ix_asset_event_asset_id_event_id", "asset_event", ["asset_id", "event_id"])


def _make_asset_queue() -> None:
    op.create_table(
        "asset_queue",
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("event_id", Key, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("dag_id", "event_id", name=op.f("pk_asset_queue")),
        sqlite_with_rowid=False,
    )


def _make_asset_consumed() -> None:
    op.create_table(
        "asset_consumed",
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("event_id", Key, autoincrement=False, nullable=False),
        sa.Column("run_pk", Key, nullable=False),
        sa.PrimaryKeyConstraint("dag_id", "event_id", name=op.f("pk_asset_consumed")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_asset_consumed_run_pk", "asset_consumed", ["run_pk"])


def _make_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("seq", Key, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("run_pk", Key),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("done_at", UtcTime()),
        sa.Column("answer", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_inbox")),
        sqlite_autoincrement=True,
    )
    _partial("ix_inbox_pending", "inbox", ["seq"], "done_at IS NULL")


def _make_lease() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )


def _make_component() -> None:
    op.create_table(
        "component",
        sa.Column("component_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("beat_at", UtcTime(), nullable=False),
        sa.Column("stopped_at", UtcTime()),
        sa.PrimaryKeyConstraint("component_id", name=op.f("pk_component")),
    )
    op.create_index("ix_component_kind_beat_at", "component", ["kind", "beat_at"])


def _make_pool() -> None:
    op.create_table(
        "pool",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("include_deferred", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pool")),
    )


def _make_variable() -> None:
    op.create_table(
        "variable",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_variable")),
    )


def _make_connection() -> None:
    op.create_table(
        "connection",
        sa.Column("conn_id", sa.Text(), nullable=False),
        sa.Column("conn_type", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("conn_id", name=op.f("pk_connection")),
    )


def _make_backfill() -> None:
    op.create_table(
        "backfill",
        sa.Column("backfill_id", Key, nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("from_date", UtcTime(), nullable=False),
        sa.Column("to_date", UtcTime(), nullable=False),
        sa.Column("conf", sa.Text(), nullable=False),
        sa.Column("max_active_runs", sa.Integer(), nullable=False),
        sa.Column("backwards", sa.Boolean(), nullable=False),
        sa.Column("reprocess", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("completed_at", UtcTime()),
        sa.PrimaryKeyConstraint("backfill_id", name=op.f("pk_backfill")),
    )
    op.create_index("ix_backfill_dag_id", "backfill", ["dag_id"])


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", Key, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("dag_id", sa.Text()),
        sa.Column("run_id", sa.Text()),
        sa.Column("task_id", sa.Text()),
        sa.Column("map_index", sa.Integer()),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_dag_id_seq", "audit", ["dag_id", "seq"])


def _make_blob() -> None:
    op.create_table(
        "blob",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_blob")),
    )


def _make_tree() -> None:
    op.create_table(
        "tree",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_tree")),
    )
