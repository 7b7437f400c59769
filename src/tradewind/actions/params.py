"""Check a run's conf against the DAG's params: JSON schema only, no user code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradewind.errors import UserError
from tradewind.model.json_schema import SchemaNotRight, violation
from tradewind.model.spec import DagSpec, ParamSpec


class ParamsInvalid(UserError):
    """A param has no value, or one that its schema refuses."""


def check_params(spec: DagSpec, conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the run's params will have.

    Keys of the conf that are no params are kept: tasks may read them from the conf.

    Raises:
        ParamsInvalid: names the DAG, the param, what is wrong and what is expected.
    """
    values: dict[str, Any] = {}
    for name, param in spec.params.items():
        if name in conf:
            values[name] = conf[name]
        elif param.required:
            hint = f" ({param.description})" if param.description else ""
            raise ParamsInvalid(
                f"DAG {spec.dag_id!r} needs a value for param {name!r}{hint}; "
                f'give it in the conf: {{"{name}": …}}'
            )
        else:
            values[name] = param.default
        _check(spec.dag_id, name, param, values[name])
    return values


def _check(dag_id: str, name: str, param: ParamSpec, value: Any) -> None:
    try:
        found = violation(param.schema, value)
    except SchemaNotRight as error:
        raise ParamsInvalid(f"DAG {dag_id!r}, param {name!r}: {error}") from None
    if found is not None:
        raise ParamsInvalid(f"DAG {dag_id!r}, param {name!r}{found.place}: {found.message}")
