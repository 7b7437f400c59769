"""BaseOperator: what every kind of task derives from. `construction` says how one is made."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NoReturn, Self, Unpack

from tradewind.sdk import scope, templates
from tradewind.sdk.abstract_operator import AbstractOperator
from tradewind.sdk.arguments import OperatorArguments, check_key, checked, set_arguments
from tradewind.sdk.construction import Construction, OperatorMeta, describe
from tradewind.sdk.exceptions import TaskDeferralError, TaskDeferralTimeout, TaskDeferred
from tradewind.sdk.mapping import OperatorPartial
from tradewind.sdk.params import ParamsDict


def _all_parameters() -> inspect.Signature:
    """Return the signature that tools see: every argument by name instead of `**arguments`."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    names = ["task_id", *OperatorArguments.__annotations__]
    return inspect.Signature(
        [
            inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            *(
                inspect.Parameter(
                    name,
                    keyword,
                    default=_default(name),
                )
                for name in names
            ),
            inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
        ]
    )


def _default(name: str) -> Any:
    """Return the default of an argument, as tools see it."""
    if name == "task_id":
        return inspect.Parameter.empty
    found = getattr(AbstractOperator, name, None)
    return None if isinstance(found, property) else found


def _check_task_id(value: Any) -> str:
    return check_key("task_id", value)


class BaseOperator(AbstractOperator, metaclass=OperatorMeta):
    """A task: a piece of work with its scheduling arguments. Derive from it and write `execute`.

    Args:
        task_id: the task's name, unique in its DAG; a group's id is put before it.
        arguments: see `OperatorArguments`; each may also come from `default_args`.

    Raises:
        ArgumentError: an argument is positional, unknown, missing or of the wrong kind.
        DagError: an argument's value cannot be, or the task id exists already.

    Example:
        class Greet(BaseOperator):
            template_fields = ("name",)

            def __init__(self, *, name: str, **kwargs):
                super().__init__(**kwargs)
                self.name = name

            def execute(self, context):
                return f"Hello {self.name}"
    """

    def __init__(self, *, task_id: str, **arguments: Unpack[OperatorArguments]) -> None:
        construction: Construction = self._constructing
        where = describe(self, {"task_id": task_id})
        checked(_check_task_id, where, "task_id", task_id)
        group, dag = construction.group, construction.dag
        self.task_id = group.child_id(task_id) if group is not None else task_id
        self.upstream_task_ids = set()
        self.downstream_task_ids = set()
        self.inlets = []
        self.outlets = []
        self.params = ParamsDict(arguments.get("params") or {})
        set_arguments(self, where, arguments)
        if construction.attach:
            if dag is not None:
                dag.add_task(self, group)
            scope.made(self)

    __init__.__signature__ = _all_parameters()  # type: ignore[attr-defined]

    def finish_construction(self, given: Mapping[str, Any]) -> None:
        """Do what needs every level's attributes: find the outputs among the template fields."""
        del given
        for name in self.template_fields:
            if name in self.__dict__:
                self.depend_on_references(self.__dict__[name])

    # ---- running: what subclasses override -------------------------------------------------

    def execute(self, context: Any) -> Any:
        """Do the task's work; what it returns is pushed as the XCom `return_value`."""
        raise NotImplementedError(f"{type(self).__name__} has no execute(self, context)")

    def pre_execute(self, context: Any) -> None:
        """Run before `execute`."""
        if self._pre_execute_hook is not None:
            self._pre_execute_hook(context)

    def post_execute(self, context: Any, result: Any = None) -> None:
        """Run after `execute`, with what it returned."""
        if self._post_execute_hook is not None:
            self._post_execute_hook(context, result)

    def on_kill(self) -> None:
        """Clean up when the task is stopped: end sub-processes, cancel remote jobs."""

    def defer(
        self,
        *,
        trigger: Any,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | float | None = None,
    ) -> NoReturn:
        """Hand over to a trigger and give the slot back; `method_name` goes on when it fires.

        Raises:
            TaskDeferred: always.
        """
        raise TaskDeferred(trigger=trigger, method_name=method_name, kwargs=kwargs, timeout=timeout)

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any
    ) -> Any:
        """Go on after a deferral.

        Raises:
            TaskDeferralError: the trigger failed.
            TaskDeferralTimeout: it did not fire in time.
        """
        kwargs = next_kwargs or {}
        if next_method == "__fail__":
            error = kwargs.get("error", "unknown")
            kind = TaskDeferralTimeout if error == "Trigger timeout" else TaskDeferralError
            raise kind(error)
        return getattr(self, next_method)(context, **kwargs)

    # ---- rendering ------------------------------------------------------------------------

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Render the template fields in place."""
        templates.render_template_fields(self, context, jinja_env)

    def render_template(self, content: Any, context: Any, jinja_env: Any = None) -> Any:
        """Return a value with the templates and placeholders in it filled in."""
        return templates.render_template(self, content, context, jinja_env)

    # ---- copies ---------------------------------------------------------------------------

    def prepare_for_execution(self) -> Self:
        """Return a copy to run: changing it leaves the DAG as it is."""
        prepared = copy.copy(self)
        object.__setattr__(prepared, "_is_locked", True)
        return prepared

    def unmap(self, resolve: Mapping[str, Any] | None = None) -> Self:
        """Return the task itself; a mapped one makes the task for one element here."""
        del resolve
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = copy.copy(self)
        memo[id(self)] = twin
        for name, value in self.__dict__.items():
            if name in {"_dag", "_task_group"}:
                continue  # a copy of the DAG puts its own tasks in place
            kept = name in self.shallow_copy_attrs
            object.__setattr__(twin, name, value if kept else copy.deepcopy(value, memo))
        return twin

    @classmethod
    def partial(cls, *, task_id: str, **kwargs: Any) -> OperatorPartial:
        """Give the arguments that are the same for every element; `.expand()` gives the others.

        Raises:
            ArgumentError: this class of operators has no such argument.
        """
        return OperatorPartial(cls, {"task_id": task_id, **kwargs})

    def __repr__(self) -> str:
        return f"<Task({self.task_type}): {self.task_id}>"
