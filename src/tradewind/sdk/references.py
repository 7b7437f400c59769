"""Values that are not known before the run: placeholders in an operator's arguments.

A placeholder (an `XComArg`, a `DagParam`, a mapped argument) is resolved by the worker when it
renders the template fields. The tasks that it refers to become upstream tasks of the operator
it is given to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradewind.sdk.abstract_operator import AbstractOperator


class ResolveMixin:
    """A placeholder: `resolve(context)` gives its value while the task runs."""

    def iter_references(self) -> Iterator[tuple[AbstractOperator, str]]:
        """Yield the tasks, with the XCom key, that must run before this can be resolved."""
        raise NotImplementedError

    def resolve(self, context: Mapping[str, Any], *, include_xcom: bool = True) -> Any:
        """Return the value.

        include_xcom is Airflow's and has no effect here.
        """
        raise NotImplementedError


class LiteralValue(ResolveMixin):
    """A value that is not rendered as a template; see `literal`."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def iter_references(self) -> Iterator[tuple[AbstractOperator, str]]:
        """Yield nothing: a literal refers to no task."""
        return iter(())

    def resolve(self, context: Mapping[str, Any], *, include_xcom: bool = True) -> Any:
        """Return the value as it was given."""
        del context, include_xcom
        return self.value

    def __repr__(self) -> str:
        return f"literal({self.value!r})"


def literal(value: Any) -> LiteralValue:
    """Return a value that is passed on as it is, though it may look like a template."""
    return LiteralValue(value)


def iter_references(value: Any) -> Iterator[AbstractOperator]:
    """Yield the tasks that the placeholders anywhere in this value refer to.

    Lists, tuples, sets, dicts and objects with `template_fields` are looked into.
    """
    if isinstance(value, ResolveMixin):
        for task, _ in value.iter_references():
            yield task
    elif isinstance(value, str | bytes | int | float) or value is None:
        return
    else:
        for part in _parts(value):
            yield from iter_references(part)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    fields = getattr(type(value), "template_fields", ())
    return (
        [getattr(value, name, None) for name in fields] if isinstance(fields, tuple | list) else []
    )


def resolve_value(value: Any, context: Mapping[str, Any]) -> Any:
    """Return the value with the placeholders in it resolved."""
    if isinstance(value, ResolveMixin):
        return value.resolve(context)
    if type(value) is dict:
        return {key: resolve_value(item, context) for key, item in value.items()}
    if type(value) in {list, tuple, set}:
        return type(value)(resolve_value(item, context) for item in value)
    return value
