"""The arguments that every operator takes: their types, defaults and checks.

One list serves operators, `.partial()`, `@task(...)` and `.override()`. Values are checked and
brought into one form (a number of seconds becomes a timedelta, one callback a list) when the
operator is made, so that everything behind can rely on it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from tradewind.errors import DagError
from tradewind.model.spec import DEFAULT_POOL
from tradewind.model.state import TriggerRule, WeightRule
from tradewind.sdk import defaults

if TYPE_CHECKING:
    from tradewind.sdk.dag_definition import DAG
    from tradewind.sdk.taskgroup import TaskGroup

Callback = Callable[..., Any]
Callbacks = Callback | Sequence[Callback] | None
Seconds = timedelta | float | int


class ArgumentError(DagError, TypeError):
    """An argument is missing, unknown or of the wrong kind."""


class NoDagError(DagError, AttributeError):
    """A task is asked for its DAG and is in none."""


class OperatorArguments(TypedDict, total=False):
    """The arguments of every operator beside `task_id`. All are optional."""

    owner: str
    email: str | Iterable[str] | None
    email_on_retry: bool
    email_on_failure: bool
    retries: int | None
    retry_delay: Seconds
    retry_exponential_backoff: float | bool
    max_retry_delay: Seconds | None
    retry_policy: Any
    start_date: datetime | None
    end_date: datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    dag: DAG | None
    params: Mapping[str, Any] | None
    default_args: Mapping[str, Any] | None
    priority_weight: int
    weight_rule: Any
    queue: str | None
    pool: str | None
    pool_slots: int
    sla: Any
    execution_timeout: timedelta | None
    on_execute_callback: Callbacks
    on_failure_callback: Callbacks
    on_success_callback: Callbacks
    on_retry_callback: Callbacks
    on_skipped_callback: Callbacks
    pre_execute: Callback | None
    post_execute: Callback | None
    trigger_rule: TriggerRule | str
    resources: Mapping[str, Any] | None
    run_as_user: str | None
    map_index_template: str | None
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    executor: str | None
    executor_config: Mapping[str, Any] | None
    do_xcom_push: bool
    multiple_outputs: bool | None
    inlets: Any
    outlets: Any
    task_group: TaskGroup | None
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    task_display_name: str | None
    logger_name: str | None
    allow_nested_operators: bool
    render_template_as_native_obj: bool | None


OPERATOR_ARGUMENTS = frozenset(OperatorArguments.__annotations__) | {"task_id"}
"""The names of the arguments of every operator."""

_STRUCTURAL = frozenset({"task_id", "dag", "task_group", "default_args", "params"})
"""Arguments that the operator handles itself."""

_KEY = re.compile(r"[\w.-]+")
_GROUP_KEY = re.compile(r"[\w-]+")
_MAX_KEY = 250
_MAX_GROUP_KEY = 200


def check_key(kind: str, key: object, *, dots: bool = True) -> str:
    """Return the id if it can be one.

    Raises:
        DagError: it is empty, too long or has characters that ids cannot have.
    """
    if not isinstance(key, str):
        raise ArgumentError(f"{kind} must be a string, not {type(key).__name__} ({key!r:.60})")
    limit = _MAX_KEY if dots else _MAX_GROUP_KEY
    if len(key) > limit:
        raise DagError(f"{kind} {key[:40] + '…'!r} has {len(key)} characters; at most {limit}")
    if not (_KEY if dots else _GROUP_KEY).fullmatch(key):
        allowed = "letters, digits, dashes, underscores" + (" and dots" if dots else "")
        fixed = re.sub(r"[^\w.-]+" if dots else r"[^\w-]+", "_", key) or "my_id"
        raise DagError(f"{kind} {key!r} is no id: use {allowed} only, like {fixed!r}")
    return key


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" when one of the known names is close, else ""."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown_arguments(where: str, names: Iterable[str], known: Iterable[str]) -> ArgumentError:
    """Return the error about arguments that nothing takes."""
    names, known = sorted(names), list(known)
    listed = ", ".join(repr(name) for name in names)
    plural = "s" if len(names) > 1 else ""
    return ArgumentError(
        f"{where}: unknown argument{plural} {listed}{did_you_mean(names[0], known)}"
    )


# ---- checks -----------------------------------------------------------------------------


def aware(value: Any) -> datetime | None:
    """Return the time with a zone; a naive one is meant in the default time zone."""
    if value is None:
        return None
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if isinstance(at, datetime):
        return at if at.tzinfo is not None else at.replace(tzinfo=defaults.zone())
    if isinstance(at, date):
        return datetime(at.year, at.month, at.day, tzinfo=defaults.zone())
    raise ArgumentError(f"must be a datetime, not {type(value).__name__} ({value!r:.60})")


def seconds_to_delta(value: Any) -> timedelta | None:
    """Return a duration; a number is seconds."""
    if value is None or isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=value)
    raise ArgumentError(
        f"must be a timedelta or a number of seconds, not {type(value).__name__} ({value!r:.60})"
    )


def only_delta(value: Any) -> timedelta | None:
    """Return the duration, which must be a timedelta."""
    if value is None or isinstance(value, timedelta):
        return value
    raise ArgumentError(
        "must be a timedelta, like timedelta(minutes=5), "
        f"not {type(value).__name__} ({value!r:.60})"
    )


def whole(minimum: int | None, *, optional: bool = False) -> Callable[[Any], int | None]:
    """Return the check for an integer that is not below the minimum."""

    def check(value: Any) -> int | None:
        if value is None and optional:
            return None
        if isinstance(value, str) and value.strip().lstrip("-").isdigit():
            value = int(value)  # a setting that was read from a Variable or the environment
        if not isinstance(value, int) or isinstance(value, bool):
            raise ArgumentError(f"must be an integer, not {type(value).__name__} ({value!r:.60})")
        if minimum is not None and value < minimum:
            raise DagError(f"must be at least {minimum}, not {value}")
        return value

    return check


def text(value: Any) -> str | None:
    """Return a string or None."""
    if value is None or isinstance(value, str):
        return value
    raise ArgumentError(f"must be a string, not {type(value).__name__} ({value!r:.60})")


def callbacks(value: Callbacks) -> list[Callback]:
    """Return the callbacks as a list."""
    if value is None:
        return []
    found = [value] if callable(value) else list(value)
    for one in found:
        if not callable(one):
            raise ArgumentError(f"must be functions or notifiers, not {type(one).__name__}")
    return found


_OLD_RULES = {"none_failed_or_skipped": "none_failed_min_one_success", "dummy": "always"}
"""Airflow 2's names for rules that were renamed."""


