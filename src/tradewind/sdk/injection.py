"""Which context values a callable gets: those that its signature names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from types import FunctionType
from typing import Any

from tradewind.errors import DagError

EARLIER = frozenset(
    {
        "execution_date",
        "next_execution_date",
        "prev_execution_date",
        "prev_execution_date_success",
        "next_ds",
        "next_ds_nodash",
        "prev_ds",
        "prev_ds_nodash",
        "tomorrow_ds",
        "tomorrow_ds_nodash",
        "yesterday_ds",
        "yesterday_ds_nodash",
        "triggering_dataset_events",
        "conf",
    }
)
"""Context values of Airflow 1 and 2 only: a file for Airflow 3 may use their names freely."""


def determine_kwargs(
    function: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return those of `kwargs` that the callable can take, beside its positional arguments.

    A callable with **kwargs takes everything, another what its signature names.

    Raises:
        DagError: a positional argument would fill a parameter that the context fills.
    """
    names, open_ended = _parameters(function)
    filled = names[: len(args)]
    for name in filled:
        if name in kwargs and name not in EARLIER:
            raise DagError(
                f"{_name(function)}(): the parameter {name!r} is filled from the context, so it"
                " cannot be given as an argument; rename the parameter"
            )
    if open_ended:
        return {name: value for name, value in kwargs.items() if name not in filled}
    return {name: kwargs[name] for name in names[len(args) :] if name in kwargs}


def call_with_context(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    context: Mapping[str, Any],
) -> Any:
    """Call a function with its arguments and what it names of the context.

    An argument given in `kwargs` wins over the context's value of that name.
    """
    names, open_ended = _parameters(function)
    if not names and not open_ended:
        return function(*args, **kwargs)
    taken = {*names[: len(args)], *kwargs}
    _refuse_collision(function, names[: len(args)], context)
    wanted = context.keys() if open_ended else [n for n in names if n in context]
    injected = {name: context[name] for name in wanted if name not in taken}
    return function(*args, **{**injected, **kwargs})


def _refuse_collision(
    function: Callable[..., Any], filled: Sequence[str], context: Mapping[str, Any]
) -> None:
    for name in filled:
        if name in context and name not in EARLIER:
            raise DagError(
                f"{_name(function)}(): the parameter {name!r} has the name of a context value and"
                " cannot be filled by position; rename the parameter"
            )


_DISGUISES = {"__wrapped__", "__signature__"}
"""Attributes of a function that shows another signature than its own."""


def _parameters(function: Callable[..., Any]) -> tuple[list[str], bool]:
    """Return the names of a callable's parameters, and whether it takes any keyword."""
    if type(function) is FunctionType and not _DISGUISES & function.__dict__.keys():
        # The same without `inspect`, which would be most of the work of calling a function.
        code = function.__code__
        last = code.co_argcount + code.co_kwonlyargcount
        names = list(code.co_varnames[code.co_posonlyargcount : last])
        return names, bool(code.co_flags & inspect.CO_VARKEYWORDS)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature takes what it is given
        return [], False
    names = [p.name for p in parameters if p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}]
    return names, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
