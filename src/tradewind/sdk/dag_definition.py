"""DAG and @dag.

The module is not called `dag`: that is the decorator's name in `tradewind.sdk`.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Any, ParamSpec, Self, TypedDict, Unpack, overload

from tradewind.errors import DagError
from tradewind.sdk import arguments, defaults, renamed, scope, templates
from tradewind.sdk.arguments import ArgumentError, Callbacks, Seconds
from tradewind.sdk.dag_graph import DagGraph
from tradewind.sdk.decorators import TaskDecorators
from tradewind.sdk.params import NOT_GIVEN, DagParam, Param, ParamsDict
from tradewind.sdk.vocabulary import Meaning, meaning, of_program

P = ParamSpec("P")

_MAX_TAG = 100


class DagArguments(TypedDict, total=False):
    """The arguments of a DAG beside its id. All are optional."""

    description: str | None
    schedule: Any
    timetable: Any
    start_date: datetime | None
    end_date: datetime | None
    default_args: Mapping[str, Any] | None
    template_searchpath: str | Iterable[str] | None
    template_undefined: Any
    user_defined_macros: Mapping[str, Any] | None
    user_defined_filters: Mapping[str, Any] | None
    max_active_tasks: int | None
    max_active_runs: int | None
    max_consecutive_failed_dag_runs: int
    dagrun_timeout: Seconds | None
    deadline: Any
    sla_miss_callback: Any
    catchup: bool | None
    on_success_callback: Callbacks
    on_failure_callback: Callbacks
    doc_md: str | None
    params: Mapping[str, Any] | None
    access_control: Mapping[str, Any] | None
    is_paused_upon_creation: bool | None
    jinja_environment_kwargs: Mapping[str, Any] | None
    render_template_as_native_obj: bool
    tags: Collection[str] | None
    owner_links: Mapping[str, str] | None
    auto_register: bool
    fail_fast: bool
    allowed_run_types: str | Collection[str] | None
    dag_display_name: str | None
    disable_bundle_versioning: bool | None
    rerun_with_latest_version: bool | None


DAG_ARGUMENTS = frozenset(DagArguments.__annotations__)


def _tags(value: Collection[str] | None) -> set[str]:
    if isinstance(value, str):
        raise ArgumentError(f"must be a list of strings, like [{value!r}]")
    found = set(value or ())
    tag: Any
    for tag in found:
        if not isinstance(tag, str) or not tag or len(tag) > _MAX_TAG:
            raise DagError(f"{tag!r:.60} is no tag: use strings of 1 to {_MAX_TAG} characters")
    return found


def _owner_links(value: Mapping[str, str] | None) -> dict[str, str]:
    links = dict(value or {})
    for owner, link in links.items():
        if not str(link).startswith(("http://", "https://", "mailto:")):
            raise DagError(f"{link!r} (of owner {owner!r}) must be an http or mailto link")
    return links


def _run_types(value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else list(value or ())
    return tuple(str(getattr(name, "value", name)) for name in names)


def _deadlines(value: Any) -> Any:
    return importlib.import_module("tradewind.sdk.deadline_alert").alerts(value)


def _mapping(value: Mapping[str, Any] | None) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise ArgumentError(f"must be a dict, not {type(value).__name__}")
    return dict(value or {})


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "start_date": arguments.aware,
    "end_date": arguments.aware,
    "default_args": lambda value: renamed.default_arguments(_mapping(value)),
    "params": ParamsDict,
    "max_active_tasks": arguments.whole(1, optional=True),
    "max_active_runs": arguments.whole(1, optional=True),
    "max_consecutive_failed_dag_runs": arguments.whole(0),
    "dagrun_timeout": arguments.seconds_to_delta,
    "deadline": _deadlines,
    "on_success_callback": arguments.callbacks,
    "on_failure_callback": arguments.callbacks,
    "user_defined_macros": _mapping,
    "user_defined_filters": _mapping,
    "jinja_environment_kwargs": _mapping,
    "tags": _tags,
    "owner_links": _owner_links,
    "allowed_run_types": _run_types,
    "template_searchpath": lambda v: [v] if isinstance(v, str) else list(v or ()) or None,
}


class DAG(DagGraph):
    """A directed acyclic graph of tasks, with a schedule.

    Tasks made inside `with DAG(...):` belong to it.

    Args:
        dag_id: the DAG's name, unique in the deployment: letters, digits, `_`, `-` and `.`.
        arguments: see `DagArguments`. The most used are `schedule` (a cron expression, a preset
            like "@daily", a timedelta, a timetable, an asset or a list of assets; None: only
            when triggered), `start_date`, `catchup`, `default_args`, `params` and `tags`.

    Raises:
        ArgumentError: an argument is unknown or of the wrong kind.
        DagError: an argument's value cannot be.

    Example:
        with DAG("greetings", schedule="@daily", start_date=datetime(2026, 1, 1)):
            BashOperator(task_id="hello", bash_command="echo hello")
    """

    description: str | None = None
    schedule: Any = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    default_args: dict[str, Any]
    template_searchpath: list[str] | None = None
    template_undefined: Any = None
    user_defined_macros: Mapping[str, Any] = MappingProxyType({})
    user_defined_filters: Mapping[str, Any] = MappingProxyType({})
    max_active_tasks: int | None = None
    max_active_runs: int | None = None
    max_consecutive_failed_dag_runs: int = 0
    dagrun_timeout: timedelta | None = None
    deadline: Any = None
    sla_miss_callback: Any = None
    catchup: bool | None = None
    on_success_callback: Sequence[arguments.Callback] = ()
    on_failure_callback: Sequence[arguments.Callback] = ()
    doc_md: str | None = None
    params: ParamsDict
    access_control: Mapping[str, Any] | None = None
    is_paused_upon_creation: bool | None = None
    jinja_environment_kwargs: Mapping[str, Any] = MappingProxyType({})
    render_template_as_native_obj: bool = False
    tags: set[str]
    owner_links: Mapping[str, str] = MappingProxyType({})
    auto_register: bool = True
    fail_fast: bool = False
    allowed_run_types: tuple[str, ...] = ()
    disable_bundle_versioning: bool | None = None
    rerun_with_latest_version: bool | None = None
    relative_fileloc: str | None = None
    written_for: Meaning | None = None
    """Which Airflow the file is written for, as far as it tells; set when the file is loaded."""
    _dag_display_name: str | None = None

    def __init__(self, dag_id: str, **kwargs: Unpack[DagArguments]) -> None:
        where = f"DAG {dag_id!r}"
        self.dag_id = arguments.checked(
            lambda value: arguments.check_key("dag_id", value), "DAG", "dag_id", dag_id
        )
        super().__init__()
        self.fileloc = _calling_file()
        self.default_args = {}
        self.tags = set()
        self.params = ParamsDict()
        given = renamed.dag_arguments(where, kwargs)
        if "schedule_interval" in kwargs:
            self.written_for = Meaning(2)
        for name, value in given.items():
            if name not in DAG_ARGUMENTS:
                raise arguments.unknown_arguments(
                    where, given.keys() - DAG_ARGUMENTS, DAG_ARGUMENTS
                )
            check = _CHECKS.get(name)
            checked = arguments.checked(check, where, name, value) if check else value
            setattr(self, "_dag_display_name" if name == "dag_display_name" else name, checked)
        self._take_over_defaults(where)
        if self.auto_register:
            scope.register(self)

    def _take_over_defaults(self, where: str) -> None:
        """Let default_args give the DAG's dates and add to its params, as in Airflow."""
        if "timetable" in self.__dict__:
            timetable = self.__dict__.pop("timetable")
            if timetable is not None and self.schedule is not None:
                raise ArgumentError(f"{where}: give schedule or timetable, not both")
            self.schedule = self.schedule if timetable is None else timetable
        for name in ("start_date", "end_date"):
            if getattr(self, name) is None and self.default_args.get(name) is not None:
                value = arguments.checked(
                    arguments.aware, where, f"default_args[{name!r}]", self.default_args[name]
                )
                setattr(self, name, value)
        more = self.default_args.pop("params", None)
        if more:
            self.params = ParamsDict(
                {**dict(ParamsDict(more).items()), **dict(self.params.items())}
            )
        if self.start_date and self.end_date and self.end_date < self.start_date:
            raise DagError(
                f"{where}: end_date ({self.end_date}) is before start_date ({self.start_date})"
            )

    @property
    def timezone(self) -> tzinfo:
        """The zone that cron expressions are meant in: the start date's, else the default one."""
        date = self.start_date or self.end_date
        zone = date.tzinfo if date is not None else None
        return zone if zone is not None else defaults.zone()

    @property
    def means(self) -> Meaning:
        """Which Airflow's meaning holds where 2 and 3 read one spelling differently."""
        file = self.written_for or of_program(self.fileloc)
        return meaning(file, defaults.current().airflow_semantics)

    @property
    def dag_display_name(self) -> str:
        """What the UI shows instead of the id."""
        return self._dag_display_name or self.dag_id

    @property
    def folder(self) -> str:
        """The folder of the DAG file."""
        return os.path.dirname(self.fileloc)  # noqa: PTH120  half the price at import

    @property
    def owner(self) -> str:
        """The owners of the tasks, separated by commas."""
        return ", ".join(sorted({task.owner for task in self.tasks}))

    @property
    def has_on_success_callback(self) -> bool:
        """Whether there is a callback for runs that succeed."""
        return bool(self.on_success_callback)

    @property
    def has_on_failure_callback(self) -> bool:
        """Whether there is a callback for runs that fail."""
        return bool(self.on_failure_callback)

    @property
    def task(self) -> TaskDecorators:
        """`@task` and its kin, for this DAG."""
        return TaskDecorators(dag=self)

    def param(self, name: str, default: Any = NOT_GIVEN) -> DagParam:
        """Return a placeholder for a param, to pass to tasks.

        Args:
            name: the param.
            default: makes the param, if the DAG has none of this name.
        """
        return DagParam(self, name, default)

    def validate(self) -> None:
        """Check the DAG as the processor does.

        Raises:
            DagError: something is wrong; it names the task, the argument and the fix.
        """
        importlib.import_module("tradewind.sdk.build").to_spec(self)

    def get_template_env(self, *, force_sandboxed: bool = False) -> Any:
        """Return the Jinja environment that renders the tasks' templates."""
        return templates.environment(self, native=False if force_sandboxed else None)

    def test(self, **kwargs: Any) -> Any:
        """Run the DAG in this process, with no server and no database, and return the run.

        Args:
            kwargs: see `tradewind.testing.run_dag`: logical_date, run_after, run_conf,
                conn_file_path, variable_file_path, mark_success_pattern.
        """
        # The listed exception: authoring code knows no runner, so it is found by name.
        return importlib.import_module("tradewind.testing").run_dag(self, **kwargs)

    def __enter__(self) -> Self:
        """Put the tasks that follow into this DAG."""
        scope.enter_dag(self)
        return self

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        scope.leave_dag()

    def __repr__(self) -> str:
        return f"<DAG: {self.dag_id}>"


