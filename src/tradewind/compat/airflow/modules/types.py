"""`airflow.utils.types` and the SDK's sentinels."""

from __future__ import annotations

from enum import StrEnum


class ArgNotSet:
    """The type of `NOTSET`: an argument that was not given."""


NOTSET = ArgNotSet()


class SetDuringExecution(ArgNotSet):
    """The type of `SET_DURING_EXECUTION`."""

    def __str__(self) -> str:
        return "DYNAMIC (set during execution)"

    __repr__ = __str__


SET_DURING_EXECUTION = SetDuringExecution()
"""A field that has its value only while the task runs."""


def is_arg_set(value: object) -> bool:
    """Tell whether an argument was given."""
    return not isinstance(value, ArgNotSet)


class DagRunTriggeredByType(StrEnum):
    """Who asked for a run."""

    CLI = "cli"
    OPERATOR = "operator"
    REST_API = "rest_api"
    UI = "ui"
    TEST = "test"
    TIMETABLE = "timetable"
    ASSET = "asset"
    BACKFILL = "backfill"
