"""Assets and their events."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from tradewind.store import tables
from tradewind.store.turn import AssetEventWrite


def insert_event(conn: Connection, event: AssetEventWrite) -> int:
    """Add an event, making the asset's row when it is new, and return its id."""
    table = tables.asset_event
    source = event.source
    event_id = conn.execute(
        insert(table)
        .values(
            asset_id=ensure_asset(conn, event.name, event.uri),
            at=event.at,
            extra=event.extra,
            alias=event.alias,
            source_run_pk=source.run_pk if source else None,
            source_dag_id=event.source_dag_id,
            source_run_id=event.source_run_id,
            source_task_id=source.task_id if source else None,
            source_map_index=source.map_index if source else None,
        )
        .returning(table.c.event_id)
    ).scalar_one()
    return int(event_id)


def ensure_asset(conn: Connection, name: str, uri: str, group: str = "asset") -> int:
    """Return the key of an asset, making its row when it is new."""
    table = tables.asset
    found = conn.execute(
        select(table.c.asset_id).where(table.c.name == name, table.c.uri == uri)
    ).scalar_one_or_none()
    if found is None:
        found = conn.execute(
            insert(table).values(name=name, uri=uri, asset_group=group).returning(table.c.asset_id)
        ).scalar_one()
    return int(found)
