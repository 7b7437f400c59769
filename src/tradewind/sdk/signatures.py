"""What a decorated function takes and gives: checked while the DAG file is read."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from tradewind.sdk.arguments import ArgumentError, did_you_mean

CONTEXT_NAMES = frozenset(
    [
        "asset_state_store",
        "conn",
        "conf",
        "dag",
        "dag_run",
        "data_interval_end",
        "data_interval_start",
        "ds",
        "ds_nodash",
        "exception",
        "exception_html",
        "execution_date",
        "expanded_ti_count",
        "inlet_events",
        "inlets",
        "logical_date",
        "macros",
        "map_index_template",
        "max_tries",
        "next_ds",
        "next_ds_nodash",
        "next_execution_date",
        "outlet_events",
        "outlets",
        "params",
        "partition_date",
        "partition_key",
        "prev_data_interval_end_success",
        "prev_data_interval_start_success",
        "prev_ds",
        "prev_ds_nodash",
        "prev_end_date_success",
        "prev_execution_date",
        "prev_execution_date_success",
        "prev_start_date_success",
        "reason",
        "run_id",
        "task",
        "task_instance",
        "task_instance_key_str",
        "task_reschedule_count",
        "task_state_store",
        "templates_dict",
        "test_mode",
        "ti",
        "tomorrow_ds",
        "tomorrow_ds_nodash",
        "triggering_asset_events",
        "triggering_dataset_events",
        "try_number",
        "ts",
        "ts_nodash",
        "ts_nodash_with_tz",
        "var",
        "yesterday_ds",
        "yesterday_ds_nodash",
    ]
)
"""Parameters that the context fills when the author does not."""


class Signature:
    """The parameters of a decorated function. Read when they are first asked for."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._name = getattr(function, "__name__", "the function")

    @cached_property
    def _parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self._function).parameters.values())

    @property
    def names(self) -> list[str]:
        """The parameters' names; *args and **kwargs are left out."""
        open_ended = {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
        return [p.name for p in self._parameters if p.kind not in open_ended]

    @cached_property
    def _binding(self) -> inspect.Signature:
        """The signature with what the context fills made optional."""
        relaxed: list[inspect.Parameter] = []
        optional = False
        for parameter in self._parameters:
            fillable = parameter.name in CONTEXT_NAMES or optional
            by_position = parameter.kind in {
                parameter.POSITIONAL_ONLY,
                parameter.POSITIONAL_OR_KEYWORD,
            }
            if fillable and parameter.default is parameter.empty and by_position:
                # Parameters behind an optional one must be optional too; see check_call.
                parameter = parameter.replace(default=_FILLED_LATER)  # noqa: PLW2901
            elif parameter.name in CONTEXT_NAMES and parameter.kind is parameter.KEYWORD_ONLY:
                parameter = parameter.replace(default=_FILLED_LATER)  # noqa: PLW2901
            optional = optional or (by_position and parameter.default is not parameter.empty)
            relaxed.append(parameter)
        return inspect.Signature(relaxed)

    @cached_property
    def docstring(self) -> str:
        """The function's docstring without its indentation."""
        return inspect.cleandoc(self._function.__doc__ or "")

    def check_call(self, where: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Check that the function can be called like this.

        Raises:
            ArgumentError: an argument is missing, unknown or given twice.
        """
        try:
            bound = self._binding.bind(*args, **kwargs)
        except TypeError as error:
            unknown = [n for n in kwargs if n not in {p.name for p in self._parameters}]
            hint = did_you_mean(unknown[0], [p.name for p in self._parameters]) if unknown else ""
            raise ArgumentError(f"{where}: {self._name}(): {error}{hint}") from None
        missing = [
            parameter.name
            for parameter in self._parameters
            if parameter.default is parameter.empty
            and parameter.kind not in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}
            and parameter.name not in bound.arguments
            and parameter.name not in CONTEXT_NAMES
        ]
        if missing:
            raise ArgumentError(f"{where}: {self._name}(): missing argument {missing[0]!r}")

    def check_names(self, where: str, verb: str, kwargs: Mapping[str, Any]) -> None:
        """Check that the function has these parameters.

        Raises:
            ArgumentError: it has not.
        """
        if any(p.kind is p.VAR_KEYWORD for p in self._parameters):
            return
        names = [p.name for p in self._parameters]
        for name in kwargs:
            if name not in names:
                raise ArgumentError(
                    f"{where}: {verb}({name}=...): {self._name}() has no parameter "
                    f"{name!r}{did_you_mean(name, names)}"
                )


_FILLED_LATER: Any = object()


def returns_dict(function: Callable[..., Any]) -> bool:
    """Tell whether the return annotation is a dict: its keys become XComs of their own."""
    annotation = getattr(function, "__annotations__", {}).get("return", inspect.Signature.empty)
    if annotation is inspect.Signature.empty or annotation is None:
        return False
    if isinstance(annotation, str):
        try:
            annotation = typing.get_type_hints(function).get("return")
        except Exception:  # noqa: BLE001  a name that exists for type checkers only, or any error
            return False
    origin = typing.get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, Mapping)
