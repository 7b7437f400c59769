"""The tables of what programs keep between runs: by task instance, and by asset.

A part of the schema in `tables`, to which the same rules apply.
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from tradewind.store.column_types import JsonText, Key, UtcTime
from tradewind.store.schema import metadata

task_state = Table(
    "task_state",
    metadata,
    Column("run_pk", Key, primary_key=True, autoincrement=False),
    Column("task_id", Text, primary_key=True),
    Column("map_index", Integer, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", JsonText),
    Column("expires_at", UtcTime),
    Column("updated_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

asset_state = Table(
    "asset_state",
    metadata,
    Column("asset_id", Key, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("value", JsonText),
    Column("expires_at", UtcTime),
    Column("updated_at", UtcTime, nullable=False),
    Column("updated_by", JsonText),
    sqlite_with_rowid=False,
)
