"""An executor whose workers are elsewhere: it sends tickets to a socket, and knows nothing more."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Self

import msgspec

from tradewind.config import Config
from tradewind.executors.base import Fact, Refused, Wake
from tradewind.executors.local import Supervisors
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Launch
from tradewind.wire.remote import Ticket

NAME = "tests.acceptance.far_executor:build"
VARIABLE = "FAR_SOCKET"


class FarExecutor:
    """Send tickets into the dark."""

    def __enter__(self) -> Self:
        """Open the socket."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        return self

    def __exit__(self, *exc: object) -> None:
        """Close it."""
        self._socket.close()

    def submit(self, launches: Sequence[Launch]) -> Sequence[Refused]:
        """Send tickets; whether they arrive is not known."""
        for launch in launches:
            ticket = Ticket(attempt_id=launch.attempt_id, claim_token=launch.claim_token)
            self._socket.sendto(msgspec.json.encode(ticket), os.environ[VARIABLE])
        return ()

    def reconcile(self, believed: AbstractSet[AttemptId] | None) -> Sequence[Fact]:
        """Know nothing."""
        del believed
        return ()

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Leave it to the beat."""

    def troubles(self) -> dict[str, str]:
        """Know nothing."""
        return {}


def build(config: Config, supervisors: Supervisors, wake: Wake) -> FarExecutor:
    """Return the executor."""
    del config, supervisors, wake
    return FarExecutor()
