"""Listeners: functions of a plugin that are told what becomes of task instances.

A listener is a module or an object with functions of these names, each marked `@hookimpl`; each
is given what its parameters name:

    on_task_instance_running(previous_state, task_instance)
    on_task_instance_success(previous_state, task_instance)
    on_task_instance_failed(previous_state, task_instance, error)
    on_task_instance_skipped(previous_state, task_instance)

They are called in the task's process, as its try begins and ends. One that raises is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from tradewind.sdk.injection import call_with_context

log = logging.getLogger("tradewind.task")

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "tradewind_listens"


def hookimpl(function: F | None = None, **_options: Any) -> Any:
    """Mark a function as a listener's, or as a policy."""

    def mark(marked: F) -> F:
        setattr(marked, _MARK, True)
        return marked

    return mark if function is None else mark(function)


class ListenerManager:
    """The listeners of this process."""

    def __init__(self) -> None:
        self._listeners: list[Any] = []

    @property
    def has_listeners(self) -> bool:
        """Tell whether anybody listens."""
        return bool(self._listeners)

    def add_listener(self, listener: Any) -> None:
        """Let a module or object listen."""
        if listener not in self._listeners:
            self._listeners.append(listener)

    def remove_listener(self, listener: Any) -> None:
        """Let it listen no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def clear(self) -> None:
        """Let nobody listen."""
        self._listeners.clear()

    def tell(self, event: str, **facts: Any) -> None:
        """Call every listener's function of this name with the facts that it takes."""
        for listener in self._listeners:
            function = getattr(listener, event, None)
            if function is None or not getattr(function, _MARK, False):
                continue
            try:
                call_with_context(function, (), {}, facts)
            except Exception:
                log.exception("the listener %s failed in %s", listener, event)


@cache
def get_listener_manager() -> ListenerManager:
    """Return the listeners of this process."""
    return ListenerManager()
