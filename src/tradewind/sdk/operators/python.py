"""PythonOperator: call a function."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from tradewind.errors import DagError
from tradewind.sdk.masking import redact
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.user_function import call_user_function

_SHOWN = 2_000
"""Characters of a returned value that go into the log."""


class PythonOperator(BaseOperator):
    """Call a function; what it returns is pushed as the task's XCom.

    The function is given, by name, what its parameters name of the template context; all of it
    if it takes **kwargs. It may be async.

    Args:
        python_callable: the function.
        op_args: its positional arguments; templated.
        op_kwargs: its keyword arguments; templated. They win over the context.
        templates_dict: values to render, found in the context as `templates_dict`.
        templates_exts: endings of names of files whose content is rendered instead.
        show_return_value_in_logs: False keeps what the function returns out of the log.
    """

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")
    template_fields_renderers: Mapping[str, str] = {
        "templates_dict": "json",
        "op_args": "py",
        "op_kwargs": "py",
    }
    shallow_copy_attrs: Sequence[str] = ("python_callable", "op_kwargs")
    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        show_return_value_in_logs: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("provide_context", None)  # Airflow 1's; the context is always there
        super().__init__(**kwargs)
        if not callable(python_callable):
            raise DagError(
                f"task {self.task_id!r}: python_callable must be a function, not"
                f" {type(python_callable).__name__}"
            )
        self.python_callable = python_callable
        self.op_args = op_args if op_args is not None else ()
        self.op_kwargs = op_kwargs if op_kwargs is not None else {}
        self.templates_dict = templates_dict
        self.show_return_value_in_logs = show_return_value_in_logs
        if templates_exts:
            self.template_ext = tuple(templates_exts)

    def execute(self, context: Any) -> Any:
        """Call the function."""
        result = self.call(context)
        if result is not None:
            if self.show_return_value_in_logs:
                self.log.info("returned %s", _short(result))
            else:
                self.log.info("returned a value that is not shown here")
        return result

    def call(self, context: Any) -> Any:
        """Call the function with its arguments and the context, and return its result."""
        return call_user_function(
            self.python_callable, tuple(self.op_args), dict(self.op_kwargs), context
        )


def _short(value: Any) -> str:
    text = redact(str(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