def _calling_file() -> str:
    """Return the file of the code that makes the DAG: the first frame that is not ours."""
    frame = sys._getframe(1)  # noqa: SLF001  the price of a traceback is too high here
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return frame.f_code.co_filename


def _is_ours(module: str) -> bool:
    return module.startswith(("tradewind.sdk", "tradewind.compat", "airflow."))


# ---- @dag -------------------------------------------------------------------------------


@overload
def dag(dag_id: Callable[P, Any], /) -> Callable[P, DAG]: ...
@overload
def dag(
    dag_id: str = "", **kwargs: Unpack[DagArguments]
) -> Callable[[Callable[P, Any]], Callable[P, DAG]]: ...
def dag(dag_id: Any = "", **kwargs: Any) -> Any:
    """Turn a function into a DAG: its body defines the tasks, its parameters are the params.

    Call the function, at the top level of the DAG file, to make the DAG. The DAG's id is the
    function's name unless one is given; its `doc_md` is the docstring.

    Args:
        dag_id: the DAG's id.
        kwargs: the DAG's arguments, see `DAG`.

    Raises:
        DagError: as `DAG` does.
    """
    if callable(dag_id):
        return _factory(dag_id, dag_id.__name__, {})
    if not isinstance(dag_id, str):
        raise ArgumentError(f"@dag takes a dag_id, a string, not {type(dag_id).__name__}")
    return lambda function: _factory(function, dag_id or function.__name__, kwargs)


