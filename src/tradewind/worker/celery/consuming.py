"""Stop taking tickets for a while, and go on: the broker keeps them, and other workers take them.

RabbitMQ pushes the next message while every slot is taken, and closes the channel of whoever leaves
a message unacknowledged for too long (`consumer_timeout`). So a message that has waited here for a
slot goes back, and until a slot is free this worker takes from no queue of tickets; its probes go
on coming.
"""

from __future__ import annotations

from typing import Any

from tradewind.worker.celery.slots import Slots


class Consuming:
    """What Celery's consumer takes from. Used in the thread of its event loop."""

    def __init__(self, consumer: Any, probe_queue: str, slots: Slots, hold_s: float) -> None:
        """Take from everything, for now.

        Args:
            consumer: Celery's; its connection may be replaced, which ends a pause.
            probe_queue: the name of the queue that is never left.
            slots: where messages wait.
            hold_s: how long they may.
        """
        self._consumer = consumer
        self._probe_queue = probe_queue
        self._slots = slots
        self._hold_s = hold_s
        self._left: list[Any] = []
        self._left_by: Any = None
        self._watched_by: Any = None

    def watch(self, hub: Any) -> None:
        """Give back what still waits after a while. hub: Celery's event loop as it is now."""
        if self._slots.held and self._watched_by is not hub:
            self._watched_by = hub
            hub.call_later(self._hold_s, self._pause)

    def go_on(self) -> None:
        """Take from all queues again if there is a slot."""
        if not self._left or self._slots.full:
            return
        left, self._left = self._left, []
        channel = self._consumer.task_consumer
        if channel is self._left_by:  # a new one takes from all
            for queue in left:
                channel.add_queue(queue)
            channel.consume()

    def _pause(self) -> None:
        self._watched_by = None
        if not self._slots.held:
            return
        channel = self._consumer.task_consumer
        self._left = [q for q in channel.queues if q.name != self._probe_queue]
        self._left_by = channel
        for queue in self._left:
            channel.cancel_by_queue(queue.name)
        while self._slots.held:
            self._slots.held.popleft().give_back()
