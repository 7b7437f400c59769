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
    "airflow.operators.latest_only": Module(_LATEST),
    "airflow.operators.python": Module(
        {**_PYTHON, "task": "sdk:task", "is_venv_installed": "compat.venvs"}
    ),
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
    "airflow.providers.standard.utils.python_virtualenv": Module(
        {
            "prepare_virtualenv": "compat.venvs",
            "write_python_script": "compat.python_scripts",
        }
    ),
    "airflow.providers.standard.utils.skipmixin": Module({"SkipMixin": "sdk:SkipMixin"}),
    "airflow.providers.standard.utils.weekday": Module({"WeekDay": "sdk.weekdays"}),
    "airflow.providers.standard.version_compat": Module(whole="compat.version"),
}
