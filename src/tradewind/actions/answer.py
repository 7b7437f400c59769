"""Wait for the leader's answer to an inbox event."""

from __future__ import annotations

import select

from tradewind.clock import Clock
from tradewind.errors import UserError
from tradewind.store import inbox
from tradewind.store.connect import Database
from tradewind.store.turn import InboxDone

ANSWER_S = 2.0
"""A leader answers in milliseconds; without one, the plan is the answer."""

_FIRST_PAUSE_S = 0.002
_LONGEST_PAUSE_S = 0.05


def await_answer(db: Database, clock: Clock, seq: int, wait_s: float) -> InboxDone | None:
    """Return the leader's answer, or None when there is none in time.

    Raises:
        UserError: the leader could not do it; the message says why.
    """
    deadline, pause_s = clock.monotonic() + wait_s, _FIRST_PAUSE_S
    while True:
        done = inbox.answer(db, seq)
        if done is not None:
            if done.error:
                raise UserError(done.error)
            return done
        left_s = deadline - clock.monotonic()
        if left_s <= 0:
            return None
        select.select([], [], [], min(pause_s, left_s))
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
