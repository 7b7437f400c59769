"""Hooks that are part of Airflow or its standard provider."""

from __future__ import annotations

from tradewind.compat.airflow.entry import Module, Table

_STANDARD = "airflow.providers.standard.hooks"

_BASE = {"BaseHook": "sdk:BaseHook"}
_FILES = {"FSHook": "sdk.hooks.filesystem"}
_SUBPROCESS = {
    "SubprocessHook": "sdk.hooks.subprocess",
    "SubprocessResult": "sdk.hooks.subprocess",
}
_INDEX = {"PackageIndexHook": "sdk.hooks.package_index"}

TABLE: Table = {
    "airflow.hooks": Module(_BASE),
    "airflow.hooks.base": Module(_BASE),
    "airflow.hooks.filesystem": Module(_FILES),
    "airflow.hooks.package_index": Module(_INDEX),
    "airflow.hooks.subprocess": Module(_SUBPROCESS),
    # Gone in Airflow 3
    "airflow.hooks.base_hook": Module(_BASE, moved="airflow.sdk"),
    # The standard provider: ours, though the package may be installed
    _STANDARD: Module(),
    f"{_STANDARD}.filesystem": Module(_FILES),
    f"{_STANDARD}.package_index": Module(_INDEX),
    f"{_STANDARD}.subprocess": Module(_SUBPROCESS),
}
