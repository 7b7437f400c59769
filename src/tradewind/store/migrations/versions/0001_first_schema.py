"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradewind.store import tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "asset",
        sa.Column("asset_id", tables.Key, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("asset_group", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("asset_id", name=op.f("pk_asset")),
        sa.UniqueConstraint("name", "uri", name=op.f("uq_asset_name_uri")),
    )
    op.create_table(
        "asset_consumed",
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("event_id", tables.Key, autoincrement=False, nullable=False),
        sa.Column("run_pk", tables.Key, nullable=True),
        sa.PrimaryKeyConstraint("dag_id", "event_id", name=op.f("pk_asset_consumed")),
    )
    op.create_index("ix_asset_consumed_run_pk", "asset_consumed", ["run_pk"], unique=False)
    op.create_table(
        "asset_event",
        sa.Column("event_id", tables.Key, nullable=False),
        sa.Column("asset_id", tables.Key, nullable=False),
        sa.Column("at", tables.UtcTime(), nullable=False),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=True),
        sa.Column("source_run_pk", tables.Key, nullable=True),
        sa.Column("source_dag_id", sa.Text(), nullable=True),
        sa.Column("source_run_id", sa.Text(), nullable=True),
        sa.Column("source_task_id", sa.Text(), nullable=True),
        sa.Column("source_map_index", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_asset_event")),
    )
    op.create_index(
        "ix_asset_event_asset_id_event_id", "asset_event", ["asset_id", "event_id"], unique=False
    )
    op.create_table(
        "attempt",
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("run_pk", tables.Key, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("executor", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("claim_token", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("hb_counter", sa.BigInteger(), nullable=False),
        sa.Column("submit_count", sa.Integer(), nullable=False),
        sa.Column("queued_at", tables.UtcTime(), nullable=True),
        sa.Column("claimed_at", tables.UtcTime(), nullable=True),
        sa.Column("ended_at", tables.UtcTime(), nullable=True),
        sa.Column("outcome", sa.LargeBinary(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("exit_signal", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempt")),
        sa.UniqueConstraint(
            "run_pk",
            "task_id",
            "map_index",
            "fence",
            name=op.f("uq_attempt_run_pk_task_id_map_index_fence"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "uq_attempt_live",
        "attempt",
        ["run_pk", "task_id", "map_index"],
        unique=True,
        sqlite_where=sa.text("state IN ('queued', 'running')"),
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_table(
        "audit",
        sa.Column("seq", tables.Key, nullable=False),
        sa.Column("at", tables.UtcTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    op.create_table(
        "backfill",
        sa.Column("backfill_id", tables.Key, nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("from_date", tables.UtcTime(), nullable=False),
        sa.Column("to_date", tables.UtcTime(), nullable=False),
        sa.Column("max_active_runs", sa.Integer(), nullable=False),
        sa.Column("conf", sa.JSON(), nullable=False),
        sa.Column("created_at", tables.UtcTime(), nullable=False),
        sa.Column("cancelled_at", tables.UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("backfill_id", name=op.f("pk_backfill")),
    )
    op.create_table(
        "blob",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_blob")),
    )
    op.create_table(
        "callback",
        sa.Column("callback_id", tables.Key, nullable=False),
        sa.Column("dedup", sa.Text(), nullable=False),
        sa.Column("run_pk", tables.Key, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=True),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("owed_at", tables.UtcTime(), nullable=False),
        sa.Column("done_at", tables.UtcTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("callback_id", name=op.f("pk_callback")),
        sa.UniqueConstraint("dedup", name=op.f("uq_callback_dedup")),
    )
    op.create_index(
        "ix_callback_owed",
        "callback",
        ["callback_id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "component",
        sa.Column("component_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", tables.UtcTime(), nullable=False),
        sa.Column("beat_at", tables.UtcTime(), nullable=False),
        sa.Column("stopped_at", tables.UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("component_id", name=op.f("pk_component")),
    )
    op.create_index("ix_component_kind_beat_at", "component", ["kind", "beat_at"], unique=False)
    op.create_table(
        "connection",
        sa.Column("conn_id", sa.Text(), nullable=False),
        sa.Column("conn_type", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("conn_id", name=op.f("pk_connection")),
    )
    op.create_table(
        "dag",
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("dag_file", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("version_id", tables.Key, nullable=False),
        sa.Column("source_hash", sa.Text(), nullable=False),
        sa.Column("tree_hash", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("start_date", tables.UtcTime(), nullable=True),
        sa.Column("end_date", tables.UtcTime(), nullable=True),
        sa.Column("catchup", sa.Boolean(), nullable=False),
        sa.Column("max_active_runs", sa.Integer(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("owners", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("next_due", tables.UtcTime(), nullable=True),
        sa.Column("next_logical", tables.UtcTime(), nullable=True),
        sa.Column("next_interval_start", tables.UtcTime(), nullable=True),
        sa.Column("next_interval_end", tables.UtcTime(), nullable=True),
        sa.Column("last_logical", tables.UtcTime(), nullable=True),
        sa.Column("last_interval_start", tables.UtcTime(), nullable=True),
        sa.Column("last_interval_end", tables.UtcTime(), nullable=True),
        sa.Column("last_run_after", tables.UtcTime(), nullable=True),
        sa.Column("last_parsed_at", tables.UtcTime(), nullable=True),
        sa.Column("parse_duration_s", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("dag_id", name=op.f("pk_dag")),
    )
    op.create_table(
        "dag_file",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("source_hash", sa.Text(), nullable=False),
        sa.Column("import_error", sa.Text(), nullable=True),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("parsed_at", tables.UtcTime(), nullable=False),
        sa.Column("parse_duration_s", sa.Float(), nullable=False),
        sa.Column("depends", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_dag_file")),
    )
    op.create_table(
        "dag_run",
        sa.Column("run_pk", tables.Key, nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("run_type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version_id", tables.Key, nullable=False),
        sa.Column("source_hash", sa.Text(), server_default="", nullable=False),
        sa.Column("tree_hash", sa.Text(), server_default="", nullable=False),
        sa.Column("run_after", tables.UtcTime(), nullable=False),
        sa.Column("logical_date", tables.UtcTime(), nullable=True),
        sa.Column("interval_start", tables.UtcTime(), nullable=True),
        sa.Column("interval_end", tables.UtcTime(), nullable=True),
        sa.Column("queued_at", tables.UtcTime(), nullable=True),
        sa.Column("started_at", tables.UtcTime(), nullable=True),
        sa.Column("ended_at", tables.UtcTime(), nullable=True),
        sa.Column("conf", sa.JSON(), nullable=False),
        sa.Column("triggered_by", sa.Text(), nullable=False),
        sa.Column("triggering_user", sa.Text(), nullable=True),
        sa.Column("backfill_id", tables.Key, nullable=True),
        sa.Column("clear_number", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_pk", name=op.f("pk_dag_run")),
        sa.UniqueConstraint("dag_id", "run_id", name=op.f("uq_dag_run_dag_id_run_id")),
    )
    op.create_index(
        "ix_dag_run_active",
        "dag_run",
        ["state"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'running')"),
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_index("ix_dag_run_dag_id_run_after", "dag_run", ["dag_id", "run_after"], unique=False)
    op.create_index(
        "uq_dag_run_logical",
        "dag_run",
        ["dag_id", "logical_date"],
        unique=True,
        sqlite_where=sa.text("logical_date IS NOT NULL"),
        postgresql_where=sa.text("logical_date IS NOT NULL"),
    )
    op.create_table(
        "dag_version",
        sa.Column("version_id", tables.Key, nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("spec_hash", sa.Text(), nullable=False),
        sa.Column("spec", sa.LargeBinary(), nullable=False),
        sa.Column("dag_file", sa.Text(), nullable=False),
        sa.Column("source_hash", sa.Text(), nullable=False),
        sa.Column("tree_hash", sa.Text(), nullable=False),
        sa.Column("created_at", tables.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_dag_version")),
        sa.UniqueConstraint("dag_id", "number", name=op.f("uq_dag_version_dag_id_number")),
    )
    op.create_table(
        "deferral",
        sa.Column("run_pk", tables.Key, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("classpath", sa.Text(), nullable=False),
        sa.Column("kwargs", sa.LargeBinary(), nullable=False),
        sa.Column("next_method", sa.Text(), nullable=False),
        sa.Column("next_kwargs", sa.LargeBinary(), nullable=False),
        sa.Column("timeout_at", tables.UtcTime(), nullable=True),
        sa.Column("has_result", sa.Boolean(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("timed_out", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "run_pk", "task_id", "map_index", "fence", name=op.f("pk_deferral")
        ),
    )
    op.create_table(
        "inbox",
        sa.Column("seq", tables.Key, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("run_pk", tables.Key, nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("at", tables.UtcTime(), nullable=False),
        sa.Column("done_at", tables.UtcTime(), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_inbox")),
    )
    op.create_index(
        "ix_inbox_pending",
        "inbox",
        ["seq"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "pool",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("include_deferred", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pool")),
    )
    op.create_table(
        "rendered",
        sa.Column("run_pk", tables.Key, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("fields", sa.LargeBinary(), nullable=False),
        sa.Column("map_index_label", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_pk", "task_id", "map_index", name=op.f("pk_rendered")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "task_instance",
        sa.Column("run_pk", tables.Key, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("max_tries", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=True),
        sa.Column("due_at", tables.UtcTime(), nullable=True),
        sa.Column("queued_at", tables.UtcTime(), nullable=True),
        sa.Column("started_at", tables.UtcTime(), nullable=True),
        sa.Column("ended_at", tables.UtcTime(), nullable=True),
        sa.Column("first_started_at", tables.UtcTime(), nullable=True),
        sa.Column("reschedule_count", sa.Integer(), nullable=False),
        sa.Column("mapped_length", sa.Integer(), nullable=True),
        sa.Column("returned", sa.Boolean(), nullable=False),
        sa.Column("infra_losses", sa.Integer(), nullable=False),
        sa.Column("map_path", sa.Text(), nullable=False),
        sa.Column("skips", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_pk", "task_id", "map_index", name=op.f("pk_task_instance")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ti_event",
        sa.Column("seq", tables.Key, nullable=False),
        sa.Column("at", tables.UtcTime(), nullable=False),
        sa.Column("run_pk", tables.Key, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=True),
        sa.Column("map_index", sa.Integer(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column("try_number", sa.Integer(), nullable=True),
        sa.Column("attempt_id", sa.Text(), nullable=True),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ti_event")),
    )
    op.create_index("ix_ti_event_run_pk_task_id", "ti_event", ["run_pk", "task_id"], unique=False)
    op.create_table(
        "tree",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", tables.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_tree")),
    )
    op.create_table(
        "variable",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_variable")),
    )
    op.create_table(
        "xcom",
        sa.Column("run_pk", tables.Key, autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("at", tables.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("run_pk", "task_id", "map_index", "key", name=op.f("pk_xcom")),
        sqlite_with_rowid=False,
    )
