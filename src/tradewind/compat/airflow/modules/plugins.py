"""Base class and marker of plugins and listeners, so that files which define some can be imported.

A timetable or a priority weight strategy of a plugin needs no registration here: the class that
a DAG names is found where it is. Other parts of plugins, and listeners, are not called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class AirflowPlugin:
    """What a plugin derives from."""

    name: str | None = None
    macros: ClassVar[list[Any]] = []
    timetables: ClassVar[list[Any]] = []
    priority_weight_strategies: ClassVar[list[Any]] = []
    partition_mappers: ClassVar[list[Any]] = []
    windows: ClassVar[list[Any]] = []
    listeners: ClassVar[list[Any]] = []
    operator_extra_links: ClassVar[list[Any]] = []
    global_operator_extra_links: ClassVar[list[Any]] = []

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Be told that the plugin is loaded. Plugins write this."""


def hookimpl(function: F | None = None, **_options: Any) -> Any:
    """Mark a listener's function; `@hookimpl` and `@hookimpl(tryfirst=True)`."""
    if function is not None:
        return function
    return lambda marked: marked
