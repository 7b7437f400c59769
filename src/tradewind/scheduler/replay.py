"""What a turn is given after turns were refused: all of it again, then one thing at a time.

Theory of operation. A refused turn changed nothing, so that what it was given can be given
again, and mostly that is all there is to do: a row had changed meanwhile, and memory has been
read anew. But what a message says may be what no turn can hold (a value that the database does
not take, a fault of ours). After a few refusals in a row each turn is given a single message or
a single inbox event. What is refused alone, again and again, is set aside with an error for
whoever sent it and in the log, and everything else goes on.

Of an outcome that cannot be recorded the task fails: its attempt has ended, after all.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from tradewind.model.outcome import Failed
from tradewind.scheduler.channel import Message
from tradewind.store.callbacks import PREFIX as CALLBACK
from tradewind.store.turn import InboxDone, InboxEvent
from tradewind.wire.messages import Finish, Reply, Request, ToServer, TriggerFinish

log = logging.getLogger(__name__)

TRIES = 3
"""Refusals in a row after which things are tried one at a time, or one thing is set aside."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn is given. inbox: how many events of the inbox it may take at most."""

    messages: list[Message]
    inbox: int


class Replay:
    """Messages on their way into turns."""

    def __init__(self, inbox_batch: int) -> None:
        self._inbox_batch = inbox_batch
        self._waiting: deque[Message] = deque()
        self._refusals = 0
        self._singly = 0
        self._hopeless: dict[int, str] = {}
        self._stripped: set[str] = set()

    def forget(self) -> None:
        """Start anew: at a take-over, after which workers repeat what was not answered."""
        self._waiting.clear()
        self._refusals = self._singly = 0
        self._hopeless.clear()
        self._stripped.clear()

    @property
    def pending(self) -> bool:
        """Tell whether the next turn has something to do."""
        return bool(self._waiting or self._refusals or self._singly)

    def next(self, arrived: Iterable[Message]) -> Batch:
        """Return what the next turn is given.

        Args:
            arrived: the messages that have come since the last turn.
        """
        self._waiting.extend(arrived)
        if not self._singly:
            messages = list(self._waiting)
            self._waiting.clear()
            return Batch(messages=messages, inbox=self._inbox_batch)
        if self._waiting:
            return Batch(messages=[self._waiting.popleft()], inbox=0)
        return Batch(messages=[], inbox=1)

    def hopeless(self, events: Iterable[InboxEvent]) -> list[InboxDone]:
        """Return the answers to those of these events that no turn can hold."""
        return [
            InboxDone(seq=e.seq, error=self._hopeless[e.seq])
            for e in events
            if e.seq in self._hopeless
        ]

    def accepted(self) -> None:
        """Go on: a turn was committed."""
        self._refusals = 0
        self._singly = max(0, self._singly - 1)

    def refused(
        self, batch: Batch, events: Sequence[InboxEvent], error: Exception
    ) -> tuple[str, Reply] | None:
        """Give it again, or set it aside.

        Args:
            batch: what the refused turn was given.
            events: what it took from the inbox.
            error: why it was refused.

        Returns:
            an answer to whoever sent what was set aside, if there is one.

        Raises:
            Exception: the error, when it strikes although there is nothing to set aside.
        """
        self._waiting.extendleft(reversed(batch.messages))
        self._refusals += 1
        if self._refusals < TRIES:
            return None
        self._refusals = 0
        if not self._singly:
            # One more: whether a turn that is given nothing is refused, too.
            self._singly = len(self._waiting) + len(events) + 1
            return None
        if batch.messages:
            return self._set_aside(self._waiting.popleft(), error)
        new = [e for e in events if e.seq not in self._hopeless]
        if not new:
            raise error
        for event in new:
            log.error("inbox event %d (%s) is set aside: %s", event.seq, event.kind, _why(error))
            self._hopeless[event.seq] = f"the scheduler cannot do this: {_why(error)}"
        return None

    def _set_aside(self, message: Message, error: Exception) -> tuple[str, Reply] | None:
        body, why = message.body, _why(error)
        if body is None:
            log.error("that %s is gone is set aside: %s", message.peer_id, why)
            return None
        about = getattr(body, "attempt_id", "")
        log.error(
            "a %s of %s about %r is set aside: %s", type(body).__name__, message.peer_id, about, why
        )
        instead = _without_values(body, why)
        if instead is not None and about not in self._stripped:
            self._stripped.add(about)
            self._singly += 1
            self._waiting.appendleft(Message(message.peer_id, instead))
            return None
        refused = "invalid" if isinstance(body, Request) else "fenced"
        seq = getattr(body, "seq", None)
        if seq is None:
            return None
        return message.peer_id, Reply(seq=seq, error=refused, message=_cannot(why))


def _without_values(body: ToServer, why: str) -> ToServer | None:
    """Return a report without what may be the trouble in it; None for anything else."""
    if isinstance(body, Finish) and not body.attempt_id.startswith(CALLBACK):
        failed = body.outcome if isinstance(body.outcome, Failed) else Failed(error="")
        return Finish(
            seq=body.seq,
            attempt_id=body.attempt_id,
            nonce=body.nonce,
            outcome=msgspec.structs.replace(failed, error=_cannot(why)),
            exit_code=body.exit_code,
            exit_signal=body.exit_signal,
        )
    if isinstance(body, TriggerFinish):
        return msgspec.structs.replace(body, payload=None, error=_cannot(why))
    return None


def _cannot(why: str) -> str:
    return f"the scheduler cannot record this ({why}); its log has the details"


def _why(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return text or type(error).__name__
