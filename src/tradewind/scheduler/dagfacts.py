"""What the leader remembers of each DAG's latest publication: the code that is live now."""

from __future__ import annotations

from tradewind.store.connect import Database
from tradewind.store.read import scheduling


class DagFacts:
    """The source hash that each DAG's file has in the DAG folder now."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.sources: dict[str, str] = {}

    def load(self) -> None:
        """Read all: at a take-over."""
        self.sources.clear()
        self.sources.update(scheduling.live_sources(self._db))

    def refresh(self, dag_id: str) -> None:
        """Read one DAG's again: it was published."""
        found = scheduling.live_sources(self._db, dag_id)
        self.sources.pop(dag_id, None)
        self.sources.update(found)
