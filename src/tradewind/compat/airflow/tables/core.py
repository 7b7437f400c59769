"""The root, decorators, exceptions, configuration, settings, plugins."""

from __future__ import annotations

from tradewind.compat.airflow.entry import Gone, Module, Table

_NO_DATABASE = Gone(
    "DAG files and tasks have no database. Use the API client, `ti`/`dag_run` of the context, or "
    "`tradewind db clean` in place of a clean-up DAG"
)

DECORATORS = {
    "dag": "sdk:dag",
    "task": "sdk:task",
    "task_group": "sdk:task_group",
    "setup": "sdk:setup",
    "teardown": "sdk:teardown",
}

DECORATOR_BASES = {
    "DecoratedOperator": "sdk.decorated.base",
    "DecoratedMappedOperator": "sdk.decorators",
    "TaskDecorator": "sdk.decorators:TaskFunction",
    "TaskDecoratorCollection": "sdk.decorators:TaskDecorators",
    "task_decorator_factory": "sdk.decorators",
    "get_unique_task_id": "sdk.decorators",
    "is_async_callable": "sdk.decorators",
    "determine_kwargs": "sdk.injection",
    "KeywordParameters": "compat.injection",
}

EXCEPTIONS = {
    "DeserializingResultError": "compat.exceptions",
    "SerializationError": "compat.exceptions",
    "DagInvalidTriggerRule": "sdk.exceptions:FailFastDagInvalidTriggerRule",
    "FailStopDagInvalidTriggerRule": "sdk.exceptions:FailFastDagInvalidTriggerRule",
    "AirflowDagDuplicatedIdException": "compat.exceptions",
    "AirflowInternalRuntimeError": "compat.exceptions",
    "AirflowFileParseException": "compat.exceptions",
    "AirflowClusterPolicyError": "compat.exceptions",
    "UnknownExecutorException": "compat.exceptions",
    "NodeNotFound": "sdk.exceptions:TaskNotFound",
    "TaskConcurrencyLimitReached": "compat.exceptions",
    "RemovedInAirflow3Warning": "sdk.exceptions:RemovedInAirflow4Warning",
    "DeprecatedImportWarning": "sdk.exceptions:RemovedInAirflow4Warning",
    "TaskAwaitingInput": "sdk.exceptions",
}

TABLE: Table = {
    "airflow": Module(
        {
            "__version__": "compat.version:AIRFLOW_VERSION",
            "DAG": "sdk:DAG",
            "Asset": "sdk:Asset",
            "Dataset": "sdk:Asset",
            "XComArg": "sdk:XComArg",
            "AirflowException": "sdk.exceptions",
            "PY36": "compat.version:TRUE",
            "PY37": "compat.version:TRUE",
        }
    ),
    "airflow.version": Module({"version": "compat.version:AIRFLOW_VERSION"}),
    "airflow.decorators": Module(DECORATORS),
    "airflow.decorators.base": Module(DECORATOR_BASES),
    "airflow.decorators.python": Module(
        {"PythonDecoratedOperator": "sdk.decorated.python", "python_task": "sdk:task"}
    ),
    "airflow.decorators.task_group": Module({"task_group": "sdk:task_group"}),
    "airflow.exceptions": Module(EXCEPTIONS, whole="sdk.exceptions"),
    "airflow.configuration": Module(whole="compat.configuration"),
    "airflow.settings": Module(
        {"Session": _NO_DATABASE, "engine": _NO_DATABASE}, whole="compat.settings"
    ),
    "airflow.policies": Module({"hookimpl": "sdk:hookimpl"}),
    "airflow.providers_manager": Module(
        {
            "ProvidersManager": "compat.provider_packages",
            "HookInfo": "compat.provider_packages",
            "ProviderInfo": "compat.provider_packages",
            "DialectInfo": "sdk.providers:Dialect",
        }
    ),
    "airflow.plugins_manager": Module({"AirflowPlugin": "sdk:AirflowPlugin"}),
    "airflow.listeners": Module({"hookimpl": "sdk:hookimpl"}),
    "airflow.listeners.types": Module({"AssetEvent": "sdk.listener:EmittedAssetEvent"}),
    "airflow.listeners.listener": Module({"get_listener_manager": "sdk:get_listener_manager"}),
    "airflow.notifications": Module(),
    "airflow.notifications.basenotifier": Module({"BaseNotifier": "sdk:BaseNotifier"}),
    "airflow.macros": Module(whole="sdk.macros"),
    "airflow.secrets": Module({"BaseSecretsBackend": "compat.secrets"}),
    "airflow.secrets.base_secrets": Module({"BaseSecretsBackend": "compat.secrets"}),
    "airflow.task": Module(),
    "airflow.task.trigger_rule": Module({"TriggerRule": "sdk:TriggerRule"}),
    "airflow.task.weight_rule": Module({"WeightRule": "sdk:WeightRule"}),
    "airflow.task.priority_strategy": Module({"PriorityWeightStrategy": "compat.weights"}),
    "airflow.stats": Module({"Stats": "compat.stats"}),
    "airflow.observability": Module(),
    "airflow.observability.stats": Module({"Stats": "compat.stats"}),
    "airflow.io": Module(
        {"ObjectStoragePath": "sdk:ObjectStoragePath", "attach": "sdk.io", "get_fs": "sdk.io"}
    ),
    "airflow.io.path": Module({"ObjectStoragePath": "sdk:ObjectStoragePath"}),
    "airflow.lineage": Module(),
    "airflow.lineage.entities": Module(
        {
            "File": Gone("use an Asset: Asset('file:///path')"),
            "Table": Gone("use an Asset: Asset('db://host/table')"),
        }
    ),
    "airflow.serialization": Module(),
    "airflow.serialization.serde": Module(
        {"serialize": "compat.serialization", "deserialize": "compat.serialization"}
    ),
    "airflow.jobs": Module(),
    "airflow.jobs.job": Module({"Job": _NO_DATABASE}),
    "airflow.jobs.base_job": Module({"BaseJob": _NO_DATABASE}),
    "airflow.executors": Module(),
    "airflow.executors.debug_executor": Module(
        {"DebugExecutor": Gone("use `dag.test()` or `tradewind run FILE`")}
    ),
    "airflow.executors.sequential_executor": Module(
        {"SequentialExecutor": Gone("set core.executor = SequentialExecutor in tradewind.toml")}
    ),
    "airflow.executors.local_executor": Module(
        {"LocalExecutor": Gone("set core.executor = LocalExecutor in tradewind.toml")}
    ),
    "airflow.executors.celery_executor": Module(
        {"CeleryExecutor": Gone("executors are chosen by the setting core.executor")}
    ),
    "airflow.example_dags": Module(on_disk=True),
}
