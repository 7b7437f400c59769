"""The processor's numbers; `tradewind.config` has their descriptions and defaults."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tradewind.config import Config
from tradewind.model.defaults import DagDefaults


class ProcessorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the processor is told.

    dag_folders: the DAG folder first; files of further folders (the example DAGs) are known by
        their absolute path.
    ignore_syntax: of `.airflowignore`: "glob" or "regexp". `.tradewindignore` is always glob.
    watch_by_polling: for file systems without change events; the folder is listed every
        `poll_s` then.
    rest_s: a fork server that imported nothing for so long is let go.
    """

    dag_folders: tuple[Path, ...]
    parse_timeout_s: float = 50.0
    memory_limit_mb: int = 2048
    parallel: int = 2
    slow_round_s: float = 300.0
    rescan_s: float = 30.0
    ignore_syntax: str = "glob"
    safe_mode: bool = True
    watch_by_polling: bool = False
    poll_s: float = 1.0
    rest_s: float = 45.0
    paused_at_creation: bool = False
    defaults: DagDefaults = DagDefaults()


def dag_defaults(config: Config) -> DagDefaults:
    """Return what holds where a DAG file does not say."""
    return DagDefaults(
        timezone=config.core.default_timezone,
        retries=config.core.default_task_retries,
        catchup=config.scheduler.catchup_by_default,
        cron_data_intervals=config.scheduler.create_cron_data_intervals,
        delta_data_intervals=config.scheduler.create_delta_data_intervals,
        airflow_semantics=config.core.airflow_semantics,
        max_active_runs=config.core.max_active_runs_per_dag,
        max_active_tasks=config.core.max_active_tasks_per_dag,
        email_on_failure=config.email.on_failure,
        email_on_retry=config.email.on_retry,
        plugins_folder=str(config.core.plugins_folder),
        secrets_backend=config.secrets.backend,
        secrets_backend_kwargs=config.secrets.backend_kwargs,
    )
