"""A pool for Celery's worker whose "processes" are attempts that the supervisor runs.

Celery calls `apply_async` with the function that runs a task's body and stores its result. Here
the order is turned round: first the attempt runs elsewhere, and when the supervisor says that it
is over, the body is called, which only returns what was said.

    message → accept (the broker's copy is gone) → ticket to the supervisor … ticket done
            → body in the finishing thread → Celery's own books, in its own thread
                                           → result in the writer's thread

Rules
* Everything of Celery's that is not made for threads (acknowledgement, its books) happens in the
  thread of its event loop; writing a result may block: nothing waits for the
  thread that does.
* A message is accepted when its attempt gets a slot, not before: what waits here for a slot goes
  back to the broker when this worker ends or loses its connection.
* A message that has waited for a slot for a while goes back as well, and nothing is taken until a
  slot is free (`consuming` says why).
* A message that is no ticket is dropped with one line in the log; a second copy of a running
  attempt is dropped in silence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
from celery.concurrency.base import BasePool
from celery.worker import state as celery_state

from tradewind.clock import SystemClock
from tradewind.executors.celery.settings import RUN
from tradewind.worker.celery.consuming import Consuming
from tradewind.worker.celery.finishing import Finishing, Job
from tradewind.worker.celery.slots import Slots
from tradewind.worker.handover import Supervisor

log = logging.getLogger(__name__)

_TURN_S = 0.05


class Setup(msgspec.Struct, frozen=True):
    """What the pool is given. begin_drain: tells the supervisor to start nothing new."""

    desk: Supervisor
    drain_s: float
    begin_drain: Callable[[], None]


class TicketPool(BasePool):  # type: ignore[misc]  # Celery ships no types
    """Hand tickets to the supervisor, as many at a time as there are slots."""

    setup: ClassVar[Setup]
    """Set by the service before Celery makes the pool."""

    limit: int
    body_can_be_buffer = True
    signal_safe = False
    task_join_will_block = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock = SystemClock()
        self._finishing = Finishing(self.app)
        self.slots = Slots(self.setup.desk, self._finishing, self._clock, self.limit)
        self._flushed: list[Job] = []
        self._hub: Any = None
        self.consuming: Consuming | None = None
        """Set by the service when Celery's consumer is ready."""

    def on_start(self) -> None:
        """Start the finishing thread."""
        self._finishing.start()

    def register_with_event_loop(self, loop: Any) -> None:
        """Hear the supervisor in Celery's event loop; called again after each reconnection."""
        self._flushed.clear()  # the broker has it again
        self._hub = loop
        self._finishing.wake = lambda: loop.call_soon(self._settle)
        loop.add_reader(self.setup.desk.fileno(), self._hear)

    def on_apply(
        self,
        target: Callable[..., Any],
        args: tuple[Any, ...],
        _kwargs: dict[str, Any],
        callback: Callable[[Any], None],
        accept_callback: Callable[[int, float], None],
        **_: Any,
    ) -> None:
        """Take a message."""
        job = Job(target, args, callback, accept_callback)
        if self._state != self.RUN:
            job.give_back()
        elif args[0] == RUN:
            self.slots.take(job)
            if self.consuming is not None:
                self.consuming.watch(self._hub)
        else:
            self.slots.accept(job)
            self._finishing.add(job, "done")

    def flush(self) -> None:
        """Begin nothing more of what waits: its connection is going, or this worker is."""
        self._flushed += self.slots.held
        self.slots.held.clear()

    def grow(self, n: int) -> None:
        """Have more slots."""
        self.limit += n
        self.slots.limit = self.limit
        self._fill()

    def shrink(self, n: int) -> None:
        """Have fewer slots; what runs goes on."""
        self.limit = max(0, self.limit - n)
        self.slots.limit = self.limit

    def on_stop(self) -> None:
        """Let what runs go on for the drain's time, then end; write every result.

        Celery's event loop has ended and is driven here: the broker takes back what waits for a
        slot, and hears that this end is alive.
        """
        self.setup.begin_drain()
        self.flush()
        for job in self._flushed:
            job.give_back()
        deadline = self._clock.monotonic() + self.setup.drain_s
        if self._hub is not None:
            self._hub.call_later(_TURN_S, lambda: None)  # the first turn does not wait for news
            self._turn()
            while self._busy and self._clock.monotonic() < deadline:
                self._turn()
        if self.slots.running:
            log.warning("%d attempts did not end in time", len(self.slots.running))
        self._finishing.stop()

    def on_terminate(self) -> None:
        """End at once."""
        self.setup.begin_drain()

    @property
    def _busy(self) -> bool:
        return bool(self.slots.running or self._finishing.unfinished)

    def _get_info(self) -> dict[str, Any]:
        info: dict[str, Any] = super()._get_info()
        running, waiting = sorted(self.slots.running), len(self.slots.held)
        return {**info, "running": running, "waiting": waiting}

    def _hear(self) -> None:
        if not self.slots.hear():
            self._hub.remove_reader(self.setup.desk.fileno())
        elif celery_state.should_stop is None:
            self._fill()

    def _settle(self) -> None:
        self.slots.settle()

    def _fill(self) -> None:
        self.slots.fill()
        if self.consuming is not None:
            self.consuming.go_on()

    def _turn(self) -> None:
        """Do one turn of Celery's event loop, which nobody else does any more."""
        try:
            next(self._hub.create_loop())
        except Exception as error:  # noqa: BLE001  the broker went away: go on without it
            log.warning("lost the broker while draining: %s", error)
            self._hub.reset()
            self.register_with_event_loop(self._hub)
