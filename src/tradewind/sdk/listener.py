"""Listeners: functions of a plugin that are told what becomes of tasks, runs and assets.

A listener is a module or an object with functions of these names, each marked `@hookimpl`; each
is given what its parameters name:

    on_task_instance_running(previous_state, task_instance)
    on_task_instance_success(previous_state, task_instance)
    on_task_instance_failed(previous_state, task_instance, error)
    on_task_instance_skipped(previous_state, task_instance)
    on_asset_changed(asset)
    on_asset_event_emitted(asset_event)
    on_dag_run_running(dag_run, msg)
    on_dag_run_success(dag_run, msg)
    on_dag_run_failed(dag_run, msg)

Those of tasks and of the assets that a task emits events for are called in the task's process, as
its try begins and ends. Those of runs are called like a DAG's callbacks: in a process of a worker,
at least once, soon after. No server calls any. One that raises is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
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


@dataclass(frozen=True, kw_only=True)
class EmittedAssetEvent:
    """An event of an asset, as listeners are told of it."""

    asset: Any
    extra: dict[str, Any]
    source_dag_id: str | None = None
    source_task_id: str | None = None
    source_run_id: str | None = None
    source_map_index: int | None = None
    source_aliases: list[Any] = field(default_factory=list)
    partition_key: str | None = None
    partition_date: Any = None


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

    def listens(self, event: str) -> bool:
        """Tell whether a listener has a function of this name."""
        return any(
            getattr(getattr(listener, event, None), _MARK, False) for listener in self._listeners
        )

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
