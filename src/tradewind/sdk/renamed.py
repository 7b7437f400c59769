"""Arguments under the names that earlier versions of Airflow gave them.

They work, with a note for the author. An operator class that has an argument of the old name
itself keeps it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Mapping
from typing import Any

from tradewind.sdk.arguments import ArgumentError
from tradewind.sdk.exceptions import RemovedInAirflow4Warning

OF_DAGS: dict[str, str | None] = {
    "schedule_interval": "schedule",
    "concurrency": "max_active_tasks",
    "fail_stop": "fail_fast",
    "default_view": None,
    "orientation": None,
    "full_filepath": None,
}
"""Old names of a DAG's arguments, and the names now; None: it has no effect any more."""

OF_OPERATORS: dict[str, str | None] = {
    "task_concurrency": "max_active_tis_per_dag",
    "xcom_push": "do_xcom_push",
    "execution_date": "logical_date",
    "use_task_execution_date": "use_task_logical_date",
    "use_task_execution_day": "use_task_logical_date",
    "provide_context": None,
    "adhoc": None,
}
"""The same of operators' arguments."""


def dag_arguments(where: str, kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a DAG's arguments under their names now.

    Raises:
        ArgumentError: an argument is given under both names.
    """
    if not OF_DAGS.keys() & kwargs.keys():
        return kwargs
    return _renamed(where, kwargs, OF_DAGS, kept=())


def operator_arguments(
    where: str, kwargs: Mapping[str, Any], accepted: Collection[str]
) -> dict[str, Any]:
    """Return a task's arguments under their names now.

    Args:
        where: names the task in the error.
        kwargs: has an old name.
        accepted: the names that the operator's class takes.

    Raises:
        ArgumentError: an argument is given under both names.
    """
    unknown = {new for new in OF_OPERATORS.values() if new is not None and new not in accepted}
    kept = {old for old, new in OF_OPERATORS.items() if old in accepted or new in unknown}
    return _renamed(where, kwargs, OF_OPERATORS, kept)


def default_arguments(default_args: Mapping[str, Any]) -> dict[str, Any]:
    """Return `default_args` with each old name beside the new one, which wins if it is given."""
    added = {
        new: default_args[old]
        for old, new in OF_OPERATORS.items()
        if new is not None and old in default_args and new not in default_args
    }
    return {**default_args, **added}


def _renamed(
    where: str, kwargs: Mapping[str, Any], names: Mapping[str, str | None], kept: Collection[str]
) -> dict[str, Any]:
    found = {name: value for name, value in kwargs.items() if name not in names or name in kept}
    for old in kwargs:
        if old not in names or old in kept:
            continue
        new = names[old]
        if new is None:
            note(f"{old} has no effect any more; leave it out")
            continue
        if new in found:
            raise ArgumentError(f"{where}: give {new} or {old}, its old name, not both")
        note(f"{old} is the old name of {new}; both work in Tradewind")
        found[new] = kwargs[old]
    return found


def note(text: str) -> None:
    """Warn the author of an old spelling, at the line of their code."""
    _warn(text, RemovedInAirflow4Warning)


def _warn(text: str, category: type[Warning]) -> None:
    frame = sys._getframe(1)  # noqa: SLF001  the price of a traceback is too high here
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    warnings.warn_explicit(text, category, frame.f_code.co_filename, frame.f_lineno)


def _is_ours(module: str) -> bool:
    return module.startswith(("tradewind.sdk", "tradewind.compat", "importlib."))
