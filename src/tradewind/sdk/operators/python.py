"""PythonOperator: call a function."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from tradewind.errors import DagError
from tradewind.sdk.context import determine_kwargs
from tradewind.sdk.operator import BaseOperator


class PythonOperator(BaseOperator):
    """Call a function; what it returns is the task's output.

    Args:
        python_callable: the function; it is given the context values that it names.
        op_args, op_kwargs: its arguments, templated.
        templates_dict: values rendered as templates, found in the context.
        templates_exts: file endings whose content is rendered.
        show_return_value_in_logs: accepted as in Airflow.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("templates_dict", "op_args", "op_kwargs")
    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Any = None,
        op_kwargs: Any = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Any = None,
        show_return_value_in_logs: bool = True,
        decorated: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(python_callable):
            raise DagError(f"task {self.task_id!r}: python_callable must be a function")
        self.python_callable = python_callable
        self.op_args, self.op_kwargs = op_args or [], op_kwargs or {}
        self.templates_dict = templates_dict
        self.show_return_value_in_logs = show_return_value_in_logs
        self.template_ext = tuple(templates_exts or ())  # type: ignore[misc]
        self.decorated = decorated

    def execute(self, context: Any) -> Any:
        """Call the function."""
        return self.call(context)

    def call(self, context: Any) -> Any:
        """Call the function with its arguments and what it wants of the context."""
        given = dict(self.op_kwargs)
        wanted = determine_kwargs(self.python_callable, self.op_args, context)
        result = self.python_callable(*self.op_args, **{**wanted, **given})
        return asyncio.run(result) if inspect.iscoroutine(result) else result
