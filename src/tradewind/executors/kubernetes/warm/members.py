"""What a pool keeps of each of its pods."""

from __future__ import annotations

import msgspec

from tradewind.executors.kubernetes.ledger import Keep
from tradewind.executors.kubernetes.outbox import Place
from tradewind.kube.pods import Verdict
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Launch


class Lease(msgspec.Struct):
    """A pod is for this attempt.

    launch: None when a scheduler before gave the ticket. since: when it began to wait, in monotonic
    seconds. stopped: its end is asked for.
    """

    attempt_id: AttemptId
    launch: Launch | None
    since: float
    stopped: bool = False


class Member(msgspec.Struct):
    """A warm pod.

    since: when it was made or first seen, in monotonic seconds; born_at: when its program started.
    current: it is as today's settings want it. heard: it has said how it stands and can be told.
    ending: it takes no more. over: it has ended. deleting: it is being deleted; by_us:
    because we ask for it.
    strikes: looks in a row at which nobody believed in its attempt, or at it when it is over.
    address: the pod's own. dag_file: of its latest attempt, which is imported there.
    """

    place: Place
    since: float
    uid: str = ""
    created_at_tick: int = -1
    current: bool = True
    verdict: Verdict | None = None
    address: str = ""
    heard: bool = False
    ending: bool = False
    over: bool = False
    deleting: bool = False
    by_us: bool = False
    lease: Lease | None = None
    served: int = 0
    born_at: float = 0.0
    strikes: int = 0
    dag_file: str = ""

    @property
    def free(self) -> bool:
        """Tell whether it takes an attempt now."""
        usable = self.heard and self.current
        return usable and self.lease is None and not (self.ending or self.over or self.deleting)

    def stays(self, keep: Keep) -> bool:
        """Tell whether it stays after its end."""
        well = self.verdict is not None and self.verdict.exit_code == 0
        return keep.succeeded if well else keep.failed
