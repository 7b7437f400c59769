"""DecoratedOperator: what the `@task.<name>` of provider packages derive from.

Our own decorated operators take the function as an argument of the operator; those of provider
packages derive from this class and from the operator that does the work.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from tradewind.sdk.foreign_call import source_of
from tradewind.sdk.injection import determine_kwargs
from tradewind.sdk.operator import BaseOperator


class DecoratedOperator(BaseOperator):
    """Keep a function and its arguments; the operator beside it in the bases does the work.

    Args:
        python_callable: the decorated function.
        op_args: its positional arguments; templated.
        op_kwargs: its keyword arguments; templated.
        kwargs_to_upstream: arguments for the operator beside it that this class takes itself.
    """

    template_fields: Sequence[str] = ("op_args", "op_kwargs")
    template_fields_renderers: Mapping[str, str] = {"op_args": "py", "op_kwargs": "py"}
    shallow_copy_attrs: Sequence[str] = ("python_callable",)

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        task_id: str,
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        kwargs_to_upstream: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.python_callable = python_callable
        self.op_args = list(op_args or ())
        self.op_kwargs = dict(op_kwargs or {})
        super().__init__(task_id=task_id, **(kwargs_to_upstream or {}), **kwargs)

    @property
    def is_async(self) -> bool:
        """Tell whether the function is async."""
        return inspect.iscoroutinefunction(inspect.unwrap(self.python_callable))

    def determine_kwargs(self, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the function takes of the context."""
        return determine_kwargs(self.python_callable, self.op_args, context)

    def get_python_source(self) -> str:
        """Return the function's source without its decorators."""
        return source_of(self.python_callable, self.described).text
