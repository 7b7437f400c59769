"""The runtime while a DAG file is imported without a server: variables and connections only."""

from __future__ import annotations

from typing import Any

from tradewind.errors import Unavailable
from tradewind.testing.store import MemoryStore
from tradewind.wire.messages import Call


class ParseRuntime:
    """Answer what a DAG file reads at its top level.

    Args:
        store: has the variables and connections.
    """

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def call(self, call: Call) -> dict[str, Any]:
        """Answer a call; see `tradewind.sdk.runtime.Runtime`."""
        reply = self._store.secret(call)
        if reply is None:
            raise Unavailable(f"{type(call).__name__}: it works while a task runs, not before")
        return reply

    def mask(self, secret: str) -> None:
        """Do nothing: `masking` itself remembers it in this process."""
