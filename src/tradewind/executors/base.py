"""The executor seam: how a task gets a process somewhere.

An executor reports facts (started, exited, gone, and why); it never names a task's state.
It lives in the scheduler's process, is built with a `wake` callable that it calls from any
thread when facts are waiting, and is a context manager for start and stop. Its capacity is
configuration, an input of admission.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol, Self

import msgspec

from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Launch

Wake = Callable[[], None]


class Refused(msgspec.Struct, frozen=True):
    """The executor cannot take this launch now, or ever (permanent), and why.

    An answer of `submit`, or a fact when it shows later.
    """

    attempt_id: AttemptId
    reason: str
    permanent: bool = False


class Gone(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Fact: the attempt is not running and will not start: its process, pod or message ended.

    Ignored when the attempt reported its own outcome first.
    before_start: the executor knows that no user code ran.
    """

    attempt_id: AttemptId
    reason: str
    before_start: bool = False
    exit_code: int | None = None
    exit_signal: int | None = None


class Pending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Fact: the attempt waits outside for a reason worth showing: image pull, no free node.

    in_turn: it waits as it should (others are before it, the broker is away), so the queue's
        time-out counts from now.
    """

    attempt_id: AttemptId
    reason: str
    in_turn: bool = False


Fact = Gone | Pending | Refused


class Executor(Protocol):
    """Run launches somewhere. Every method is quick; slow work is done behind it."""

    def submit(self, launches: Sequence[Launch]) -> Sequence[Refused]:
        """Start these; a repeated attempt id is the same launch and starts nothing new."""
        ...

    def reconcile(self, believed: AbstractSet[AttemptId] | None) -> Sequence[Fact]:
        """Return facts.

        Args:
            believed: None asks for what changed since the last call (cheap, at every wake); a
                set asks for the full level-triggered check of these attempts.
        """
        ...

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Stop these if they run. Unknown ids are ignored."""
        ...

    def troubles(self) -> Mapping[str, str]:
        """Return what keeps it from its work now, and why, by place; empty when all is well.

        A place is a broker's address, a namespace, a host. Health checks show both to anybody, so
        neither may hold credentials.
        """
        ...

    def __enter__(self) -> Self:
        """Start."""
        ...

    def __exit__(self, *exc: object) -> None:
        """Stop submitting; what runs goes on."""
        ...
