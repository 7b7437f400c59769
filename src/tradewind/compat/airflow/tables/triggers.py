"""Triggers that are part of Airflow or its standard provider."""

from __future__ import annotations

from tradewind.compat.airflow.entry import Module, Table

_STANDARD = "airflow.providers.standard.triggers"

_EXTERNAL = {
    "WorkflowTrigger": "sdk.triggers.external_task",
    "DagStateTrigger": "sdk.triggers.external_task",
}
_FILE = {
    "FileTrigger": "sdk.triggers.file",
    "FileDeleteTrigger": "sdk.triggers.file",
    "DirectoryFileDeleteTrigger": "sdk.triggers.file",
}
_TEMPORAL = {
    "DateTimeTrigger": "sdk.triggers.temporal",
    "TimeDeltaTrigger": "sdk.triggers.temporal",
}

TABLE: Table = {
    "airflow.triggers": Module(),
    "airflow.triggers.base": Module(whole="sdk.triggers.base"),
    "airflow.triggers.external_task": Module(_EXTERNAL),
    "airflow.triggers.file": Module(_FILE),
    "airflow.triggers.temporal": Module(_TEMPORAL),
    # The standard provider: ours, though the package may be installed
    _STANDARD: Module(),
    f"{_STANDARD}.external_task": Module(_EXTERNAL),
    f"{_STANDARD}.file": Module(_FILE),
    f"{_STANDARD}.temporal": Module(_TEMPORAL),
}
