"""The scheduler's side of the CeleryExecutor.

Everything slow is behind it: a courier brings messages to the broker, a watch looks at queues
and results (each a thread with connections of its own). What is here only remembers which
attempts were handed over when.

Submitted again, an attempt is one that nobody has claimed for a while: its message is lost, or
waits in a long queue. While the broker says that messages wait and that workers take from the
queue, another copy would only make the queue longer, so it is held back, for ten minutes at
most. In every other case (the queue is empty, nobody takes from it, the broker does not say)
the copy is sent: of two copies one is refused at its claim.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol, Self

import msgspec

from tradewind.clock import Clock, SystemClock
from tradewind.config import Config
from tradewind.executors.base import Fact, Pending, Refused, Wake
from tradewind.executors.celery.app import BrokerConnection, make_app
from tradewind.executors.celery.courier import Courier, Message
from tradewind.executors.celery.results import reader_of
from tradewind.executors.celery.settings import (
    broker_of,
    message_priority,
    publisher_options,
)
from tradewind.executors.celery.watch import Queue, Watch
from tradewind.executors.local import Supervisors
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Launch

log = logging.getLogger(__name__)

HOLD_BACK_S = 600.0
"""Longest time for which a waiting attempt is not sent again because its queue is long."""
LOOK_AFTER_S = 3.0
"""A message that was published this long ago may be stuck: its queue is looked at."""
KNOWN_GOOD_S = 60.0
"""A queue that had consumers this recently needs no look for an attempt's first message."""


class _Sent(msgspec.Struct):
    """An attempt that was handed to the courier. Times: monotonic seconds."""

    queue: str
    sent_at: float
    again_at: float | None = None
    """When it was last submitted again, so still unclaimed."""


class Carrier(Protocol):
    """What the executor needs of a `Courier`."""

    @property
    def trouble(self) -> str | None:
        """Return why the broker cannot be reached."""
        ...

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End."""
        ...

    def send(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Take messages; return those for which there is no room."""
        ...

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Tell all workers to stop these."""
        ...

    def waiting(self) -> set[AttemptId]:
        """Return the attempts whose messages the broker has not taken."""
        ...


class Lookout(Protocol):
    """What the executor needs of a `Watch`."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End."""
        ...

    def look(self, queues: Iterable[str], attempts: Sequence[AttemptId]) -> None:
        """Ask for a look."""
        ...

    def seen(self, queue: str) -> Queue | None:
        """Return what was last seen of a queue, if that is fresh."""
        ...

    def facts(self) -> list[Fact]:
        """Return what was found since the last call."""
        ...


