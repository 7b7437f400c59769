"""What holds in a deployment where a DAG file does not say: settings that an author sees."""

from __future__ import annotations

import msgspec

VARIABLE = "TRADEWIND_DAG_DEFAULTS"
"""Environment variable that hands the defaults to processes that read no settings."""


class DagDefaults(msgspec.Struct, frozen=True, kw_only=True):
    """The values of arguments that a DAG or task leaves out.

    timezone: IANA name of the zone that naive dates and cron expressions are meant in.
    retries: of tasks. cron_data_intervals, delta_data_intervals: whether cron expressions and
    timedeltas have the meaning of Airflow 2: data intervals, run at their end.
    airflow_semantics: which Airflow files are written for: "2", "3", or "auto": each tells.
    """

    timezone: str = "UTC"
    retries: int = 0
    catchup: bool = False
    cron_data_intervals: bool = False
    delta_data_intervals: bool = False
    airflow_semantics: str = "auto"
    max_active_runs: int = 16
    max_active_tasks: int = 16
    email_on_failure: bool = True
    email_on_retry: bool = True
    plugins_folder: str = ""
    secrets_backend: str = ""
    """Class path of what is asked for variables and connections first."""
    secrets_backend_kwargs: str = ""
    """Its arguments: a JSON object."""
