"""Files that somebody wants parsed again although they did not change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from tradewind.errors import Unavailable
from tradewind.processor.area import Area
from tradewind.processor.imports import Imports
from tradewind.store import parse_requests
from tradewind.store.connect import Database


def queue_requested(db: Database, areas: Sequence[Area], imports: Imports) -> None:
    """Queue what was asked for. What is no DAG file any more is forgotten."""
    with suppress(Unavailable):
        wanted = set(parse_requests.take(db))
        for area in areas if wanted else ():
            named = [f for f in area.scan.dag_files() if area.name(f) in wanted]
            imports.enqueue(area, sorted(named), urgent=True)
