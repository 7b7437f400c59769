"""Settings of an Airflow deployment that mean the same here.

They are read from `AIRFLOW__SECTION__KEY` in the environment and from `airflow.cfg`, where
`AIRFLOW_CONFIG` or `AIRFLOW_HOME` says that there is one. Whatever is set for Tradewind itself
wins. Settings that are not in the table are let be: they are another program's.

Not in the table, although there is one of the name here: where things are (database, keys,
logs, ports; Tradewind has its own, and Airflow may be running beside it), the executor, and
intervals that were tuned for another scheduler.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

from tradewind.errors import ConfigError

PREFIX = "AIRFLOW__"

_SAME = (
    "core.dags_folder",
    "core.load_examples",
    "core.parallelism",
    "core.max_active_tasks_per_dag",
    "core.max_active_runs_per_dag",
    "core.default_pool_task_slot_count",
    "core.dags_are_paused_at_creation",
    "core.default_timezone",
    "core.default_task_retries",
    "core.max_map_length",
    "core.dag_ignore_file_syntax",
    "core.dag_discovery_safe_mode",
    "scheduler.catchup_by_default",
    "scheduler.create_cron_data_intervals",
    "scheduler.create_delta_data_intervals",
    "scheduler.task_queued_timeout",
    "dag_processor.dag_file_processor_timeout",
    "dag_processor.parsing_processes",
    "triggerer.capacity",
    "logging.logging_level",
    "logging.json_logs",
    "smtp.smtp_host",
    "smtp.smtp_port",
    "smtp.smtp_user",
    "smtp.smtp_password",
    "smtp.smtp_starttls",
    "smtp.smtp_ssl",
    "smtp.smtp_timeout",
    "smtp.smtp_retry_limit",
    "smtp.smtp_mail_from",
    "email.default_email_on_failure",
    "email.default_email_on_retry",
    "email.from_email",
    "secrets.backend",
    "secrets.backend_kwargs",
)

TAKEN: Mapping[str, str] = {
    **{name: name for name in _SAME},
    "core.dag_concurrency": "core.max_active_tasks_per_dag",
    "core.non_pooled_task_slot_count": "core.default_pool_task_slot_count",
    "core.logging_level": "logging.logging_level",
    "core.dag_file_processor_timeout": "dag_processor.dag_file_processor_timeout",
    "scheduler.max_threads": "dag_processor.parsing_processes",
    "scheduler.parsing_processes": "dag_processor.parsing_processes",
    "triggerer.default_capacity": "triggerer.capacity",
    "workers.secrets_backend": "secrets.backend",
    "workers.secrets_backend_kwargs": "secrets.backend_kwargs",
}
"""Airflow's "section.key", its earlier names too, and the setting here."""


def from_environment(env: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the settings in the environment: by name, value and origin."""
    found = {}
    for theirs, ours in sorted(TAKEN.items(), key=lambda pair: pair[0] == pair[1]):
        variable = PREFIX + theirs.upper().replace(".", "__")
        if env.get(variable):
            found[ours] = (_adapted(ours, env[variable], env), f"environment {variable}")
    return found


def from_file(env: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the settings in `airflow.cfg`: by name, value and origin.

    Raises:
        ConfigError: the file cannot be read, or AIRFLOW_CONFIG names one that is not there.
    """
    path = _path(env)
    if path is None:
        return {}
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        if "AIRFLOW_CONFIG" in env:
            raise ConfigError(f"AIRFLOW_CONFIG names {path}, which does not exist") from None
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    found = {}
    for theirs, ours in sorted(TAKEN.items(), key=lambda pair: pair[0] == pair[1]):
        section, _, key = theirs.partition(".")
        value = parser.get(section, key, fallback="")
        if value:
            found[ours] = (_adapted(ours, value, env), f"file {path}")
    return found


def _path(env: Mapping[str, str]) -> Path | None:
    if env.get("AIRFLOW_CONFIG"):
        return Path(env["AIRFLOW_CONFIG"]).expanduser()
    if env.get("AIRFLOW_HOME"):
        return Path(env["AIRFLOW_HOME"]).expanduser() / "airflow.cfg"
    return None


def _adapted(name: str, value: str, env: Mapping[str, str]) -> str:
    """Return a value as it is written here."""
    if name == "core.default_timezone":
        return "UTC" if value.lower() == "utc" else value
    if name == "core.dags_folder":
        home = env.get("AIRFLOW_HOME", "~/airflow")
        for form in ("{AIRFLOW_HOME}", "${AIRFLOW_HOME}", "$AIRFLOW_HOME"):
            value = value.replace(form, home)
    return value
