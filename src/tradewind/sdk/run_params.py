"""The params of a run: the DAG's, under the task's, under the run's conf; then validated."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from tradewind.sdk.exceptions import ParamValidationError


def run_params(dag: Any, task: Any, conf: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what `params` is in the context.

    Keys of the conf that no param declares are there too.

    Raises:
        ParamValidationError: a value is missing, or its schema refuses it.
    """
    merged = {**_declared(dag), **_declared(task)}
    values: dict[str, Any] = {}
    for name, param in merged.items():
        given = conf[name] if conf and name in conf else _NOT_GIVEN
        values[name] = _value(name, param, given)
    for name, value in (conf or {}).items():
        values.setdefault(name, value)
    return values


_NOT_GIVEN: Any = object()


def _declared(source: Any) -> Mapping[str, Any]:
    """Return the params of a DAG or task, as Param objects where they are such."""
    params = getattr(source, "params", None) or {}
    items = getattr(params, "get_param", None)
    if callable(items):
        return {name: items(name) for name in params}
    return dict(params)


def _value(name: str, param: Any, given: Any) -> Any:
    if not hasattr(param, "resolve"):
        return param if given is _NOT_GIVEN else given
    # A copy: resolving keeps the value in the param, which belongs to the DAG and not to the run.
    resolve = copy(param).resolve
    try:
        return resolve() if given is _NOT_GIVEN else resolve(given)
    except ParamValidationError as error:
        raise ParamValidationError(f"param {name!r}: {error}") from error
