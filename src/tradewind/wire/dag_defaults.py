"""What holds where a DAG file does not say, as the settings have it.

Handed to every process that imports DAG files, wherever it runs, as one value in its environment
(`model.defaults.VARIABLE`): the same file must mean the same everywhere.
"""

from __future__ import annotations

from tradewind.config import Config
from tradewind.model.defaults import DagDefaults


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
