"""Answer the calls of triggers: variables, connections, states of tasks and runs.

Triggers call synchronously, in the event loop or in a thread that they started; which trigger
calls is known by its context. A call in the loop holds all triggers up, so it gets less time.
"""

from __future__ import annotations

import threading
from typing import Any

from tradewind.errors import Unavailable
from tradewind.triggerer.link import Link
from tradewind.triggerer.running import current
from tradewind.wire.messages import Call, Mask, Request
from tradewind.wire.replies import raise_refusal

_IN_LOOP_S = 5.0
_IN_THREAD_S = 60.0


class TriggerRuntime:
    """The runtime of every trigger in this process."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def call(self, call: Call) -> dict[str, Any]:
        """Do a call for the trigger whose code this is; see `tradewind.sdk.runtime.Runtime`."""
        if isinstance(call, Mask):
            return {}
        trigger = current.get()
        if trigger is None:
            raise Unavailable(
                f"{type(call).__name__}: only the code of a trigger can ask this, not what is "
                "imported for it"
            )
        in_loop = threading.current_thread() is threading.main_thread()
        reply = self._link.request(
            Request(
                seq=self._link.next_seq(),
                attempt_id=trigger.attempt_id,
                nonce=trigger.nonce,
                call=call,
            ),
            _IN_LOOP_S if in_loop else _IN_THREAD_S,
        )
        raise_refusal(reply)
        return reply.body

    def mask(self, secret: str) -> None:
        """Do nothing: `sdk.masking` remembers it, and the log asks there."""
