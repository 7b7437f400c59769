"""What DAG files import.

    from tradewind.sdk import DAG, task

A name's module is imported when the name is first used, so that a DAG file pays only for what
it takes: `import tradewind.sdk` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradewind.model.state import RunState as DagRunState
    from tradewind.model.state import TaskState as TaskInstanceState
    from tradewind.model.state import TriggerRule, WeightRule
    from tradewind.sdk import macros
    from tradewind.sdk.arguments import ArgumentError
    from tradewind.sdk.asset_decorator import asset
    from tradewind.sdk.assets import (
        Asset,
        AssetAccessControl,
        AssetAlias,
        AssetAll,
        AssetAny,
        AssetWatcher,
        Dataset,
        Metadata,
        Model,
    )
    from tradewind.sdk.async_operator import BaseAsyncOperator
    from tradewind.sdk.connection import Connection
    from tradewind.sdk.context import Context
    from tradewind.sdk.current import get_current_context
    from tradewind.sdk.dag_definition import DAG, dag
    from tradewind.sdk.dag_run import DagRun, DagRunType
    from tradewind.sdk.deadline_alert import (
        BaseDeadlineReference,
        DeadlineAlert,
        DeadlineReference,
        VariableInterval,
    )
    from tradewind.sdk.deadline_callback import AsyncCallback, SyncCallback
    from tradewind.sdk.decorators import setup, task, teardown
    from tradewind.sdk.edges import EdgeModifier, Label, chain, chain_linear, cross_downstream
    from tradewind.sdk.group_decorator import task_group
    from tradewind.sdk.hooks.base import BaseHook
    from tradewind.sdk.io import ObjectStoragePath
    from tradewind.sdk.links import BaseOperatorLink
    from tradewind.sdk.listener import get_listener_manager, hookimpl
    from tradewind.sdk.mapping import MappedOperator
    from tradewind.sdk.masking import mask_secret
    from tradewind.sdk.notifier import BaseNotifier
    from tradewind.sdk.operator import BaseOperator
    from tradewind.sdk.operators.bash import BashOperator
    from tradewind.sdk.operators.branch import (
        BaseBranchOperator,
        BranchPythonOperator,
        ShortCircuitOperator,
    )
    from tradewind.sdk.operators.datetime import BranchDateTimeOperator
    from tradewind.sdk.operators.email import EmailOperator, SmtpNotifier
    from tradewind.sdk.operators.empty import EmptyOperator
    from tradewind.sdk.operators.hitl import (
        ApprovalOperator,
        HITLBranchOperator,
        HITLEntryOperator,
        HITLOperator,
    )
    from tradewind.sdk.operators.kubernetes import KubernetesPodOperator
    from tradewind.sdk.operators.latest_only import LatestOnlyOperator
    from tradewind.sdk.operators.python import PythonOperator
    from tradewind.sdk.operators.skipping import BranchMixIn, SkipMixin
    from tradewind.sdk.operators.trigger_dagrun import TriggerDagRunOperator
    from tradewind.sdk.operators.virtualenv import (
        BranchExternalPythonOperator,
        BranchPythonVirtualenvOperator,
        ExternalPythonOperator,
        PythonVirtualenvOperator,
    )
    from tradewind.sdk.operators.weekday import BranchDayOfWeekOperator
    from tradewind.sdk.params import DagParam, Param, ParamsDict
    from tradewind.sdk.parsing_context import get_parsing_context
    from tradewind.sdk.plugins import AirflowPlugin
    from tradewind.sdk.references import literal
    from tradewind.sdk.resumable import ResumableJobMixin
    from tradewind.sdk.retry_policy import (
        ExceptionRetryPolicy,
        RetryAction,
        RetryDecision,
        RetryPolicy,
        RetryRule,
    )
    from tradewind.sdk.sensors.base import BaseSensorOperator, PokeReturnValue
    from tradewind.sdk.sensors.bash import BashSensor
    from tradewind.sdk.sensors.external_task import ExternalTaskMarker, ExternalTaskSensor
    from tradewind.sdk.sensors.filesystem import FileSensor
    from tradewind.sdk.sensors.python import PythonSensor
    from tradewind.sdk.sensors.time import (
        DateTimeSensor,
        DateTimeSensorAsync,
        TimeSensor,
        TimeSensorAsync,
    )
    from tradewind.sdk.sensors.time_delta import TimeDeltaSensor, TimeDeltaSensorAsync, WaitSensor
    from tradewind.sdk.sensors.weekday import DayOfWeekSensor
    from tradewind.sdk.state_stores import NEVER_EXPIRE
    from tradewind.sdk.taskgroup import TaskGroup
    from tradewind.sdk.timetables import (
        AssetOrTimeSchedule,
        ContinuousTimetable,
        CronDataIntervalTimetable,
        CronTriggerTimetable,
        DagRunInfo,
        DataInterval,
        DeltaDataIntervalTimetable,
        DeltaTriggerTimetable,
        EventsTimetable,
        MultipleCronTriggerTimetable,
        NullTimetable,
        OnceTimetable,
        TimeRestriction,
        Timetable,
    )
    from tradewind.sdk.triggers.base import (
        BaseEventTrigger,
        BaseTrigger,
        StartTriggerArgs,
        TaskFailedEvent,
        TaskSkippedEvent,
        TaskSuccessEvent,
        TriggerEvent,
    )
    from tradewind.sdk.variable import Variable
    from tradewind.sdk.xcom import BaseXCom, XCom
    from tradewind.sdk.xcom_arg import XComArg

__all__ = [
    "DAG",
    "NEVER_EXPIRE",
    "AirflowPlugin",
    "ApprovalOperator",
    "ArgumentError",
    "Asset",
    "AssetAccessControl",
    "AssetAlias",
    "AssetAll",
    "AssetAny",
    "AssetOrTimeSchedule",
    "AssetWatcher",
    "AsyncCallback",
    "BaseAsyncOperator",
    "BaseBranchOperator",
    "BaseDeadlineReference",
    "BaseEventTrigger",
    "BaseHook",
    "BaseNotifier",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "BaseXCom",
    "BashOperator",
    "BashSensor",
    "BranchDateTimeOperator",
    "BranchDayOfWeekOperator",
    "BranchExternalPythonOperator",
    "BranchMixIn",
    "BranchPythonOperator",
    "BranchPythonVirtualenvOperator",
    "Connection",
    "Context",
    "ContinuousTimetable",
    "CronDataIntervalTimetable",
    "CronTriggerTimetable",
    "DagParam",
    "DagRun",
    "DagRunInfo",
    "DagRunState",
    "DagRunType",
    "DataInterval",
    "Dataset",
    "DateTimeSensor",
    "DateTimeSensorAsync",
    "DayOfWeekSensor",
    "DeadlineAlert",
    "DeadlineReference",
    "DeltaDataIntervalTimetable",
    "DeltaTriggerTimetable",
    "EdgeModifier",
    "EmailOperator",
    "EmptyOperator",
    "EventsTimetable",
    "ExceptionRetryPolicy",
    "ExternalPythonOperator",
    "ExternalTaskMarker",
    "ExternalTaskSensor",
    "FileSensor",
    "HITLBranchOperator",
    "HITLEntryOperator",
    "HITLOperator",
    "KubernetesPodOperator",
    "Label",
    "LatestOnlyOperator",
    "MappedOperator",
    "Metadata",
    "Model",
    "MultipleCronTriggerTimetable",
    "NullTimetable",
    "ObjectStoragePath",
    "OnceTimetable",
    "Param",
    "ParamsDict",
    "PokeReturnValue",
    "PythonOperator",
    "PythonSensor",
    "PythonVirtualenvOperator",
    "ResumableJobMixin",
    "RetryAction",
    "RetryDecision",
    "RetryPolicy",
    "RetryRule",
    "ShortCircuitOperator",
    "SkipMixin",
    "SmtpNotifier",
    "StartTriggerArgs",
    "SyncCallback",
    "TaskFailedEvent",
    "TaskGroup",
    "TaskInstanceState",
    "TaskSkippedEvent",
    "TaskSuccessEvent",
    "TimeDeltaSensor",
    "TimeDeltaSensorAsync",
    "TimeRestriction",
    "TimeSensor",
    "TimeSensorAsync",
    "Timetable",
    "TriggerDagRunOperator",
    "TriggerEvent",
    "TriggerRule",
    "Variable",
    "VariableInterval",
    "WaitSensor",
    "WeightRule",
    "XCom",
    "XComArg",
    "asset",
    "chain",
    "chain_linear",
    "cross_downstream",
    "dag",
    "get_current_context",
    "get_listener_manager",
    "get_parsing_context",
    "hookimpl",
    "literal",
    "macros",
    "mask_secret",
    "setup",
    "task",
    "task_group",
    "teardown",
]

_MODULES = {
    "AirflowPlugin": "plugins",
    "ApprovalOperator": "operators.hitl",
    "ArgumentError": "arguments",
    "Asset": "assets",
    "AssetAccessControl": "assets",
    "AssetAlias": "assets",
    "AssetAll": "assets",
    "AssetAny": "assets",
    "AssetOrTimeSchedule": "timetables",
    "AssetWatcher": "assets",
    "AsyncCallback": "deadline_callback",
    "BaseAsyncOperator": "async_operator",
    "BaseBranchOperator": "operators.branch",
    "BaseDeadlineReference": "deadline_alert",
    "BaseEventTrigger": "triggers.base",
    "BaseHook": "hooks.base",
    "BaseNotifier": "notifier",
    "BaseOperator": "operator",
    "BaseOperatorLink": "links",
    "BaseSensorOperator": "sensors.base",
    "BaseTrigger": "triggers.base",
    "BaseXCom": "xcom",
    "BashOperator": "operators.bash",
    "BashSensor": "sensors.bash",
    "BranchDateTimeOperator": "operators.datetime",
    "BranchDayOfWeekOperator": "operators.weekday",
    "BranchExternalPythonOperator": "operators.virtualenv",
    "BranchMixIn": "operators.skipping",
    "BranchPythonOperator": "operators.branch",
    "BranchPythonVirtualenvOperator": "operators.virtualenv",
    "Connection": "connection",
    "Context": "context",
    "ContinuousTimetable": "timetables",
    "CronDataIntervalTimetable": "timetables",
    "CronTriggerTimetable": "timetables",
    "DAG": "dag_definition",
    "DagParam": "params",
    "DagRun": "dag_run",
    "DagRunInfo": "timetables",
    "DagRunType": "dag_run",
    "DataInterval": "timetables",
    "Dataset": "assets",
    "DateTimeSensor": "sensors.time",
    "DateTimeSensorAsync": "sensors.time",
    "DayOfWeekSensor": "sensors.weekday",
    "DeadlineAlert": "deadline_alert",
    "DeadlineReference": "deadline_alert",
    "DeltaDataIntervalTimetable": "timetables",
    "DeltaTriggerTimetable": "timetables",
    "EdgeModifier": "edges",
    "EmailOperator": "operators.email",
    "EmptyOperator": "operators.empty",
    "EventsTimetable": "timetables",
    "ExceptionRetryPolicy": "retry_policy",
    "ExternalPythonOperator": "operators.virtualenv",
    "ExternalTaskMarker": "sensors.external_task",
    "ExternalTaskSensor": "sensors.external_task",
    "FileSensor": "sensors.filesystem",
    "HITLBranchOperator": "operators.hitl",
    "HITLEntryOperator": "operators.hitl",
    "HITLOperator": "operators.hitl",
    "KubernetesPodOperator": "operators.kubernetes",
    "Label": "edges",
    "LatestOnlyOperator": "operators.latest_only",
    "MappedOperator": "mapping",
    "Metadata": "assets",
    "Model": "assets",
    "MultipleCronTriggerTimetable": "timetables",
    "NEVER_EXPIRE": "state_stores",
    "NullTimetable": "timetables",
    "ObjectStoragePath": "io",
    "OnceTimetable": "timetables",
    "Param": "params",
    "ParamsDict": "params",
    "PokeReturnValue": "sensors.base",
    "PythonOperator": "operators.python",
    "PythonSensor": "sensors.python",
    "PythonVirtualenvOperator": "operators.virtualenv",
    "ResumableJobMixin": "resumable",
    "RetryAction": "retry_policy",
    "RetryDecision": "retry_policy",
    "RetryPolicy": "retry_policy",
    "RetryRule": "retry_policy",
    "ShortCircuitOperator": "operators.branch",
    "SkipMixin": "operators.skipping",
    "SmtpNotifier": "operators.email",
    "StartTriggerArgs": "triggers.base",
    "SyncCallback": "deadline_callback",
    "TaskFailedEvent": "triggers.base",
    "TaskGroup": "taskgroup",
    "TaskSkippedEvent": "triggers.base",
    "TaskSuccessEvent": "triggers.base",
    "TimeDeltaSensor": "sensors.time_delta",
    "TimeDeltaSensorAsync": "sensors.time_delta",
    "TimeRestriction": "timetables",
    "TimeSensor": "sensors.time",
    "TimeSensorAsync": "sensors.time",
    "Timetable": "timetables",
    "TriggerDagRunOperator": "operators.trigger_dagrun",
    "TriggerEvent": "triggers.base",
    "Variable": "variable",
    "VariableInterval": "deadline_alert",
    "WaitSensor": "sensors.time_delta",
    "XCom": "xcom",
    "XComArg": "xcom_arg",
    "asset": "asset_decorator",
    "chain": "edges",
    "chain_linear": "edges",
    "cross_downstream": "edges",
    "dag": "dag_definition",
    "get_current_context": "current",
    "get_listener_manager": "listener",
    "get_parsing_context": "parsing_context",
    "hookimpl": "listener",
    "literal": "references",
    "mask_secret": "masking",
    "setup": "decorators",
    "task": "decorators",
    "task_group": "group_decorator",
    "teardown": "decorators",
}
"""Where each name is, below this package."""

_STATES = {
    "DagRunState": "RunState",
    "TaskInstanceState": "TaskState",
    "TriggerRule": "TriggerRule",
    "WeightRule": "WeightRule",
}
"""Names from the vocabulary, by what authors call them."""


SELDOM = frozenset({"EmailOperator", "ObjectStoragePath", "SmtpNotifier"})
"""Names whose modules take much memory or further packages: not imported beforehand."""


def __getattr__(name: str) -> Any:
    """Import the module that has this name."""
    if name in _MODULES:
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    elif name in _STATES:
        value = getattr(import_module("tradewind.model.state"), _STATES[name])
    elif name == "macros":
        value = import_module(f"{__name__}.macros")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return all names, whether their modules are imported or not."""
    return sorted({*globals(), *__all__})
