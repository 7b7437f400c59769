"""Bring messages to the broker from a thread, so that the scheduler never waits for it.

What the broker does not take because it cannot be reached waits here and goes when it is back.
When a publish fails half way nobody knows whether the broker has the message: it is let go, for
the scheduler offers the attempt again if nobody claims it.

With nothing to bring it asks the broker for a sign of life every few seconds: people are told
that a broker is away before work needs it, and the connection is not closed for being idle.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from tradewind.executors.base import Wake
from tradewind.executors.celery.app import BrokerError
from tradewind.executors.celery.settings import RUN, TOKEN
from tradewind.model.ids import AttemptId

log = logging.getLogger(__name__)

CAPACITY = 10_000
"""Messages that may wait for the broker; more are refused for now."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0
CHECK_S = 10.0
"""How often an idle connection is checked: twice within RabbitMQ's heartbeat."""
_STOP_S = 5.0


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt on its way."""

    attempt_id: AttemptId
    claim_token: str
    queue: str
    priority: int


class Sender(Protocol):
    """What a courier needs of a `BrokerConnection`."""

    def open(self) -> None:
        """Connect, unless it is connected."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...

    def publish(
        self, task: str, task_id: str, headers: Mapping[str, str], *, queue: str, priority: int
    ) -> None:
        """Publish a task."""
        ...

    def cancel(self, task_ids: Sequence[str]) -> None:
        """Tell all workers to stop these."""
        ...

    def check(self) -> None:
        """Ask the broker for a sign of life."""
        ...


class Courier:
    """A thread with a connection of its own."""

    def __init__(
        self, connection: Sender, shown: str, wake: Wake, check_s: float = CHECK_S
    ) -> None:
        """Make a courier that does not run yet.

        Args:
            connection: used by the thread alone.
            shown: the broker's address for people.
            wake: called when the broker went away or came back.
            check_s: seconds without work after which the broker is asked for a sign of life.
        """
        self._connection = connection
        self._shown = shown
        self._wake = wake
        self._check_s = check_s
        self._change = threading.Condition()
        self._waiting: deque[Message] = deque()
        self._cancels: deque[AttemptId] = deque()
        self._trouble: str | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="celery-courier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what can be sent at once; the rest is offered again by the next scheduler."""
        with self._change:
            self._stopping = True
            self._change.notify()
        self._thread.join(_STOP_S)

    def send(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Take messages; return those for which there is no room."""
        with self._change:
            room = max(0, CAPACITY - len(self._waiting))
            self._waiting.extend(messages[:room])
            self._change.notify()
        return messages[room:]

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Tell all workers to stop these; they learn it from the API server, too."""
        with self._change:
            unwanted = set(attempts)
            self._waiting = deque(m for m in self._waiting if m.attempt_id not in unwanted)
            self._cancels.extend(attempts)
            self._change.notify()

    @property
    def trouble(self) -> str | None:
        """Return why the broker cannot be reached; None when it can."""
        return self._trouble

    def waiting(self) -> set[AttemptId]:
        """Return the attempts whose messages the broker has not taken."""
        with self._change:
            return {message.attempt_id for message in self._waiting}

    # ---- the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        pause_s, idle_s = _FIRST_PAUSE_S, 0.0
        while self._await_work(idle_s):
            try:
                self._connection.open()
                self._recovered()
                if not self._deliver():
                    self._connection.check()
                pause_s, idle_s = _FIRST_PAUSE_S, self._check_s
            except BrokerError as error:
                self._connection.close()
                self._failed(str(error))
                with self._change:
                    self._change.wait_for(lambda: self._stopping, pause_s)
                pause_s, idle_s = min(pause_s * 2, _LONGEST_PAUSE_S), 0.0
                if self._stopping:
                    break
            except Exception:
                # A message that Celery cannot even make is this program's fault, and must not
                # keep the others.
                log.exception("a message could not be sent")
        self._connection.close()

    def _await_work(self, idle_s: float) -> bool:
        """Sleep until there is something to do or to check; False when told to stop and all went.

        Args:
            idle_s: after this many seconds without work the broker is checked.
        """
        with self._change:
            self._change.wait_for(lambda: self._stopping or self._waiting or self._cancels, idle_s)
            return not self._stopping or bool(self._waiting or self._cancels)

    def _deliver(self) -> bool:
        """Bring everything; tell whether there was anything."""
        some = False
        while True:
            with self._change:
                cancels = list(dict.fromkeys(self._cancels))
                self._cancels.clear()
                message = self._waiting.popleft() if self._waiting else None
            if cancels:
                self._connection.cancel(cancels)
            if message is None:
                return some or bool(cancels)
            some = True
            self._connection.publish(
                RUN,
                message.attempt_id,
                {TOKEN: message.claim_token},
                queue=message.queue,
                priority=message.priority,
            )

    def _recovered(self) -> None:
        if self._trouble is not None:
            log.info("the broker %s is back", self._shown)
            self._trouble = None
            self._wake()

    def _failed(self, reason: str) -> None:
        if self._trouble is None:
            log.warning(
                "the broker %s cannot be reached: %s; tasks wait, trying again",
                self._shown,
                reason,
            )
        self._trouble = reason
        self._wake()
