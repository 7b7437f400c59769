"""Call an author's function: plain, async, or a generator that yields asset metadata."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from tradewind.errors import DagError
from tradewind.sdk.injection import call_with_context


def call_user_function(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    context: Mapping[str, Any],
) -> Any:
    """Call a function with its arguments and what it names of the context; return its result.

    A coroutine is run to its end. A generator is run to its end too; it may yield `Metadata`
    about the task's outlets, and what it returns is the result.

    Raises:
        DagError: a generator yields something else.
    """
    result = call_with_context(function, args, kwargs, context)
    if result is None:
        return None
    if inspect.iscoroutine(result):
        return asyncio.run(result)
    if inspect.isgenerator(result) and inspect.isgeneratorfunction(inspect.unwrap(function)):
        return _drain(result, context)
    return result


def _drain(generator: Generator[Any, Any, Any], context: Mapping[str, Any]) -> Any:
    while True:
        try:
            said = next(generator)
        except StopIteration as end:
            return end.value
        if not (hasattr(said, "asset") and hasattr(said, "extra")):
            raise DagError(
                "a task function may yield only Metadata(asset, extra); it yielded"
                f" {type(said).__name__}. Return a list to give several values"
            )
        context["outlet_events"].take(said)
