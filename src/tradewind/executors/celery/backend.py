"""Celery's result backend in a database, written in batches over one connection.

Celery's own reads a row, writes it and commits for each result, on a connection made anew. A
worker's results come from one thread, so that those which wait at the same moment can be one
statement and one commit. The tables, and what is in them, are Celery's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from celery import states
from celery.backends.database import DatabaseBackend
from sqlalchemy.dialects.postgresql import Insert, insert

Row = dict[str, Any]
"""Columns of `celery_taskmeta`."""
NAME = "tradewind.executors.celery.backend:BatchingDatabaseBackend"


class BatchingDatabaseBackend(DatabaseBackend):  # type: ignore[misc]  # Celery ships no types
    """Celery's database backend; batches are for PostgreSQL."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What Celery does in a forked process: keep connections in a pool.
        self.session_manager.forked = True
        self._batch: list[Row] | None = None

    def collect(self) -> None:
        """Keep what is stored from here on until `collected`; of the calling thread's backend."""
        if self.url.startswith("postgresql"):
            self._batch = []

    def collected(self) -> list[Row]:
        """Return what was kept since `collect`, as `write` takes it."""
        rows, self._batch = self._batch, None
        return rows or []

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows in one transaction. A success is never replaced."""
        # Of two results of one task in a batch, the first that is a success counts, else the last.
        latest: dict[str, Row] = {}
        for row in rows:
            known = latest.get(row["task_id"])
            if known is None or known["status"] != states.SUCCESS:
                latest[row["task_id"]] = row
        session = self.ResultSession()
        try:
            # One row in the statement, however many there are: it is compiled once.
            session.connection().execute(self._put, list(latest.values()))
            session.commit()
        finally:
            session.close()

    @cached_property
    def _put(self) -> Insert:
        table = self.task_cls.__table__
        statement = insert(table)
        return statement.on_conflict_do_update(
            index_elements=["task_id"],
            set_={
                name: statement.excluded[name]
                for name in ("status", "result", "date_done", "traceback")
            },
            where=table.c.status != states.SUCCESS,
        )

    def _store_result(
        self,
        task_id: str,
        result: Any,
        state: str,
        traceback: str | None = None,
        request: Any = None,
        **kwargs: Any,
    ) -> Any:
        if self._batch is None:
            return super()._store_result(
                task_id, result, state, traceback=traceback, request=request, **kwargs
            )
        encoded = self.encode(result)
        self._batch.append(
            {
                "task_id": task_id,
                "status": state,
                "result": encoded.encode() if isinstance(encoded, str) else encoded,
                "traceback": traceback,
                "date_done": datetime.now(UTC).replace(tzinfo=None),  # noqa: TID251  Celery's
            }
        )
        return None
