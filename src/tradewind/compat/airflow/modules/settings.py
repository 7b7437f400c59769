"""`airflow.settings`: paths and hooks that DAG files and provider packages read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tradewind.compat.airflow.modules.configuration import conf
from tradewind.sdk import defaults, policies

__all__ = [
    "AIRFLOW_HOME",
    "DAGS_FOLDER",
    "PLUGINS_FOLDER",
    "TIMEZONE",
    "conf",
    "json",
    "pod_mutation_hook",
]

TIMEZONE = defaults.zone()
AIRFLOW_HOME = os.environ.get("TRADEWIND_HOME") or str(Path.home() / "tradewind")
DAGS_FOLDER = conf.get("core", "dags_folder")
PLUGINS_FOLDER = conf.get("core", "plugins_folder", fallback=f"{AIRFLOW_HOME}/plugins")


def pod_mutation_hook(pod: Any) -> None:
    """Change a pod before it is made, as the deployment's own settings module says."""
    policies.mutate_pod(pod)
