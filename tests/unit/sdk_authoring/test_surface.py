"""The names, parameters and defaults of Airflow 3's authoring API are here."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Any

import pytest

from tradewind import sdk
from tradewind.sdk import DAG, BaseOperator, EmptyOperator, TaskGroup, XComArg, task
from tradewind.sdk.arguments import OPERATOR_ARGUMENTS
from tradewind.sdk.dag_definition import DAG_ARGUMENTS
from tradewind.sdk.mapping import MappedOperator

REQUIRED = inspect.Parameter.empty
ANY = object()
"""A default that is not compared: a sentinel or a function."""

NAMES = """
Asset AssetAccessControl AssetAlias AssetAll AssetAny AssetOrTimeSchedule AssetWatcher
BaseBranchOperator BaseEventTrigger BaseHook BaseNotifier BaseOperator BaseOperatorLink
BaseSensorOperator BaseTrigger BaseXCom BashOperator BashSensor BranchDateTimeOperator
BranchDayOfWeekOperator BranchExternalPythonOperator BranchMixIn BranchPythonOperator
BranchPythonVirtualenvOperator EmailOperator ExternalPythonOperator PythonVirtualenvOperator
SmtpNotifier Connection Context ContinuousTimetable
CronDataIntervalTimetable CronTriggerTimetable DAG DagParam DagRun DagRunInfo DagRunState
DagRunType DataInterval DateTimeSensor DateTimeSensorAsync DayOfWeekSensor
DeltaDataIntervalTimetable DeltaTriggerTimetable EdgeModifier EmptyOperator EventsTimetable
ExceptionRetryPolicy ExternalTaskMarker ExternalTaskSensor FileSensor Label LatestOnlyOperator
MappedOperator Metadata MultipleCronTriggerTimetable NullTimetable OnceTimetable Param ParamsDict
PokeReturnValue PythonOperator PythonSensor RetryAction RetryDecision RetryPolicy RetryRule
ShortCircuitOperator SkipMixin StartTriggerArgs TaskGroup TaskInstanceState TimeDeltaSensor
TimeDeltaSensorAsync TimeRestriction TimeSensor TimeSensorAsync Timetable TriggerDagRunOperator
TriggerEvent TriggerRule Variable WaitSensor WeightRule XComArg chain chain_linear
cross_downstream dag get_current_context get_parsing_context literal macros setup task task_group
teardown
"""

SIGNATURES: dict[str, dict[str, Any]] = {
    "BashOperator": {
        "bash_command": REQUIRED, "env": None, "append_env": False, "output_encoding": "utf-8",
        "skip_on_exit_code": 99, "cwd": None, "output_processor": ANY,
    },
    "PythonOperator": {
        "python_callable": REQUIRED, "op_args": None, "op_kwargs": None, "templates_dict": None,
        "templates_exts": None, "show_return_value_in_logs": True,
    },
    "ShortCircuitOperator": {"ignore_downstream_trigger_rules": True},
    "BranchDateTimeOperator": {
        "follow_task_ids_if_true": REQUIRED, "follow_task_ids_if_false": REQUIRED,
        "target_lower": REQUIRED, "target_upper": REQUIRED, "use_task_logical_date": False,
    },
    "BranchDayOfWeekOperator": {
        "follow_task_ids_if_true": REQUIRED, "follow_task_ids_if_false": REQUIRED,
        "week_day": REQUIRED, "use_task_logical_date": False,
    },
    "TriggerDagRunOperator": {
        "trigger_dag_id": REQUIRED, "trigger_run_id": None, "conf": None, "logical_date": None,
        "run_after": None, "reset_dag_run": False, "wait_for_completion": False,
        "poke_interval": 60, "allowed_states": None, "failed_states": None,
        "skip_when_already_exists": False, "fail_when_dag_is_paused": False, "note": None,
        "deferrable": False,
    },
    "BaseSensorOperator": {
        "poke_interval": 60, "timeout": 604800, "soft_fail": False, "mode": "poke",
        "exponential_backoff": False, "max_wait": None, "silent_fail": False, "never_fail": False,
    },
    "BashSensor": {
        "bash_command": REQUIRED, "env": None, "output_encoding": "utf-8", "retry_exit_code": None,
    },
    "ExternalTaskSensor": {
        "external_dag_id": REQUIRED, "external_task_id": None, "external_task_ids": None,
        "external_task_group_id": None, "allowed_states": None, "skipped_states": None,
        "failed_states": None, "execution_delta": None, "execution_date_fn": None,
        "check_existence": False, "poll_interval": 2.0, "deferrable": False,
    },
    "ExternalTaskMarker": {
        "external_dag_id": REQUIRED, "external_task_id": REQUIRED,
        "logical_date": "{{ logical_date.isoformat() }}", "recursion_depth": 10,
    },
    "FileSensor": {
        "filepath": REQUIRED, "fs_conn_id": "fs_default", "recursive": False, "deferrable": False,
    },
    "TimeSensor": {"target_time": REQUIRED},
    "DateTimeSensor": {"target_time": REQUIRED},
    "TimeDeltaSensor": {"delta": REQUIRED},
    "WaitSensor": {"time_to_wait": REQUIRED},
    "DayOfWeekSensor": {"week_day": REQUIRED, "use_task_logical_date": False},
    "TaskGroup": {
        "group_id": REQUIRED, "prefix_group_id": True, "parent_group": None, "dag": None,
        "default_args": None, "tooltip": "", "doc_md": None, "ui_color": "CornflowerBlue",
        "ui_fgcolor": "#000", "add_suffix_on_collision": False, "group_display_name": "",
    },
    "Asset": {
        "name": None, "uri": None, "group": ANY, "extra": None, "watchers": ANY,
        "access_control": None,
    },
    "AssetAlias": {"name": REQUIRED, "group": ANY},
    "AssetWatcher": {"name": REQUIRED, "trigger": REQUIRED},
    "AssetAccessControl": {"producer_teams": ANY, "consumer_teams": ANY, "allow_global": True},
    "Metadata": {"asset": REQUIRED, "extra": None, "alias": None},
    "Param": {"default": ANY, "description": None, "source": None},
    "Connection": {
        "conn_id": None, "conn_type": None, "description": None, "host": None, "login": None,
        "password": None, "schema": None, "port": None, "extra": None, "uri": None,
    },
    "CronTriggerTimetable": {
        "cron": REQUIRED, "timezone": "UTC", "interval": timedelta(), "run_immediately": False,
    },
    "CronDataIntervalTimetable": {"cron": REQUIRED, "timezone": "UTC"},
    "DeltaTriggerTimetable": {"delta": REQUIRED, "interval": timedelta()},
    "DeltaDataIntervalTimetable": {"delta": REQUIRED},
    "MultipleCronTriggerTimetable": {
        "timezone": "UTC", "interval": timedelta(), "run_immediately": False,
    },
    "EventsTimetable": {
        "event_dates": REQUIRED, "restrict_to_events": False, "presorted": False,
        "description": None,
    },
    "AssetOrTimeSchedule": {"timetable": REQUIRED, "assets": REQUIRED},
    "RetryRule": {
        "exception": REQUIRED, "action": ANY, "retry_delay": None, "reason": None,
        "match_subclasses": True,
    },
    "PokeReturnValue": {"is_done": REQUIRED, "xcom_value": None},
    "Variable.get": {"key": REQUIRED, "default": ANY, "deserialize_json": False},
    "Variable.set": {
        "key": REQUIRED, "value": REQUIRED, "description": None, "serialize_json": False,
    },
    "Variable.delete": {"key": REQUIRED},
    "BaseXCom.get_one": {
        "key": REQUIRED, "task_id": REQUIRED, "dag_id": ANY, "run_id": ANY, "map_index": None,
        "include_prior_dates": False,
    },
    "BaseOperator.defer": {
        "trigger": REQUIRED, "method_name": REQUIRED, "kwargs": None, "timeout": None,
    },
    "BaseOperator.as_teardown": {"setups": ANY, "on_failure_fail_dagrun": ANY},
    "XComArg.zip": {"fillvalue": ANY},
    "cross_downstream": {"from_tasks": REQUIRED, "to_tasks": REQUIRED},
    "Label": {"label": REQUIRED},
}  # fmt: skip

OPERATOR_DEFAULTS: dict[str, Any] = {
    "owner": "airflow", "email": None, "email_on_retry": True, "email_on_failure": True,
    "retries": 0, "retry_delay": timedelta(seconds=300), "retry_exponential_backoff": 0,
    "max_retry_delay": None, "retry_policy": None, "start_date": None, "end_date": None,
    "depends_on_past": False, "ignore_first_depends_on_past": True,
    "wait_for_past_depends_before_skipping": False, "wait_for_downstream": False, "dag": None,
    "params": None, "default_args": None, "priority_weight": 1, "weight_rule": "downstream",
    "queue": None, "pool": "default_pool", "pool_slots": 1, "sla": None,
    "execution_timeout": None, "on_execute_callback": ANY, "on_failure_callback": ANY,
    "on_success_callback": ANY, "on_retry_callback": ANY, "on_skipped_callback": ANY,
    "pre_execute": None, "post_execute": None, "trigger_rule": "all_success", "resources": None,
    "run_as_user": None, "map_index_template": None, "max_active_tis_per_dag": None,
    "max_active_tis_per_dagrun": None, "executor": None, "executor_config": ANY,
    "do_xcom_push": True, "multiple_outputs": False, "inlets": None, "outlets": None,
    "task_group": None, "doc": None, "doc_md": None, "doc_json": None, "doc_yaml": None,
    "doc_rst": None, "task_display_name": None, "logger_name": None,
    "allow_nested_operators": True, "render_template_as_native_obj": None,
}  # fmt: skip

DAG_DEFAULTS: dict[str, Any] = {
    "description": None, "default_args": {}, "start_date": None, "end_date": None,
    "schedule": None, "template_searchpath": None, "template_undefined": ANY,
    "user_defined_macros": ANY, "user_defined_filters": ANY, "max_active_tasks": ANY,
    "max_active_runs": ANY, "max_consecutive_failed_dag_runs": 0, "dagrun_timeout": None,
    "deadline": None, "sla_miss_callback": None, "catchup": ANY, "on_success_callback": ANY,
    "on_failure_callback": ANY, "doc_md": None, "params": {}, "access_control": None,
    "is_paused_upon_creation": None, "jinja_environment_kwargs": ANY,
    "render_template_as_native_obj": False, "tags": set(), "owner_links": {},
    "auto_register": True, "fail_fast": False, "allowed_run_types": ANY,
    "dag_display_name": "d", "disable_bundle_versioning": ANY, "rerun_with_latest_version": ANY,
}  # fmt: skip

MEMBERS: dict[type, str] = {
    DAG: """validate param tasks task_ids teardowns folder owner get_template_env set_dependency
        roots leaves topological_sort partial_subset has_task has_task_group task_group_dict
        get_task task add_task add_tasks check_cycle get_edge_info set_edge_info test timezone
        fileloc relative_fileloc task_dict task_group edge_info dag_display_name""",
    BaseOperator: """execute pre_execute post_execute on_kill defer resume_execution
        render_template_fields render_template partial output as_setup as_teardown set_upstream
        set_downstream add_inlets add_outlets get_dag prepare_for_execution unmap template_fields
        template_ext template_fields_renderers operator_extra_links ui_color ui_fgcolor
        shallow_copy_attrs start_trigger_args start_from_trigger operator_name""",
    MappedOperator: "output expand_input unmap as_setup set_upstream set_downstream",
    XComArg: "map zip concat as_setup as_teardown set_upstream set_downstream",
    TaskGroup: "get_roots get_leaves child_id set_upstream set_downstream",
    type(task): "branch short_circuit sensor bash python run_if skip_if",
}


def test_every_name_is_there_and_has_what_it_names() -> None:
    missing = [name for name in NAMES.split() if not hasattr(sdk, name)]
    assert missing == []
    assert set(NAMES.split()) <= set(sdk.__all__)


@pytest.mark.parametrize("name", SIGNATURES)
def test_parameters_and_defaults(name: str) -> None:
    thing: Any = sdk
    for part in name.split("."):
        thing = getattr(thing, part)
    parameters = inspect.signature(thing).parameters
    found = {n: parameters[n].default for n in SIGNATURES[name] if n in parameters}
    wanted = {n: found.get(n) if d is ANY else d for n, d in SIGNATURES[name].items()}
    assert found == wanted


def test_every_operator_takes_these_arguments_with_these_defaults() -> None:
    assert set(OPERATOR_DEFAULTS) | {"task_id"} == OPERATOR_ARGUMENTS
    parameters = inspect.signature(BaseOperator.__init__).parameters
    for name, default in OPERATOR_DEFAULTS.items():
        assert name in parameters
        if default is not ANY:
            assert parameters[name].default == default, name


def test_a_dag_takes_these_arguments_with_these_defaults() -> None:
    assert set(DAG_DEFAULTS) | {"timetable"} == DAG_ARGUMENTS
    dag = DAG("d")
    for name, default in DAG_DEFAULTS.items():
        if default is not ANY:
            assert getattr(dag, name) == default, name


@pytest.mark.parametrize("kind", MEMBERS)
def test_members(kind: type) -> None:
    thing: Any = DAG("d") if kind is DAG else kind
    assert [name for name in MEMBERS[kind].split() if not hasattr(thing, name)] == []


def test_values_that_are_spelled_in_other_ways() -> None:
    with DAG("d"):
        made = EmptyOperator(
            task_id="t", retry_delay=5, retry_exponential_backoff=True, retries=None,
            trigger_rule="none_failed_or_skipped", weight_rule="absolute", email=["a@b"],
        )  # fmt: skip
    assert made.retry_delay == timedelta(seconds=5)
    assert (made.retry_exponential_backoff, made.retries) == (2.0, 0)
    assert made.trigger_rule == "none_failed_min_one_success"