class CeleryExecutor:
    """Hand launches to Celery workers through a message broker."""

    def __init__(
        self,
        courier: Carrier,
        watch: Lookout,
        clock: Clock,
        *,
        default_queue: str,
        broker_shown: str,
        priority_of: Callable[[int], int],
    ) -> None:
        self._courier = courier
        self._watch = watch
        self._clock = clock
        self._default_queue = default_queue
        self._broker_shown = broker_shown
        self._priority_of = priority_of
        self._sent: dict[AttemptId, _Sent] = {}
        self._good_at: dict[str, float] = {}

    def __enter__(self) -> Self:
        """Start the threads."""
        self._courier.start()
        self._watch.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop submitting; what runs goes on, and what waits is in the broker."""
        self._courier.stop()
        self._watch.stop()

    def submit(self, launches: Sequence[Launch]) -> Sequence[Refused]:
        """Send the launches' messages, except copies that would only make a queue longer."""
        now = self._clock.monotonic()
        messages: list[Message] = []
        in_hand = self._courier.waiting() if self._courier.trouble is not None else set()
        for launch in launches:
            queue = launch.queue or self._default_queue
            known = self._sent.get(launch.attempt_id)
            if known is not None:
                known.again_at = now
                if launch.attempt_id in in_hand or self._holds_back(known, now):
                    continue
                known.sent_at = now
            else:
                self._sent[launch.attempt_id] = _Sent(queue=queue, sent_at=now)
            messages.append(
                Message(
                    attempt_id=launch.attempt_id,
                    claim_token=launch.claim_token,
                    queue=queue,
                    priority=self._priority_of(launch.priority),
                )
            )
        left_over = self._courier.send(messages)
        for message in left_over:
            self._sent.pop(message.attempt_id, None)
        reason = f"too many messages wait for the broker {self._broker_shown}"
        return [Refused(message.attempt_id, reason) for message in left_over]

    def reconcile(self, believed: AbstractSet[AttemptId] | None) -> Sequence[Fact]:
        """Return what the result backend tells and, at the full check, why attempts wait."""
        facts = self._watch.facts()
        if believed is None:
            return facts
        for attempt_id in self._sent.keys() - believed:
            del self._sent[attempt_id]
        now = self._clock.monotonic()
        stale = {a: s for a, s in self._sent.items() if now - s.sent_at >= LOOK_AFTER_S}
        queues = {s.queue for s in stale.values() if self._needs_look(s, now)}
        self._watch.look(queues, sorted(stale))
        return [*(f for f in facts if f.attempt_id in believed), *self._reasons(now)]

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Tell the workers to stop these; that they are fenced is the API server's answer."""
        self._courier.cancel(attempts)
        for attempt_id in attempts:
            self._sent.pop(attempt_id, None)

    def troubles(self) -> Mapping[str, str]:
        """Say when the broker cannot be reached; the courier looks even when there is no work."""
        trouble = self._courier.trouble
        return {} if trouble is None else {self._broker_shown: trouble}

    # ---- the steps ------------------------------------------------------------------------

    def _holds_back(self, known: _Sent, now: float) -> bool:
        seen = self._watch.seen(known.queue)
        if seen is None or now - known.sent_at >= HOLD_BACK_S:
            return False
        return seen.depth > 0 and seen.consumers > 0

    def _needs_look(self, sent: _Sent, now: float) -> bool:
        if sent.again_at is not None:
            return now - sent.again_at < KNOWN_GOOD_S
        return now - self._good_at.get(sent.queue, float("-inf")) >= KNOWN_GOOD_S

    def _reasons(self, now: float) -> list[Fact]:
        """Say why attempts wait outside; the scheduler shows it for those that do."""
        trouble = self._courier.trouble
        in_hand = self._courier.waiting() if trouble is not None else set()
        facts: list[Fact] = []
        for attempt_id, sent in self._sent.items():
            stale = now - sent.sent_at >= LOOK_AFTER_S
            if trouble is not None and (stale or attempt_id in in_hand):
                reason = f"the broker {self._broker_shown} cannot be reached: {trouble}"
                facts.append(Pending(attempt_id=attempt_id, reason=reason, in_turn=True))
            elif stale:
                facts += self._reason_of_queue(attempt_id, sent)
        return facts

    def _reason_of_queue(self, attempt_id: AttemptId, sent: _Sent) -> list[Fact]:
        queue, seen = sent.queue, self._watch.seen(sent.queue)
        if seen is None:
            return []
        if seen.consumers == 0:
            reason = (
                f"no Celery worker takes tasks from the queue {queue!r}; start one with "
                f"`tradewind celery worker --queues {queue}`"
            )
            return [Pending(attempt_id=attempt_id, reason=reason)]
        self._good_at[queue] = seen.at
        if seen.depth == 0:
            return []
        reason = f"every Celery worker of the queue {queue!r} is busy"
        return [Pending(attempt_id=attempt_id, reason=reason, in_turn=True)]


def build(config: Config, _supervisors: Supervisors, wake: Wake) -> CeleryExecutor:
    """Return the executor of a configuration; nothing is connected yet.

    Raises:
        ConfigError: a library is missing or a setting is not right.
    """
    clock = SystemClock()
    broker = broker_of(config)
    app = make_app(config)
    # The scheduler sends; that results are kept is between the workers and the backend.
    app.conf.update(result_backend="disabled", task_ignore_result=False)
    options = publisher_options(broker, config.celery.operation_timeout_s)
    return CeleryExecutor(
        Courier(BrokerConnection(app, options), broker.shown, wake),
        Watch(
            BrokerConnection(app, options),
            reader_of(config, clock),
            clock,
            wake,
            ask_workers=broker.redis,
        ),
        clock,
        default_queue=config.celery.default_queue,
        broker_shown=broker.shown,
        priority_of=lambda weight: message_priority(broker, weight),
    )
