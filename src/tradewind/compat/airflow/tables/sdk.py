"""`airflow.sdk` and the modules below it that DAG files and provider packages import."""

from __future__ import annotations

from tradewind.compat.airflow.entry import Gone, Module, Table
from tradewind.compat.airflow.tables.core import DECORATOR_BASES, EXCEPTIONS
from tradewind.compat.airflow.tables.models import ABSTRACT, OPERATOR

# fmt: off
_PUBLIC = (
    "AllowedKeyMapper", "Asset", "AssetAccessControl", "AssetAlias", "AssetAll", "AssetAny",
    "AssetOrTimeSchedule", "AssetWatcher", "AsyncCallback", "BaseAsyncOperator",
    "BaseBranchOperator", "BaseDeadlineReference", "BaseHook", "BaseNotifier", "BaseOperator",
    "BaseOperatorLink", "BaseSensorOperator", "BaseXCom", "BranchMixIn", "ChainMapper",
    "Connection", "Context", "CronDataIntervalTimetable", "CronPartitionTimetable",
    "CronTriggerTimetable", "DAG", "DagRunState", "DayWindow", "DeadlineAlert",
    "DeadlineReference", "DeltaDataIntervalTimetable", "DeltaTriggerTimetable", "EdgeModifier",
    "EventsTimetable", "ExceptionRetryPolicy", "FanOutMapper", "FixedKeyMapper", "HourWindow",
    "IdentityMapper", "Label", "Metadata", "MinimumCount", "MonthWindow",
    "MultipleCronTriggerTimetable", "NEVER_EXPIRE", "ObjectStoragePath", "Param", "ParamsDict",
    "PartitionMapper", "PartitionedAssetTimetable", "PartitionedAtRuntime", "PokeReturnValue",
    "ProductMapper", "QuarterWindow", "ResumableJobMixin", "RetryAction", "RetryDecision",
    "RetryPolicy", "RetryRule", "RollupMapper", "SegmentWindow", "SkipMixin", "StartOfDayMapper",
    "StartOfHourMapper", "StartOfMonthMapper", "StartOfQuarterMapper", "StartOfWeekMapper",
    "StartOfYearMapper", "SyncCallback", "TaskGroup", "TaskInstance", "TaskInstanceState",
    "TriggerRule", "Variable", "WaitForAll", "WeekWindow", "WeightRule", "Window", "XComArg",
    "YearWindow", "asset", "chain", "chain_linear", "cross_downstream", "dag",
    "deadline_reference", "get_current_context", "get_parsing_context", "lineage", "literal",
    "result", "setup", "task", "task_group", "teardown",
)
# fmt: on
"""All names of Airflow 3.3, so that one which is not here yet is refused as such."""

_SENTINELS = {
    "NOTSET": "compat.types",
    "ArgNotSet": "compat.types",
    "SET_DURING_EXECUTION": "compat.types",
    "is_arg_set": "compat.types",
}

_CONTEXT = {
    "Context": "sdk:Context",
    "context_merge": "compat.context",
    "get_current_context": "sdk:get_current_context",
    "get_parsing_context": "sdk:get_parsing_context",
}

_ASSETS = {
    "AssetRef": "sdk.assets",
    "AssetNameRef": "sdk.assets",
    "AssetUriRef": "sdk.assets",
    "BaseAsset": "sdk.assets",
}

