"""Params: a DAG's typed inputs.

A `Param` is a default with a JSON schema. `ParamsDict` looks like a plain dict of values to the
code that reads it (`params["x"]`), and keeps the schemas for the form in the UI and for the
check of what a trigger gives.
"""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, Mapping, MutableMapping, ValuesView
from copy import deepcopy
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Self

from tradewind.errors import DagError
from tradewind.model.json_schema import SchemaNotRight, violation
from tradewind.sdk.exceptions import ParamValidationError
from tradewind.sdk.references import ResolveMixin

if TYPE_CHECKING:
    from tradewind.sdk.abstract_operator import AbstractOperator
    from tradewind.sdk.dag_definition import DAG


class _NotGiven:
    """The value of a param that has none."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __bool__(self) -> bool:
        return False

    def __deepcopy__(self, memo: object) -> Self:
        return self


NOT_GIVEN: Any = _NotGiven()


class Param:
    """An input with a default, a description and a JSON schema.

    Args:
        default: the value when a run gives none; leave it out to make the param required.
        description: shown in the trigger form.
        source: where the param comes from ("dag", "task"); set by Tradewind.
        schema: JSON-schema keywords: type, enum, minimum, maxLength, format, title, examples, ...
    """

    def __init__(
        self,
        default: Any = NOT_GIVEN,
        description: str | None = None,
        source: str | None = None,
        **schema: Any,
    ) -> None:
        if default is not NOT_GIVEN:
            _check_json(default)
        self.value = default
        self.description = description
        self.source = source
        self.schema: dict[str, Any] = schema.pop("schema", None) or schema

    @property
    def default(self) -> Any:
        """The default (or the value set since)."""
        return self.value

    @property
    def has_value(self) -> bool:
        """Whether there is a value, and not None."""
        return self.value is not NOT_GIVEN and self.value is not None

    def resolve(self, value: Any = NOT_GIVEN, suppress_exception: bool = False) -> Any:
        """Check a value (or the default) against the schema and return it.

        Args:
            value: what a run gives.
            suppress_exception: return None instead of raising.

        Raises:
            ParamValidationError: there is no value, or the schema refuses it.
        """
        final = self.value if value is NOT_GIVEN else value
        if final is NOT_GIVEN:
            if suppress_exception:
                return None
            raise ParamValidationError("it has no default, so that a run must give a value")
        try:
            _check_json(final)
            _check_schema(final, self.schema)
        except (ParamValidationError, DagError) as error:
            if suppress_exception:
                return None
            raise ParamValidationError(str(error)) from None
        self.value = final
        return final

    def dump(self) -> dict[str, Any]:
        """Return value, schema and description as plain data."""
        value = None if self.value is NOT_GIVEN else self.value
        return {"value": value, "schema": self.schema, "description": self.description}

    def serialize(self) -> dict[str, Any]:
        """Return everything of it as plain data; see `deserialize`."""
        return {**self.dump(), "source": self.source}

    @classmethod
    def deserialize(cls, data: Mapping[str, Any], version: int = 1) -> Param:
        """Return the param of `serialize`'s data."""
        del version
        return cls(
            default=data["value"],
            description=data["description"],
            source=data.get("source"),
            schema=data["schema"],
        )

    def __copy__(self) -> Param:
        return Param(self.value, self.description, self.source, schema=self.schema)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Param):
            return NotImplemented
        return vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment] # it can change

    def __repr__(self) -> str:
        return f"Param({self.value!r}, {self.schema!r})"


