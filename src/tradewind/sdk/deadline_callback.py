"""AsyncCallback and SyncCallback: what a missed deadline calls."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from tradewind.sdk.arguments import ArgumentError
from tradewind.wire.messages import RunInfo

_CONTEXT = "context"


class Callback:
    """What is called when a deadline is missed, in a process of its own on a worker.

    It is given `kwargs`, and, if it takes it, a `context`: that of the DAG's callbacks (dag,
    run_id, conn, var, …) with `deadline`, a dict of its `id` and `deadline_time`, and `dag_run`,
    a dict as the API shows a run. A class, like a notifier's, is made with `kwargs` and then
    called with the context.

    Args:
        callback_callable: a function or class, or its dotted path.
        kwargs: arguments by name.
    """

    def __init__(
        self,
        callback_callable: Callable[..., Any] | str,
        kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        where = type(self).__name__
        if kwargs and _CONTEXT in kwargs:
            raise ArgumentError(f"{where}: kwargs: {_CONTEXT!r} is given by Tradewind")
        self.kwargs = dict(kwargs or {})
        if not callable(callback_callable) and not _is_path(callback_callable):
            raise ArgumentError(
                f"{where}: callback_callable: must be a function, a class or the dotted path of "
                f"one, not {callback_callable!r:.60}"
            )
        self.callback_callable = callback_callable
        if callable(callback_callable):
            self.check(callback_callable)

    @property
    def path(self) -> str:
        """The dotted path of what is called."""
        if isinstance(self.callback_callable, str):
            return self.callback_callable.strip()
        called = self.callback_callable
        name = getattr(called, "__qualname__", type(called).__qualname__)
        return f"{called.__module__}.{name}"

    def check(self, called: Callable[..., Any]) -> None:
        """Refuse what this kind of callback cannot call."""

    def call(self, context: Any) -> None:
        """Call it, in the process that is there for it."""
        called = self._found()
        self.check(called)
        result = called(**self.kwargs, **_context_for(called, context))
        if inspect.isawaitable(result):
            asyncio.run(_await(result))
        elif isinstance(called, type) and callable(result):
            result(context)

    def _found(self) -> Callable[..., Any]:
        if not isinstance(self.callback_callable, str):
            return self.callback_callable
        module, _, name = self.path.rpartition(".")
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}>"


class AsyncCallback(Callback):
    """A coroutine function, or a class whose instances can be awaited."""

    def check(self, called: Callable[..., Any]) -> None:
        """Refuse what cannot be awaited."""
        if not (inspect.iscoroutinefunction(called) or hasattr(called, "__await__")):
            raise ArgumentError(
                f"AsyncCallback: {self.path} cannot be awaited; make it `async def`, or use "
                "SyncCallback"
            )


class SyncCallback(Callback):
    """A plain function, or a class whose instances are callbacks.

    Args:
        callback_callable: see `Callback`.
        kwargs: arguments by name.
        executor: accepted; callbacks run where the deployment's first executor runs tasks.
    """

    def __init__(
        self,
        callback_callable: Callable[..., Any] | str,
        kwargs: Mapping[str, Any] | None = None,
        executor: str | None = None,
    ) -> None:
        super().__init__(callback_callable, kwargs)
        self.executor = executor

    def call(self, context: Any) -> None:
        """Call it; a class's instance is called, not awaited."""
        called = self._found()
        result = called(**self.kwargs, **_context_for(called, context))
        if isinstance(called, type) and callable(result):
            result(context)


def _is_path(value: object) -> bool:
    parts = value.strip().split(".") if isinstance(value, str) else []
    return len(parts) > 1 and all(part.isidentifier() for part in parts)


def _context_for(called: Callable[..., Any], context: Any) -> dict[str, Any]:
    try:
        parameters = inspect.signature(called).parameters
    except (TypeError, ValueError):
        return {_CONTEXT: context}
    takes = _CONTEXT in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return {_CONTEXT: context} if takes else {}


async def _await(awaitable: Any) -> Any:
    return await awaitable


class RunFacts(dict[str, Any]):
    """A run as the API shows it: a dict, as Airflow gives it, whose items are attributes too."""

    @classmethod
    def of(cls, run: RunInfo) -> RunFacts:
        """Return what is known of a run."""
        return cls(
            dag_run_id=run.run_id,
            run_id=run.run_id,
            dag_id=run.dag_id,
            logical_date=_text(run.logical_date),
            data_interval_start=_text(run.interval_start),
            data_interval_end=_text(run.interval_end),
            run_after=_text(run.run_after),
            start_date=_text(run.started_at),
            end_date=_text(run.ended_at),
            run_type=run.run_type,
            state=run.state,
            conf=run.conf,
            note=run.note,
            triggering_user_name=run.triggering_user,
        )

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"a run has no {name!r} here") from None


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
