"""What `@task.bash` makes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from tradewind.errors import DagError
from tradewind.sdk.injection import call_with_context
from tradewind.sdk.operators.bash import BashOperator


class BashDecoratedOperator(BashOperator):
    """Call the decorated function and run the command that it returns.

    Args:
        python_callable: the decorated function.
        op_args: its positional arguments.
        op_kwargs: its other arguments.
        kwargs: those of BashOperator.
    """

    custom_operator_name = "@task.bash"
    template_fields: Sequence[str] = ("bash_command", "env", "cwd", "op_args", "op_kwargs")
    overwrite_rtif_after_execution = True
    shallow_copy_attrs = ("python_callable",)

    def __init__(
        self,
        *,
        python_callable: Callable[..., str],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("bash_command", None)
        super().__init__(bash_command="", **kwargs)
        self.python_callable = python_callable
        self.op_args = list(op_args or ())
        self.op_kwargs = dict(op_kwargs or {})

    def execute(self, context: Any) -> Any:
        """Ask the function for the command, render it, and run it.

        Raises:
            DagError: the function returned no command.
        """
        command = call_with_context(self.python_callable, self.op_args, self.op_kwargs, context)
        if not isinstance(command, str) or not command.strip():
            raise DagError(
                f"{self.described}: the function of @task.bash must return a command, "
                f"not {command!r:.60}"
            )
        self.bash_command = self.render_template(command, context)
        return super().execute(context)
