"""PythonSensor: wait until a function returns something true."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from tradewind.sdk.sensors.base import BaseSensorOperator, PokeReturnValue
from tradewind.sdk.user_function import call_user_function


class PythonSensor(BaseSensorOperator):
    """Call a function until it returns something true.

    Args:
        python_callable: the function; it is given the context values that it names. It may
            return a `PokeReturnValue` to push a value.
        op_args: its positional arguments; templated.
        op_kwargs: its keyword arguments; templated.
        templates_dict: values to render, found in the context as `templates_dict`.
    """

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")
    shallow_copy_attrs: Sequence[str] = ("python_callable", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.python_callable = python_callable
        self.op_args = op_args if op_args is not None else ()
        self.op_kwargs = op_kwargs if op_kwargs is not None else {}
        self.templates_dict = templates_dict

    def poke(self, context: Any) -> bool | PokeReturnValue:
        """Call the function once."""
        found = call_user_function(
            self.python_callable, tuple(self.op_args), dict(self.op_kwargs), context
        )
        return found if isinstance(found, PokeReturnValue) else bool(found)
