"""Operators: the standard provider's, and the older places of the same."""

from __future__ import annotations

from tradewind.compat.airflow.entry import Gone, Module, Table

_STANDARD = "airflow.providers.standard.operators"

_BASH = {"BashOperator": "sdk:BashOperator"}
_EMPTY = {"EmptyOperator": "sdk:EmptyOperator"}
_DUMMY = {"DummyOperator": "sdk:EmptyOperator"}
_PYTHON = {
    "PythonOperator": "sdk:PythonOperator",
    "BranchPythonOperator": "sdk:BranchPythonOperator",
    "ShortCircuitOperator": "sdk:ShortCircuitOperator",
    "PythonVirtualenvOperator": "sdk:PythonVirtualenvOperator",
    "BranchPythonVirtualenvOperator": "sdk:BranchPythonVirtualenvOperator",
    "ExternalPythonOperator": "sdk:ExternalPythonOperator",
    "BranchExternalPythonOperator": "sdk:BranchExternalPythonOperator",
    "get_current_context": "sdk:get_current_context",
}
_BRANCH = {
    "BaseBranchOperator": "sdk:BaseBranchOperator",
    "BranchMixIn": "sdk:BranchMixIn",
    "SkipMixin": "sdk:SkipMixin",
}
_DATETIME = {"BranchDateTimeOperator": "sdk:BranchDateTimeOperator"}
_WEEKDAY = {"BranchDayOfWeekOperator": "sdk:BranchDayOfWeekOperator"}
_LATEST = {"LatestOnlyOperator": "sdk:LatestOnlyOperator"}
_TRIGGER = {
    "TriggerDagRunOperator": "sdk:TriggerDagRunOperator",
    "TriggerDagRunLink": "sdk:BaseOperatorLink",
}
_SMOOTH = {"SmoothOperator": "compat.smooth"}
_EMAIL = {"EmailOperator": "sdk:EmailOperator"}
_HITL = {
    "HITLOperator": "sdk:HITLOperator",
    "ApprovalOperator": "sdk:ApprovalOperator",
    "HITLBranchOperator": "sdk:HITLBranchOperator",
    "HITLEntryOperator": "sdk:HITLEntryOperator",
}
_SUBDAG = {
    "SubDagOperator": Gone(
        "sub-DAGs were removed in Airflow 3, too. Put the sub-DAG's tasks into a TaskGroup: "
        "`with TaskGroup('name'):`"
    )
}
_GENERIC_TRANSFER = {
    "GenericTransfer": Gone(
        "import it from airflow.providers.common.sql.operators.generic_transfer (package "
        "apache-airflow-providers-common-sql)"
    )
}


def _elsewhere(*names: str, package: str, module: str) -> dict[str, Gone]:
    """Return names that lived in Airflow 1 and are in a provider package since."""
    return {
        name: Gone(f"import it from {module} (pip install apache-airflow-providers-{package})")
        for name in names
    }


_SQL = "airflow.providers.common.sql.operators.sql"
_PROVIDED: dict[str, Module] = {
    "airflow.operators.postgres_operator": Module(
        _elsewhere("PostgresOperator", package="postgres", module=f"{_SQL}:SQLExecuteQueryOperator")
    ),
    "airflow.operators.mysql_operator": Module(
        _elsewhere("MySqlOperator", package="mysql", module=f"{_SQL}:SQLExecuteQueryOperator")
    ),
    "airflow.operators.sqlite_operator": Module(
        _elsewhere("SqliteOperator", package="sqlite", module=f"{_SQL}:SQLExecuteQueryOperator")
    ),
    "airflow.operators.mssql_operator": Module(
        _elsewhere(
            "MsSqlOperator", package="microsoft-mssql", module=f"{_SQL}:SQLExecuteQueryOperator"
        )
    ),
    "airflow.operators.http_operator": Module(
        _elsewhere(
            "SimpleHttpOperator",
            package="http",
            module="airflow.providers.http.operators.http:HttpOperator",
        )
    ),
    "airflow.operators.docker_operator": Module(
        _elsewhere(
            "DockerOperator", package="docker", module="airflow.providers.docker.operators.docker"
        )
    ),
    "airflow.operators.slack_operator": Module(
        _elsewhere(
            "SlackAPIPostOperator",
            package="slack",
            module="airflow.providers.slack.operators.slack",
        )
    ),
    "airflow.operators.hive_operator": Module(
        _elsewhere(
            "HiveOperator",
            package="apache-hive",
            module="airflow.providers.apache.hive.operators.hive",
        )
    ),
    "airflow.operators.s3_file_transform_operator": Module(
        _elsewhere(
            "S3FileTransformOperator",
            package="amazon",
            module="airflow.providers.amazon.aws.operators.s3",
        )
    ),
}

