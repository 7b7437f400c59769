"""`airflow.utils`."""

from __future__ import annotations

from tradewind.compat.airflow.entry import Gone, Module, Table

_NO_SESSION = Gone(
    "DAG files and tasks have no database. Use the API client, `ti`/`dag_run` of the context, or "
    "`tradewind db clean` in place of a clean-up DAG"
)

_STATES = {
    "DagRunState": "sdk:DagRunState",
    "TaskInstanceState": "sdk:TaskInstanceState",
    "State": "compat.states",
    "JobState": "compat.states",
    "TerminalTIState": "compat.states",
    "IntermediateTIState": "compat.states",
}

_TYPES = {
    "NOTSET": "compat.types",
    "ArgNotSet": "compat.types",
    "is_arg_set": "compat.types",
    "DagRunType": "sdk:DagRunType",
    "DagRunTriggeredByType": "compat.types",
}

TABLE: Table = {
    "airflow.utils": Module(),
    "airflow.utils.context": Module(
        {
            "Context": "sdk:Context",
            "context_merge": "compat.context",
            "context_get_outlet_events": "compat.context",
            "VariableAccessor": "sdk.accessors",
            "ConnectionAccessor": "sdk.accessors",
            "OutletEventAccessors": "sdk.asset_events",
        }
    ),
    "airflow.utils.dag_parsing_context": Module(
        {"get_parsing_context": "sdk:get_parsing_context"}, moved="airflow.sdk"
    ),
    "airflow.utils.dates": Module(
        whole="compat.dates", moved="pendulum: pendulum.today('UTC').add(days=-n)"
    ),
    "airflow.utils.db": Module({"provide_session": _NO_SESSION, "create_session": _NO_SESSION}),
    "airflow.utils.decorators": Module({"apply_defaults": "compat.old_decorators"}),
    "airflow.utils.deprecation_tools": Module(whole="compat.moved_names"),
    "airflow.utils.edgemodifier": Module(
        {"EdgeModifier": "sdk:EdgeModifier", "Label": "sdk:Label"}
    ),
    "airflow.utils.email": Module(whole="compat.mail"),
    "airflow.utils.file": Module(
        {"TemporaryDirectory": "compat.files", "mkdirs": "compat.files"}, whole="compat.files"
    ),
    "airflow.utils.hashlib_wrapper": Module({"md5": "compat.hashes"}),
    "airflow.utils.helpers": Module(
        {
            "chain": "sdk:chain",
            "chain_linear": "sdk:chain_linear",
            "cross_downstream": "sdk:cross_downstream",
        },
        whole="compat.helpers",
    ),
    "airflow.utils.json": Module(
        {"XComEncoder": "compat.serialization", "XComDecoder": "compat.serialization"}
    ),
    "airflow.utils.log": Module(),
    "airflow.utils.log.logging_mixin": Module(
        {"LoggingMixin": "sdk.hooks.base", "remove_escape_codes": "compat.logs"}
    ),
    "airflow.utils.log.secrets_masker": Module(
        {"mask_secret": "sdk:mask_secret", "redact": "compat.masking"}
    ),
    "airflow.utils.module_loading": Module(whole="compat.module_loading"),
    "airflow.utils.net": Module({"get_hostname": "compat.machine"}),
    "airflow.utils.operator_helpers": Module(
        {
            "determine_kwargs": "sdk.injection",
            "KeywordParameters": "compat.injection",
            "make_kwargs_callable": "compat.injection",
            "AIRFLOW_VAR_NAME_FORMAT_MAPPING": "compat.context",
            "DEFAULT_FORMAT_PREFIX": "compat.context",
            "ENV_VAR_FORMAT_PREFIX": "compat.context",
            "context_to_airflow_vars": "compat.context",
        }
    ),
    "airflow.utils.platform": Module({"getuser": "compat.machine", "IS_WINDOWS": "compat.machine"}),
    "airflow.utils.process_utils": Module(
        {"patch_environ": "compat.machine", "execute_in_subprocess": "compat.machine"}
    ),
    "airflow.utils.session": Module(
        {
            "provide_session": "compat.session",
            "create_session": "compat.session",
            "NEW_SESSION": "compat.session",
        }
    ),
    "airflow.utils.setup_teardown": Module(),
    "airflow.utils.sqlalchemy": Module(),
    "airflow.utils.state": Module(_STATES),
    "airflow.utils.strings": Module(whole="compat.strings"),
    "airflow.utils.task_group": Module({"TaskGroup": "sdk:TaskGroup"}),
    "airflow.utils.template": Module({"literal": "sdk:literal"}, moved="airflow.sdk"),
    "airflow.utils.timeout": Module({"timeout": "compat.timeouts"}),
    "airflow.utils.timezone": Module(whole="compat.timezone"),
    "airflow.utils.trigger_rule": Module({"TriggerRule": "sdk:TriggerRule"}),
    "airflow.utils.types": Module(_TYPES),
    "airflow.utils.weekday": Module(
        {"WeekDay": "sdk.weekdays"}, moved="airflow.providers.standard.utils.weekday"
    ),
    "airflow.utils.weight_rule": Module({"WeightRule": "sdk:WeightRule"}),
    "airflow.utils.xcom": Module({"XCOM_RETURN_KEY": "sdk.xcom"}),
    "airflow.utils.yaml": Module(whole="compat.yamls"),
}