def _factory(function: Callable[..., Any], dag_id: str, kwargs: dict[str, Any]) -> Any:
    @functools.wraps(function)
    def make(*args: Any, **given: Any) -> DAG:
        try:
            bound = inspect.signature(function).bind_partial(*args, **given)
        except TypeError as error:
            raise ArgumentError(f"DAG {dag_id!r}: {function.__name__}(): {error}") from None
        made = DAG(dag_id, **kwargs)
        if made.doc_md is None and function.__doc__:
            made.doc_md = inspect.cleandoc(function.__doc__)
        placeholders = {}
        for name, parameter in inspect.signature(function).parameters.items():
            placeholders[name] = _param_of(made, name, parameter, bound.arguments)
        with made:
            function(**placeholders)
        return made

    return make


def _param_of(
    made: DAG, name: str, parameter: inspect.Parameter, given: Mapping[str, Any]
) -> DagParam:
    if parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
        raise ArgumentError(
            f"DAG {made.dag_id!r}: parameter {name!r} of the @dag function must have a name of its "
            "own: *args and **kwargs cannot become params"
        )
    if name in given:
        return DagParam(made, name, given[name])
    if parameter.default is not parameter.empty:
        return DagParam(
            made, name, made.params.get_param(name) if name in made.params else parameter.default
        )
    if name not in made.params:
        made.params[name] = Param()
    return DagParam(made, name)
