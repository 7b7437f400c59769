"""Triggers that do not let others run.

All triggers share one event loop: code that blocks in one of them (`time.sleep`, a
synchronous request) stops them all.

* Each step of a trigger is timed; one that takes longer than `REPORT_S` is named in the log.
* Another thread sees when one step lasts for `blocked_s` (many short ones in a row are work, not
  a block) and sends the main thread a signal, whose handler raises `TriggerBlocks` inside the
  trigger that is executing: it fails with an error that says why, the others go on. Code that
  even that cannot interrupt (inside C) gets the process killed after twice the time; the
  scheduler gives the triggers to another triggerer.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine, Generator
from types import FrameType
from typing import Any

from tradewind.clock import Clock
from tradewind.errors import DagError
from tradewind.triggerer.running import current

log = logging.getLogger(__name__)

REPORT_S = 0.2
EXIT_CODE = 70


class TriggerBlocks(DagError):
    """The trigger blocks the event loop."""


class Timed:
    """An awaitable that runs a coroutine and reports steps that take long."""

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        name: str,
        clock: Clock,
        turned: Callable[[], None],
    ) -> None:
        self._coroutine = coroutine
        self._name = name
        self._clock = clock
        self._turned = turned

    def __await__(self) -> Generator[Any, Any, Any]:
        """Drive the coroutine."""
        coroutine = self._coroutine
        step: Callable[[], Any] = lambda: coroutine.send(None)  # noqa: E731
        while True:
            self._turned()
            started = self._clock.monotonic()
            try:
                waited_for = step()
            except StopIteration as end:
                return end.value
            finally:
                took = self._clock.monotonic() - started
                if took > REPORT_S:
                    log.warning(
                        "the trigger %s held up all triggers for %.1f s; blocking calls belong "
                        "in asyncio.to_thread()",
                        self._name,
                        took,
                    )
            try:
                value = yield waited_for
            except BaseException as error:  # noqa: BLE001  CancelledError is passed in here too
                step = _thrower(coroutine, error)
            else:
                step = _sender(coroutine, value)


def _thrower(coroutine: Coroutine[Any, Any, Any], error: BaseException) -> Callable[[], Any]:
    return lambda: coroutine.throw(error)


def _sender(coroutine: Coroutine[Any, Any, Any], value: Any) -> Callable[[], Any]:
    return lambda: coroutine.send(value)


class Watchdog:
    """Interrupt the trigger that stops the loop. `turned` is called in the loop, `look` outside."""

    def __init__(
        self, clock: Clock, blocked_s: float, end_process: Callable[[int], None] = os._exit
    ) -> None:
        self._clock = clock
        self._blocked_s = blocked_s
        self._end_process = end_process
        self._turned_at: float | None = None
        self._interrupted = False

    def install(self) -> None:
        """Handle the signal; in the main thread, where the loop runs."""
        signal.signal(signal.SIGUSR1, _interrupt)
        self.turned()

    def turned(self) -> None:
        """Note that the loop goes on: it goes round, or another trigger's turn has come."""
        self._turned_at = self._clock.monotonic()
        self._interrupted = False

    def look(self) -> None:
        """Interrupt the main thread when the loop has not gone on for too long."""
        if self._turned_at is None:
            return
        still_s = self._clock.monotonic() - self._turned_at
        if still_s >= 2 * self._blocked_s:
            log.critical("the loop cannot be interrupted; the triggerer ends:\n%s", _main_stack())
            self._end_process(EXIT_CODE)
        elif still_s >= self._blocked_s and not self._interrupted:
            self._interrupted = True
            log.error("triggers stand still since %.0f s; here:\n%s", still_s, _main_stack())
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    trigger = current.get()
    if trigger is not None:
        raise TriggerBlocks(
            f"the trigger {trigger} was interrupted: it blocked the event loop that all triggers "
            "share; blocking calls belong in asyncio.to_thread()"
        )


def _main_stack() -> str:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001
    return "".join(traceback.format_stack(frame)) if frame is not None else ""
