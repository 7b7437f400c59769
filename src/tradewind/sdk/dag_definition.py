"""DAG and @dag."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from tradewind.errors import DagError
from tradewind.sdk.operator import BaseOperator, check_new
from tradewind.sdk.taskgroup import Context, TaskGroup

if TYPE_CHECKING:
    from collections.abc import Iterable

registered: list[DAG] = []
"""DAGs made since the file began to be read (`auto_register`)."""


class DAG:
    """A DAG. Arguments are Airflow's; all but `dag_id` by keyword."""

    dag_id: str
    description: str | None
    schedule: Any
    start_date: datetime | None
    end_date: datetime | None
    template_searchpath: Any
    template_undefined: Any
    user_defined_macros: dict[str, Any] | None
    user_defined_filters: dict[str, Any] | None
    max_active_tasks: int
    max_active_runs: int
    max_consecutive_failed_dag_runs: int
    dagrun_timeout: timedelta | None
    catchup: bool | None
    on_success_callback: Any
    on_failure_callback: Any
    doc_md: str | None
    is_paused_upon_creation: bool | None
    jinja_environment_kwargs: dict[str, Any] | None
    render_template_as_native_obj: bool
    owner_links: dict[str, str] | None
    fail_fast: bool
    dag_display_name: str | None
    rerun_with_latest_version: bool | None

    def __init__(
        self,
        dag_id: str,
        *,
        description: str | None = None,
        schedule: Any = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        template_searchpath: str | Iterable[str] | None = None,
        template_undefined: Any = None,
        user_defined_macros: dict[str, Any] | None = None,
        user_defined_filters: dict[str, Any] | None = None,
        default_args: dict[str, Any] | None = None,
        max_active_tasks: int = 16,
        max_active_runs: int = 16,
        max_consecutive_failed_dag_runs: int = 0,
        dagrun_timeout: timedelta | None = None,
        catchup: bool | None = None,
        on_success_callback: Any = None,
        on_failure_callback: Any = None,
        doc_md: str | None = None,
        params: Any = None,
        access_control: dict[str, Any] | None = None,
        is_paused_upon_creation: bool | None = None,
        jinja_environment_kwargs: dict[str, Any] | None = None,
        render_template_as_native_obj: bool = False,
        tags: Iterable[str] | None = None,
        owner_links: dict[str, str] | None = None,
        auto_register: bool = True,
        fail_fast: bool = False,
        allowed_run_types: Any = None,
        dag_display_name: str | None = None,
        deadline: Any = None,
        sla_miss_callback: Any = None,
        disable_bundle_versioning: bool = False,
        rerun_with_latest_version: bool | None = None,
    ) -> None:
        if not dag_id:
            raise DagError("a DAG needs a dag_id: DAG('my_dag', …)")
        values = {k: v for k, v in locals().items() if k not in {"self", "__class__"}}
        for name, value in values.items():
            setattr(self, name, value)
        self.default_args = dict(default_args or {})
        self.tags = set(tags or ())
        self.params = dict(params or {})
        self.task_dict: dict[str, BaseOperator] = {}
        self.task_groups: dict[str, TaskGroup] = {}
        self.edge_labels: dict[tuple[str, str], str] = {}
        self.fileloc = ""
        if auto_register:
            registered.append(self)

    def __enter__(self) -> Self:
        """Put new tasks in this DAG."""
        Context.dags.append(self)
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop putting new tasks in this DAG."""
        Context.dags.pop()

    def add_task(self, task: BaseOperator) -> None:
        """Add a task.

        Raises:
            DuplicateTaskIdFound: there is one of this id already.
        """
        check_new(self, task)
        self.task_dict[task.task_id] = task

    def get_task(self, task_id: str) -> BaseOperator:
        """Return a task.

        Raises:
            DagError: there is none of this id.
        """
        try:
            return self.task_dict[task_id]
        except KeyError:
            known = ", ".join(sorted(self.task_dict)[:20])
            raise DagError(
                f"DAG {self.dag_id!r} has no task {task_id!r}; it has: {known}"
            ) from None

    @property
    def tasks(self) -> list[BaseOperator]:
        """Return the tasks, as they were added."""
        return list(self.task_dict.values())

    @property
    def task_ids(self) -> list[str]:
        """Return the tasks' ids."""
        return list(self.task_dict)

    def test(self, **kwargs: Any) -> Any:
        """Run the DAG in this process, without a server or a database."""
        # The one place where the sdk reaches up: by name, so that servers stay out of DAG files.
        return import_module("tradewind.testing").run_dag(self, **kwargs)

    def __repr__(self) -> str:
        """Return "<DAG: id>"."""
        return f"<DAG: {self.dag_id}>"


class DagParam:
    """A parameter of a @dag function: its value in the run that asks."""

    def __init__(self, name: str, default: Any = None) -> None:
        self.name = name
        self.default = default

    def resolve(self, context: Any) -> Any:
        """Return the run's value."""
        return context["params"].get(self.name, self.default)


def dag(dag_id: Any = None, **dag_kwargs: Any) -> Any:
    """Turn a function into a DAG factory: call it to make the DAG.

    The function's parameters become the DAG's params, its docstring the DAG's doc_md.
    """

    def wrap(function: Callable[..., Any]) -> Callable[..., DAG]:
        @functools.wraps(function)
        def factory(*args: Any, **kwargs: Any) -> DAG:
            bound = inspect.signature(function).bind_partial(*args, **kwargs)
            bound.apply_defaults()
            made = DAG(
                dag_id if isinstance(dag_id, str) else function.__name__,
                **{"doc_md": inspect.getdoc(function), **dag_kwargs},
            )
            made.params = {**bound.arguments, **made.params}
            with made:
                function(**{name: DagParam(name, value) for name, value in bound.arguments.items()})
            return made

        return factory

    if callable(dag_id):
        return wrap(dag_id)
    return wrap