class ParamsDict(MutableMapping[str, Any]):
    """Params by name. Reading gives the value, checked; `get_param` gives the `Param`."""

    def __init__(
        self, dict_obj: Mapping[str, Any] | None = None, suppress_exception: bool = False
    ) -> None:
        if dict_obj is not None and not isinstance(dict_obj, Mapping):
            raise DagError(
                f"params must be a dict of names and values, not {type(dict_obj).__name__}"
            )
        self.suppress_exception = suppress_exception
        self._params: dict[str, Param] = {}
        if isinstance(dict_obj, ParamsDict):
            self._params.update(dict_obj.items())
        elif dict_obj:
            for name, value in dict_obj.items():
                self._params[name] = _as_param(name, value)

    def __getitem__(self, name: str) -> Any:
        return self._resolved(name)

    def __setitem__(self, name: str, value: Any) -> None:
        known = self._params.get(name)
        if isinstance(value, Param) or known is None:
            self._params[name] = _as_param(name, value)
            return
        self._resolved(name, value)

    def __delitem__(self, name: str) -> None:
        del self._params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __contains__(self, name: object) -> bool:
        return name in self._params

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ParamsDict):
            return self.dump() == other.dump()
        return self.dump() == other if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment] # it can change

    def __copy__(self) -> ParamsDict:
        return ParamsDict(self, self.suppress_exception)

    def __deepcopy__(self, memo: dict[int, Any]) -> ParamsDict:
        twin = ParamsDict(suppress_exception=self.suppress_exception)
        twin._params = deepcopy(self._params, memo)
        return twin

    def __repr__(self) -> str:
        return repr({name: param.value for name, param in self._params.items()})

    def items(self) -> ItemsView[str, Any]:
        """Return the names with their `Param`s."""
        return self._params.items()

    def values(self) -> ValuesView[Any]:
        """Return the `Param`s."""
        return self._params.values()

    def update(self, *others: Any, **more: Any) -> None:
        """Take over values or params; params of another `ParamsDict` keep their schemas."""
        if len(others) == 1 and isinstance(others[0], ParamsDict):
            self._params.update(others[0].items())
            others = ()
        super().update(*others, **more)

    def get_param(self, name: str) -> Param:
        """Return the `Param` of a name."""
        return self._params[name]

    def dump(self) -> dict[str, Any]:
        """Return the values by name; None where there is none."""
        return {
            name: None if param.value is NOT_GIVEN else param.value
            for name, param in self._params.items()
        }

    def validate(self) -> dict[str, Any]:
        """Check all values and return them.

        Raises:
            ParamValidationError: a param has no value, or one that its schema refuses.
        """
        return {name: self._resolved(name) for name in self._params}

    def _resolved(self, name: str, value: Any = NOT_GIVEN) -> Any:
        param = self._params[name]
        try:
            return param.resolve(value, suppress_exception=self.suppress_exception)
        except ParamValidationError as error:
            raise ParamValidationError(f"param {name!r}: {error}") from None


class DagParam(ResolveMixin):
    """A param of the DAG as an argument of a task: its value is known when the run starts.

    Args:
        current_dag: the DAG.
        name: the param's name.
        default: the value when a run gives none.
    """

    def __init__(self, current_dag: DAG, name: str, default: Any = NOT_GIVEN) -> None:
        if default is not NOT_GIVEN:
            current_dag.params[name] = default
        self._name = name
        self._default = default

    def iter_references(self) -> Iterator[tuple[AbstractOperator, str]]:
        """Yield nothing: params come with the run."""
        return iter(())

    def resolve(self, context: Mapping[str, Any], *, include_xcom: bool = True) -> Any:
        """Return the run's value.

        Raises:
            ParamValidationError: neither the run nor the DAG gives one.
        """
        del include_xcom
        conf = getattr(context.get("dag_run"), "conf", None) or {}
        if self._name in conf:
            return conf[self._name]
        if self._default is not NOT_GIVEN and not isinstance(self._default, Param):
            return self._default
        if self._name in context["params"]:
            return context["params"][self._name]
        raise ParamValidationError(f"no value for param {self._name!r}; give one in the run's conf")

    def __repr__(self) -> str:
        return f"DagParam({self._name!r})"


def _as_param(name: str, value: Any) -> Param:
    if isinstance(value, Param):
        return value
    try:
        return Param(value)
    except DagError as error:
        raise type(error)(f"param {name!r}: {error}") from None


def _check_json(value: Any) -> None:
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        fix = (
            "; write dates and times as ISO strings"
            if isinstance(value, date | datetime | time)
            else ""
        )
        raise DagError(
            f"the value {value!r:.80} cannot be written as JSON ({error}){fix}"
        ) from None


def _check_schema(value: Any, schema: Mapping[str, Any]) -> None:
    try:
        found = violation(schema, value)
    except SchemaNotRight as error:
        raise DagError(str(error)) from None
    if found is not None:
        where = f"{found.place}: " if found.place else ""
        raise ParamValidationError(
            f"{where}{found.message} (schema: {json.dumps(schema, default=str)})"
        )
