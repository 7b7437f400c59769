"""`airflow.providers`: the folders of installed packages, and what is ours all the same."""

from __future__ import annotations

from tradewind.compat.airflow.entry import Module, Table
from tradewind.compat.airflow.tables.core import DECORATOR_BASES

_COMPAT = "airflow.providers.common.compat"

_SDK = {
    **DECORATOR_BASES,
    "poke_mode_only": "sdk.sensors.base",
    "TaskInstanceKey": "sdk.task_instance",
    "RuntimeTaskInstanceProtocol": "sdk.task_instance:RuntimeTaskInstance",
    "context_merge": "compat.context",
    "SET_DURING_EXECUTION": "compat.types",
    "context_to_airflow_vars": "compat.context",
    "context_get_outlet_events": "compat.context",
    "AIRFLOW_VAR_NAME_FORMAT_MAPPING": "compat.context",
    "timeout": "compat.timeouts",
    "XCOM_RETURN_KEY": "sdk.xcom",
    "Stats": "compat.stats",
    "redact": "compat.masking",
    "conf": "compat.configuration",
    "timezone": "compat.timezone:*",
    "io": "sdk.io:*",
    "HookLineage": "sdk.lineage",
    "HookLineageCollector": "sdk.lineage",
    "HookLineageReader": "sdk.lineage",
    "NoOpCollector": "sdk.lineage",
    "AssetLineageInfo": "sdk.lineage",
    "get_hook_lineage_collector": "sdk.lineage",
    "AirflowException": "sdk.exceptions",
    "AirflowConfigException": "sdk.exceptions",
    "AirflowFailException": "sdk.exceptions",
    "AirflowNotFoundException": "sdk.exceptions",
    "AirflowOptionalProviderFeatureException": "sdk.exceptions",
    "AirflowProviderDeprecationWarning": "sdk.exceptions",
    "AirflowSkipException": "sdk.exceptions",
    "AirflowTaskTimeout": "sdk.exceptions",
    "AirflowSensorTimeout": "sdk.exceptions",
    "ParamValidationError": "sdk.exceptions",
    "TaskDeferred": "sdk.exceptions",
    "XComNotFound": "sdk.exceptions",
    "DownstreamTasksSkipped": "sdk.exceptions",
    "DagRunTriggerException": "sdk.exceptions",
    "AirflowPlugin": "sdk:AirflowPlugin",
    "hookimpl": "sdk:hookimpl",
    "AIRFLOW_V_3_0_PLUS": "compat.version",
    "AIRFLOW_V_3_1_PLUS": "compat.version",
    "AIRFLOW_V_3_2_PLUS": "compat.version",
    "AIRFLOW_V_3_3_PLUS": "compat.version",
}

TABLE: Table = {
    "airflow.providers": Module(on_disk=True),
    "airflow.providers.common": Module(on_disk=True),
    _COMPAT: Module(on_disk=True),
    f"{_COMPAT}.sdk": Module(_SDK, whole="sdk"),
    f"{_COMPAT}.assets": Module(
        {
            "Asset": "sdk:Asset",
            "AssetAlias": "sdk:AssetAlias",
            "AssetAll": "sdk:AssetAll",
            "AssetAny": "sdk:AssetAny",
            "Metadata": "sdk:Metadata",
        }
    ),
    f"{_COMPAT}.version_compat": Module(whole="compat.version"),
    f"{_COMPAT}.standard": Module(),
    f"{_COMPAT}.standard.operators": Module(
        {
            "PythonOperator": "sdk:PythonOperator",
            "ShortCircuitOperator": "sdk:ShortCircuitOperator",
            "get_current_context": "sdk:get_current_context",
        }
    ),
    f"{_COMPAT}.standard.triggers": Module({"TimeDeltaTrigger": "sdk.triggers.temporal"}),
    f"{_COMPAT}.standard.utils": Module(
        {
            "prepare_virtualenv": "compat.venvs",
            "write_python_script": "compat.python_scripts",
        }
    ),
}