TABLE: Table = {
    # Airflow 1 also had every operator here, and those of plugins.
    "airflow.operators": Module(
        {
            **_BASH,
            **_DUMMY,
            **_PYTHON,
            **_LATEST,
            **_TRIGGER,
            **_EMAIL,
            **_SUBDAG,
            "BaseSensorOperator": "sdk:BaseSensorOperator",
            "ExternalTaskSensor": "sdk:ExternalTaskSensor",
            "TimeDeltaSensor": "sdk:TimeDeltaSensor",
            "TimeSensor": "sdk:TimeSensor",
        }
    ),
    "airflow.operators.bash": Module(_BASH),
    "airflow.operators.branch": Module(_BRANCH),
    "airflow.operators.datetime": Module(_DATETIME),
    "airflow.operators.email": Module(_EMAIL),
    "airflow.operators.empty": Module(_EMPTY),
    "airflow.operators.generic_transfer": Module(_GENERIC_TRANSFER),
    "airflow.operators.latest_only": Module(_LATEST),
    "airflow.operators.python": Module(_PYTHON),
    "airflow.operators.smooth": Module(_SMOOTH),
    "airflow.operators.trigger_dagrun": Module(_TRIGGER),
    "airflow.operators.weekday": Module(_WEEKDAY),
    # Gone in Airflow 3
    "airflow.operators.bash_operator": Module(_BASH, moved=f"{_STANDARD}.bash"),
    "airflow.operators.branch_operator": Module(_BRANCH, moved=f"{_STANDARD}.branch"),
    "airflow.operators.dagrun_operator": Module(_TRIGGER, moved=f"{_STANDARD}.trigger_dagrun"),
    "airflow.operators.datetime_branch_operator": Module(_DATETIME, moved=f"{_STANDARD}.datetime"),
    "airflow.operators.dummy": Module({**_DUMMY, **_EMPTY}, moved=f"{_STANDARD}.empty"),
    "airflow.operators.dummy_operator": Module({**_DUMMY, **_EMPTY}, moved=f"{_STANDARD}.empty"),
    "airflow.operators.email_operator": Module(
        _EMAIL, moved="airflow.providers.smtp.operators.smtp"
    ),
    "airflow.operators.latest_only_operator": Module(_LATEST, moved=f"{_STANDARD}.latest_only"),
    "airflow.operators.python_operator": Module(_PYTHON, moved=f"{_STANDARD}.python"),
    "airflow.operators.weekday_operator": Module(_WEEKDAY, moved=f"{_STANDARD}.weekday"),
    "airflow.operators.subdag": Module(_SUBDAG),
    "airflow.operators.subdag_operator": Module(_SUBDAG),
    "airflow.operators.sensors": Module(
        {
            "BaseSensorOperator": "sdk:BaseSensorOperator",
            "ExternalTaskSensor": "sdk:ExternalTaskSensor",
            "TimeDeltaSensor": "sdk:TimeDeltaSensor",
            "TimeSensor": "sdk:TimeSensor",
        },
        moved="airflow.providers.standard.sensors",
    ),
    **_PROVIDED,
    # The standard provider: ours, though the package may be installed
    "airflow.providers.standard": Module(on_disk=True),
    "airflow.providers.standard.exceptions": Module(whole="compat.standard_exceptions"),
    "airflow.providers.standard.operators": Module(),
    f"{_STANDARD}.bash": Module(_BASH),
    f"{_STANDARD}.branch": Module(_BRANCH),
    f"{_STANDARD}.datetime": Module(_DATETIME),
    f"{_STANDARD}.empty": Module(_EMPTY),
    f"{_STANDARD}.hitl": Module(_HITL),
    f"{_STANDARD}.latest_only": Module(_LATEST),
    f"{_STANDARD}.python": Module(_PYTHON),
    f"{_STANDARD}.smooth": Module(_SMOOTH),
    f"{_STANDARD}.trigger_dagrun": Module(_TRIGGER),
    f"{_STANDARD}.weekday": Module(_WEEKDAY),
    "airflow.providers.standard.decorators": Module(),
    "airflow.providers.standard.decorators.bash": Module({"bash_task": "sdk:task"}),
    "airflow.providers.standard.decorators.python": Module({"python_task": "sdk:task"}),
    "airflow.providers.standard.utils": Module(),
    "airflow.providers.standard.utils.skipmixin": Module({"SkipMixin": "sdk:SkipMixin"}),
    "airflow.providers.standard.utils.weekday": Module({"WeekDay": "sdk.weekdays"}),
    "airflow.providers.standard.version_compat": Module(whole="compat.version"),
}
