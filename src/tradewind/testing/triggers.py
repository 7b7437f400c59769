"""Run deferred tasks' triggers in this process, in one event loop that turns while we wait."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import traceback
from collections.abc import Callable
from typing import Any

from tradewind.errors import DagError
from tradewind.model.outcome import TriggerFailed, TriggerFired
from tradewind.sdk import masking, serde
from tradewind.sdk.triggers.base import BaseTrigger, TriggerEvent
from tradewind.testing.attempts import HereRuntime
from tradewind.wire.messages import Assignment

log = logging.getLogger("tradewind.task")

Fired = tuple[Assignment, TriggerFired | TriggerFailed]


class Triggers:
    """The triggers that wait.

    Args:
        loop: where they run; it turns only while `run_until_complete` is called.
        news: called when one has fired.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, news: Callable[[], None]) -> None:
        self._loop = loop
        self._news = news
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._fired: list[Fired] = []
        self._started = False

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, assignment: Assignment) -> None:
        """Run a trigger until its first event."""
        self._started = True
        run = self._run(assignment)
        self._tasks[assignment.attempt_id] = self._loop.create_task(run)

    def take(self) -> list[Fired]:
        """Return what has fired or failed since the last call."""
        fired, self._fired = self._fired, []
        return fired

    def cancel(self, attempt_id: str) -> None:
        """Stop a trigger: nobody waits for it any more."""
        task = self._tasks.pop(attempt_id, None)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Stop all and let them clean up."""
        if not self._started:
            return
        for task in list(self._tasks.values()):
            task.cancel()
        self._loop.run_until_complete(self._ended())

    async def _ended(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_default_executor()

    async def _run(self, assignment: Assignment) -> None:
        HereRuntime.trigger.set(assignment)
        result: TriggerFired | TriggerFailed
        try:
            result = TriggerFired(payload=await _payload(assignment))
        except asyncio.CancelledError:
            raise
        except BaseException as failure:  # noqa: BLE001  user code may raise anything
            text = masking.redact("".join(traceback.format_exception(failure)))
            result = TriggerFailed(error=text)
        if self._tasks.pop(assignment.attempt_id, None) is not None:
            self._fired.append((assignment, result))
            self._news()


async def _payload(assignment: Assignment) -> bytes:
    call = assignment.trigger
    assert call is not None
    trigger = _make(call.classpath, serde.loads(call.kwargs))
    trigger.trigger_id = assignment.attempt_id
    try:
        event = await _first_event(trigger, call.classpath)
        return serde.dumps(event.payload, f"the event of {call.classpath}")
    finally:
        with contextlib.suppress(Exception):
            await trigger.cleanup()


def _make(classpath: str, kwargs: dict[str, Any]) -> BaseTrigger:
    module_name, _, name = classpath.rpartition(".")
    found = getattr(importlib.import_module(module_name), name, None) if module_name else None
    if not (isinstance(found, type) and issubclass(found, BaseTrigger)):
        raise DagError(
            f"{classpath!r} is not a trigger: serialize() must return the class path of a class "
            "derived from BaseTrigger"
        )
    return found(**kwargs)


async def _first_event(trigger: BaseTrigger, classpath: str) -> TriggerEvent:
    events = trigger.run()
    try:
        async for event in events:
            return event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()
    raise RuntimeError(f"the trigger {classpath} ended without an event")
