"""Show triggerers among the running parts: they have no database to announce themselves."""

from __future__ import annotations

from datetime import datetime

from tradewind.store import components
from tradewind.store.connect import Database
from tradewind.wire.messages import Hello


class Presence:
    """The triggerers that are connected, as health checks see them."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._components: dict[str, str] = {}

    def clear(self) -> None:
        """Forget all: at a take-over. They will connect to this scheduler."""
        self._components.clear()

    def connected(self, hello: Hello, now: datetime) -> None:
        """Show a triggerer."""
        self._components[hello.peer_id] = components.register(
            self._db, "triggerer", now, host=hello.host, pid=hello.pid
        )

    def disconnected(self, peer_id: str, now: datetime) -> None:
        """Show that a triggerer is gone."""
        component_id = self._components.pop(peer_id, None)
        if component_id is not None:
            components.stop(self._db, component_id, now)

    def beat(self, speaking: list[str], now: datetime) -> None:
        """Pass on the signs of life of triggerers that speak."""
        for peer_id in speaking:
            component_id = self._components.get(peer_id)
            if component_id is not None:
                components.beat(self._db, component_id, now)
