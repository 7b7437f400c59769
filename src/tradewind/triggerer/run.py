"""Run one trigger until its first event, and say what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable

import msgspec

from tradewind.clock import Clock
from tradewind.sdk import masking, serde
from tradewind.sdk.task_instance import RuntimeTaskInstance
from tradewind.sdk.triggers.base import BaseTrigger, TriggerEvent
from tradewind.triggerer.blocking import Timed
from tradewind.triggerer.resolve import Resolver
from tradewind.triggerer.running import RunningTrigger, current

log = logging.getLogger(__name__)

_CLEANUP_S = 5.0
"""A trigger's on_kill() and cleanup() may take this long each."""


class Result(msgspec.Struct, frozen=True):
    """The typed JSON of the event's payload, or what went wrong."""

    payload: bytes | None = None
    error: str | None = None


async def run_trigger(
    running: RunningTrigger, resolver: Resolver, clock: Clock, turned: Callable[[], None]
) -> Result:
    """Make the trigger and wait for its first event; only cancellation is raised.

    Args:
        running: the trigger.
        resolver: finds its class.
        clock: times its steps.
        turned: called at each step; see `blocking`.
    """
    current.set(running)
    try:
        event = await Timed(_first_event(running, resolver, clock), str(running), clock, turned)
        return Result(payload=serde.dumps(event.payload, f"the event of {running.classpath}"))
    except asyncio.CancelledError:
        raise
    except BaseException as failure:  # noqa: BLE001  sys.exit() in a trigger is its failure
        error = masking.redact("".join(traceback.format_exception(failure)))
        log.error("the trigger failed:\n%s", error)  # noqa: TRY400  the text is masked
        return Result(error=error)


async def _first_event(running: RunningTrigger, resolver: Resolver, clock: Clock) -> TriggerEvent:
    trigger = resolver.make(running.assignment)
    trigger.trigger_id = running.attempt_id
    trigger.task_instance = RuntimeTaskInstance(running.assignment, None, None, clock.now())
    log.info("the trigger %s starts", running.classpath)
    try:
        async for event in events_of(trigger):
            log.info("the trigger fired")
            return event
    except asyncio.CancelledError:
        if running.killed:
            await quietly(trigger.on_kill)
        raise
    finally:
        await quietly(trigger.cleanup)
    raise RuntimeError(f"the trigger {running.classpath} ended without an event")


async def events_of(trigger: BaseTrigger) -> AsyncGenerator[TriggerEvent, None]:
    """Yield a trigger's events; close its generator in every case."""
    events = trigger.run()
    try:
        async for event in events:
            yield event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            with contextlib.suppress(RuntimeError):  # it is closing already
                await close()


async def quietly(last_words: Callable[[], Awaitable[None]]) -> None:
    """Let a trigger do what it does at its end; an error there changes nothing any more."""
    try:
        async with asyncio.timeout(_CLEANUP_S):
            await last_words()
    except Exception:
        log.exception("the trigger failed at its end")