TABLE: Table = {
    "airflow.sdk": Module(
        {
            **{name: f"sdk:{name}" for name in _PUBLIC},
            "__version__": "compat.version:SDK_VERSION",
            "conf": "compat.configuration",
            "deadline_reference": Gone(
                "a deadline reference of your own would be asked in the scheduler, which runs no "
                "user code; use one of DeadlineReference's"
            ),
            "lineage": "sdk.lineage:*",
            "TaskInstance": "sdk.task_instance:RuntimeTaskInstance",
        },
        whole="sdk",
    ),
    "airflow.sdk.bases": Module(),
    "airflow.sdk.bases.branch": Module(
        {"BaseBranchOperator": "sdk:BaseBranchOperator", "BranchMixIn": "sdk:BranchMixIn"}
    ),
    "airflow.sdk.bases.decorator": Module(DECORATOR_BASES),
    "airflow.sdk.bases.hook": Module({"BaseHook": "sdk:BaseHook"}),
    "airflow.sdk.bases.notifier": Module({"BaseNotifier": "sdk:BaseNotifier"}),
    "airflow.sdk.bases.operator": Module(OPERATOR),
    "airflow.sdk.bases.operatorlink": Module({"BaseOperatorLink": "sdk:BaseOperatorLink"}),
    "airflow.sdk.bases.secrets_backend": Module({"BaseSecretsBackend": "compat.secrets"}),
    "airflow.sdk.bases.sensor": Module(
        {
            "BaseSensorOperator": "sdk:BaseSensorOperator",
            "PokeReturnValue": "sdk:PokeReturnValue",
            "poke_mode_only": "sdk.sensors.base",
        }
    ),
    "airflow.sdk.bases.skipmixin": Module({"SkipMixin": "sdk:SkipMixin"}),
    "airflow.sdk.bases.timetable": Module({"BaseTimetable": "sdk:Timetable"}),
    "airflow.sdk.bases.xcom": Module({"BaseXCom": "sdk:BaseXCom"}),
    "airflow.sdk.configuration": Module(whole="compat.configuration"),
    "airflow.sdk.definitions": Module(),
    "airflow.sdk.definitions._internal": Module(),
    "airflow.sdk.definitions._internal.abstractoperator": Module(ABSTRACT),
    "airflow.sdk.definitions._internal.types": Module(_SENTINELS),
    "airflow.sdk.definitions.asset": Module(_ASSETS, whole="sdk.assets"),
    "airflow.sdk.definitions.asset.decorators": Module({"asset": "sdk:asset"}),
    "airflow.sdk.definitions.asset.metadata": Module({"Metadata": "sdk:Metadata"}),
    "airflow.sdk.definitions.connection": Module({"Connection": "sdk:Connection"}),
    "airflow.sdk.definitions.context": Module(_CONTEXT),
    "airflow.sdk.definitions.dag": Module({"DAG": "sdk:DAG", "dag": "sdk:dag"}),
    "airflow.sdk.definitions.deadline": Module(
        {
            "BaseDeadlineReference": "sdk:BaseDeadlineReference",
            "DeadlineAlert": "sdk:DeadlineAlert",
            "DeadlineReference": "sdk:DeadlineReference",
            "VariableInterval": "sdk:VariableInterval",
        }
    ),
    "airflow.sdk.definitions.callback": Module(
        {"AsyncCallback": "sdk:AsyncCallback", "SyncCallback": "sdk:SyncCallback"}
    ),
    "airflow.sdk.definitions.decorators": Module(
        {"task": "sdk:task", "setup": "sdk:setup", "teardown": "sdk:teardown"}
    ),
    "airflow.sdk.definitions.edges": Module(
        {"EdgeModifier": "sdk:EdgeModifier", "Label": "sdk:Label"}
    ),
    "airflow.sdk.definitions.mappedoperator": Module({"MappedOperator": "sdk:MappedOperator"}),
    "airflow.sdk.definitions.param": Module(
        {"Param": "sdk:Param", "ParamsDict": "sdk:ParamsDict", "DagParam": "sdk:DagParam"}
    ),
    "airflow.sdk.definitions.retry_policy": Module(whole="sdk.retry_policy"),
    "airflow.sdk.definitions.taskgroup": Module({"TaskGroup": "sdk:TaskGroup"}),
    "airflow.sdk.definitions.template": Module({"literal": "sdk:literal"}),
    "airflow.sdk.definitions.variable": Module({"Variable": "sdk:Variable"}),
    "airflow.sdk.definitions.xcom_arg": Module(whole="sdk.xcom_arg"),
    "airflow.sdk.exceptions": Module(EXCEPTIONS, whole="sdk.exceptions"),
    "airflow.sdk.execution_time": Module(),
    "airflow.sdk.execution_time.context": Module(
        {
            "AIRFLOW_VAR_NAME_FORMAT_MAPPING": "compat.context",
            "DEFAULT_FORMAT_PREFIX": "compat.context",
            "ENV_VAR_FORMAT_PREFIX": "compat.context",
            "context_to_airflow_vars": "compat.context",
            "context_get_outlet_events": "compat.context",
            "NEVER_EXPIRE": "sdk:NEVER_EXPIRE",
            "OutletEventAccessors": "sdk.asset_events",
            "InletEventsAccessors": "sdk.asset_events:InletEventAccessors",
        }
    ),
    "airflow.sdk.execution_time.macros": Module(whole="sdk.macros"),
    "airflow.sdk.execution_time.secrets_masker": Module(
        {"mask_secret": "sdk:mask_secret", "redact": "compat.masking"}
    ),
    "airflow.sdk.execution_time.task_runner": Module({"RuntimeTaskInstance": "sdk.task_instance"}),
    "airflow.sdk.execution_time.timeout": Module({"timeout": "compat.timeouts"}),
    "airflow.sdk.execution_time.xcom": Module({"XCom": "sdk:XCom"}),
    "airflow.sdk.io": Module(whole="sdk.io"),
    "airflow.sdk.lineage": Module(whole="sdk.lineage"),
    "airflow.sdk.listener": Module({"get_listener_manager": "sdk:get_listener_manager"}),
    "airflow.sdk.log": Module({"mask_secret": "sdk:mask_secret", "redact": "compat.masking"}),
    "airflow.sdk.module_loading": Module(whole="compat.module_loading"),
    "airflow.sdk.observability": Module(),
    "airflow.sdk.observability.stats": Module({"Stats": "compat.stats"}),
    "airflow.sdk.providers_manager_runtime": Module(
        {"ProvidersManagerTaskRuntime": "compat.provider_packages"}
    ),
    "airflow.sdk.plugins_manager": Module({"AirflowPlugin": "sdk:AirflowPlugin"}),
    "airflow.sdk.serde": Module(
        {"serialize": "compat.serialization", "deserialize": "compat.serialization"}
    ),
    "airflow.sdk.timezone": Module(whole="compat.timezone"),
    "airflow.sdk.types": Module(
        {
            "TaskInstanceKey": "sdk.task_instance",
            "RuntimeTaskInstanceProtocol": "sdk.task_instance:RuntimeTaskInstance",
            "DagRunProtocol": "sdk:DagRun",
            "Operator": "sdk.abstract_operator:AbstractOperator",
            "TaskInstance": "sdk.task_instance:RuntimeTaskInstance",
            "Logger": "compat.logs",
        }
    ),
}
