"""Run the trigger of a watcher: each event is told, and kept, before the trigger goes on."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import msgspec

from tradewind.clock import Clock
from tradewind.errors import DagError
from tradewind.sdk import masking
from tradewind.triggerer.blocking import Timed
from tradewind.triggerer.link import Link
from tradewind.triggerer.resolve import Resolver
from tradewind.triggerer.run import Result, events_of, quietly
from tradewind.triggerer.running import RunningTrigger, current
from tradewind.wire.messages import Reply, WatcherEvent

log = logging.getLogger(__name__)


async def run_watcher(
    running: RunningTrigger,
    resolver: Resolver,
    clock: Clock,
    turned: Callable[[], None],
    link: Link,
) -> Result:
    """Run a watcher's trigger until it ends; only cancellation is raised.

    Args:
        running: the trigger.
        resolver: finds its class.
        clock: times its steps.
        turned: called at each step; see `blocking`.
        link: tells the scheduler of an event; `goes_on` hears the answer.

    Returns:
        a payload when there were events, an error when it failed.
    """
    current.set(running)
    try:
        await Timed(_watch(running, resolver, link), str(running), clock, turned)
    except asyncio.CancelledError:
        raise
    except BaseException as failure:  # noqa: BLE001  sys.exit() in a trigger is its failure
        error = masking.redact("".join(traceback.format_exception(failure)))
        log.error("the trigger of a watcher failed:\n%s", error)  # noqa: TRY400  masked
        return Result(error=error)
    return Result(payload=b"null" if running.yielded else None)


async def _watch(running: RunningTrigger, resolver: Resolver, link: Link) -> None:
    trigger = resolver.make(running.assignment)
    trigger.trigger_id = running.attempt_id
    log.info("%s starts", running)
    try:
        async with aclosing(events_of(trigger)) as events:
            async for event in events:
                extra = {"from_trigger": True, "payload": _plain(event.payload, running)}
                running.yielded += 1
                running.kept = asyncio.get_running_loop().create_future()
                link.send(
                    WatcherEvent(
                        seq=link.next_seq(),
                        attempt_id=running.attempt_id,
                        nonce=running.nonce,
                        number=running.yielded,
                        extra=extra,
                    )
                )
                await running.kept
    finally:
        await quietly(trigger.cleanup)


def goes_on(running: RunningTrigger | None, event: WatcherEvent, reply: Reply) -> bool:
    """Let a watcher go on when its event is in the database.

    Returns:
        False when the event was refused: the trigger is to be stopped.
    """
    if running is None or running.nonce != event.nonce:
        return True
    if reply.error is not None:
        log.warning("an event of %s came too late (%s)", running, reply.error)
        return False
    if event.number == running.yielded and running.kept and not running.kept.done():
        running.kept.set_result(None)
    return True


def _plain(payload: Any, running: RunningTrigger) -> Any:
    """Return a payload as JSON has it.

    Raises:
        DagError: it cannot be written as JSON.
    """
    try:
        return msgspec.json.decode(msgspec.json.encode(payload))
    except (TypeError, ValueError) as error:
        raise DagError(
            f"the event of {running.classpath} cannot be written as JSON, as the extra of an asset "
            f"event is: {error}"
        ) from error
