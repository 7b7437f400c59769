"""What an attempt says of assets, as the events that are written when it succeeds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tradewind.model.ids import TiKey
from tradewind.model.run import Run
from tradewind.store.turn import AssetEventWrite
from tradewind.wire.messages import AssetEventOut


def writes_of(
    events: Iterable[AssetEventOut], ti: TiKey, run: Run, at: datetime
) -> tuple[AssetEventWrite, ...]:
    """Return the events of a task instance's attempt, with their source and time."""
    return tuple(
        AssetEventWrite(
            name=event.name,
            uri=event.uri,
            at=at,
            extra=event.extra,
            source=ti,
            source_dag_id=run.dag_id,
            source_run_id=run.run_id,
            alias=event.alias,
        )
        for event in events
    )