def trigger_rule(value: Any) -> TriggerRule:
    """Return the rule."""
    name = str(getattr(value, "value", value))
    try:
        return TriggerRule(_OLD_RULES.get(name, name))
    except ValueError:
        known = [rule.value for rule in TriggerRule]
        raise DagError(
            f"{name!r} is not a trigger rule{did_you_mean(name, known)} Known: {', '.join(known)}"
        ) from None


def weight_rule(value: Any) -> Any:
    """Return the weight rule: a `WeightRule`, a strategy object, or its dotted path."""
    name = getattr(value, "value", value)
    if isinstance(name, str) and "." not in name:
        try:
            return WeightRule(name)
        except ValueError:
            known = [rule.value for rule in WeightRule]
            raise DagError(
                f"{name!r} is not a weight rule{did_you_mean(name, known)} "
                f"Known: {', '.join(known)}, or a PriorityWeightStrategy"
            ) from None
    return value


def listed(value: Any) -> list[Any]:
    """Return inlets or outlets as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _backoff(value: Any) -> float:
    if value is True:
        return 2.0  # Airflow 2's boolean
    factor = float(value or 0)
    if factor < 0:
        raise DagError(f"must not be negative, not {value!r}")
    return factor


CHECKS: dict[str, Callable[[Any], Any]] = {
    "email": lambda v: None if v is None else v if isinstance(v, str) else list(v),
    "retries": lambda v: whole(0)(defaults.current().retries if v is None else v),
    "retry_delay": seconds_to_delta,
    "retry_exponential_backoff": _backoff,
    "max_retry_delay": seconds_to_delta,
    "start_date": aware,
    "end_date": aware,
    "priority_weight": whole(None),
    "weight_rule": weight_rule,
    "queue": text,
    "pool": lambda v: text(v) or DEFAULT_POOL,
    "pool_slots": whole(1),
    "execution_timeout": only_delta,
    "on_execute_callback": callbacks,
    "on_failure_callback": callbacks,
    "on_success_callback": callbacks,
    "on_retry_callback": callbacks,
    "on_skipped_callback": callbacks,
    "trigger_rule": trigger_rule,
    "multiple_outputs": bool,
    "max_active_tis_per_dag": whole(1, optional=True),
    "max_active_tis_per_dagrun": whole(1, optional=True),
    "executor": text,
    "executor_config": lambda v: v or {},
    "inlets": listed,
    "outlets": listed,
}

_STORED_AS = {
    "pre_execute": "_pre_execute_hook",
    "post_execute": "_post_execute_hook",
    "task_display_name": "_task_display_name",
}
"""Arguments whose attribute's name is taken by a method or property."""


def set_arguments(task: Any, where: str, arguments: Mapping[str, Any]) -> None:
    """Check the scheduling arguments and set them as the task's attributes.

    Raises:
        ArgumentError: an argument is unknown or has the wrong type; the message starts with
            `where` and names the argument.
        DagError: a value cannot be.
    """
    for name, value in arguments.items():
        if name in _STRUCTURAL:
            continue
        if name not in OPERATOR_ARGUMENTS:
            unknown = arguments.keys() - OPERATOR_ARGUMENTS
            raise unknown_arguments(where, unknown, OPERATOR_ARGUMENTS)
        check = CHECKS.get(name)
        if check is not None:
            value = checked(check, where, name, value)  # noqa: PLW2901  only this form is set
        setattr(task, _STORED_AS.get(name, name), value)
    if "retries" not in arguments and not task.retries:
        task.retries = defaults.current().retries
    if arguments.get("wait_for_downstream"):
        task.depends_on_past = True


def checked(check: Callable[[Any], Any], where: str, name: str, value: Any) -> Any:
    """Return the checked value; an error names the place and the argument."""
    try:
        return check(value)
    except (DagError, ValueError, TypeError) as error:
        kind = type(error) if isinstance(error, DagError) else ArgumentError
        raise kind(f"{where}: {name}: {error}") from None
