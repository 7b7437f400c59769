"""`airflow.models`: what DAG files import of it. The tables of the database are not there."""

from __future__ import annotations

from tradewind.compat.airflow.entry import Gone, Module, Table

_NO_DATABASE = Gone(
    "it is a table of Airflow's database, and DAG files have no database here. Use the API "
    "client, or `tradewind db clean` in place of a clean-up DAG"
)

OPERATOR = {
    "BaseOperator": "sdk:BaseOperator",
    "BaseAsyncOperator": "sdk:BaseAsyncOperator",
    "chain": "sdk:chain",
    "chain_linear": "sdk:chain_linear",
    "cross_downstream": "sdk:cross_downstream",
    "BaseOperatorLink": "sdk:BaseOperatorLink",
    "BaseOperatorMeta": "sdk.construction:OperatorMeta",
}

ABSTRACT = {
    "AbstractOperator": "sdk.abstract_operator",
    "DEFAULT_OWNER": "compat.defaults",
    "DEFAULT_QUEUE": "compat.defaults",
    "DEFAULT_RETRIES": "compat.defaults",
    "DEFAULT_RETRY_DELAY": "compat.defaults",
}

_SKIP = {"SkipMixin": "sdk:SkipMixin"}
_PARAMS = {"Param": "sdk:Param", "ParamsDict": "sdk:ParamsDict", "DagParam": "sdk:DagParam"}
_XCOM = {
    "XCom": "sdk:XCom",
    "BaseXCom": "sdk:BaseXCom",
    "XCOM_RETURN_KEY": "sdk.xcom",
}
_KEY = {"TaskInstanceKey": "sdk.task_instance"}
_TASK_INSTANCE: dict[str, str | Gone] = {
    "TaskInstance": "sdk.task_instance:RuntimeTaskInstance",
    "SimpleTaskInstance": "sdk.task_instance:RuntimeTaskInstance",
    "clear_task_instances": _NO_DATABASE,
    **_KEY,
}

TABLE: Table = {
    "airflow.models": Module(
        {
            "DAG": "sdk:DAG",
            "Variable": "sdk:Variable",
            "Connection": "sdk:Connection",
            "MappedOperator": "sdk:MappedOperator",
            "DagRun": "sdk:DagRun",
            "DagBag": "compat.dagbag",
            "ID_LEN": "compat.version",
            "DagModel": _NO_DATABASE,
            "DagTag": _NO_DATABASE,
            "DagWarning": _NO_DATABASE,
            "Log": _NO_DATABASE,
            "Pool": _NO_DATABASE,
            "RenderedTaskInstanceFields": _NO_DATABASE,
            "TaskReschedule": _NO_DATABASE,
            "TaskFail": _NO_DATABASE,
            "SlaMiss": _NO_DATABASE,
            "ImportError": _NO_DATABASE,
            "Trigger": _NO_DATABASE,
            **OPERATOR,
            **_SKIP,
            **_PARAMS,
            **_XCOM,
            **_TASK_INSTANCE,
        }
    ),
    "airflow.models.abstractoperator": Module(ABSTRACT),
    "airflow.models.base": Module({"ID_LEN": "compat.version"}),
    "airflow.models.baseoperator": Module(OPERATOR),
    "airflow.models.baseoperatorlink": Module({"BaseOperatorLink": "sdk:BaseOperatorLink"}),
    "airflow.models.connection": Module({"Connection": "sdk:Connection"}),
    "airflow.models.dag": Module(
        {"DAG": "sdk:DAG", "dag": "sdk:dag", "DagModel": _NO_DATABASE, "DagTag": _NO_DATABASE}
    ),
    "airflow.models.dagbag": Module({"DagBag": "compat.dagbag"}),
    "airflow.dag_processing": Module(),
    "airflow.dag_processing.dagbag": Module({"DagBag": "compat.dagbag"}),
    "airflow.models.dagparam": Module({"DagParam": "sdk:DagParam"}),
    "airflow.models.dagrun": Module({"DagRun": "sdk:DagRun"}),
    "airflow.models.expandinput": Module(whole="sdk.mapping"),
    "airflow.models.mappedoperator": Module({"MappedOperator": "sdk:MappedOperator"}),
    "airflow.models.operator": Module({"Operator": "sdk.abstract_operator:AbstractOperator"}),
    "airflow.models.param": Module(_PARAMS),
    "airflow.models.pool": Module({"Pool": _NO_DATABASE}),
    "airflow.models.renderedtifields": Module({"RenderedTaskInstanceFields": _NO_DATABASE}),
    "airflow.models.serialized_dag": Module({"SerializedDagModel": _NO_DATABASE}),
    "airflow.models.skipmixin": Module(_SKIP),
    "airflow.models.taskinstance": Module(_TASK_INSTANCE),
    "airflow.models.taskinstancekey": Module(_KEY),
    "airflow.models.taskmixin": Module({"DependencyMixin": "sdk.edges"}),
    "airflow.models.variable": Module({"Variable": "sdk:Variable"}),
    "airflow.models.xcom": Module(_XCOM),
    "airflow.models.xcom_arg": Module(whole="sdk.xcom_arg"),
    "airflow.models.dataset": Module(
        {"DatasetEvent": _NO_DATABASE, "DatasetModel": _NO_DATABASE}, moved="airflow.models.asset"
    ),
    "airflow.models.asset": Module(
        {"AssetEvent": _NO_DATABASE, "AssetModel": _NO_DATABASE, "AssetActive": _NO_DATABASE}
    ),
}
