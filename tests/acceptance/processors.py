"""A DAG processor that runs for a test, with its real fork server and children."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
from sqlalchemy import select as sql

from tradewind.clock import SystemClock
from tradewind.processor.loop import Processor
from tradewind.processor.service import parsing_environment
from tradewind.processor.settings import ProcessorSettings
from tradewind.store import tables
from tradewind.store.connect import Database, open_database
from tradewind.store.secrets import Secrets, new_key, open_secrets
from tradewind.store.signal import Signal

T = TypeVar("T")

_PATIENCE_S = 30.0


class RunningProcessor:
    """Run a processor in a thread; wait for what it publishes by its signal, not by sleeping."""

    def __init__(self, url: str, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.db: Database = open_database(url)
        self.secrets: Secrets = open_secrets(self.db, [new_key()], {})
        self._bell = Signal(self.db, listen=True)
        self._clock = SystemClock()
        self._stopping = False
        self._settings = msgspec.convert(
            {"dag_folders": [folder], "parse_timeout_s": 20.0, **settings},
            ProcessorSettings,
        )
        self._processor: Processor | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._bell.close()
        self.db.close()

    def start(self) -> None:
        self._stopping = False
        self._processor = Processor(
            self._settings,
            self.db,
            Signal(self.db),
            self._clock,
            self.secrets,
            parsing_environment(os.environ),
        )
        self._thread = threading.Thread(target=self._processor.run, args=[lambda: self._stopping])
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        if self._processor is not None and self._thread is not None:
            self._processor.wake()
            self._thread.join()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def wait_for(self, look: Callable[[], T], what: str) -> T:
        """Return the first true answer, looking whenever the processor rings."""
        deadline = self._clock.monotonic() + _PATIENCE_S
        while not (answer := look()):
            left = deadline - self._clock.monotonic()
            assert left > 0, f"waited in vain for {what}; errors: {self.errors()}"
            select.select([self._bell], [], [], min(left, 1.0))
            self._bell.drain()
        return answer

    def wait_for_dag(self, dag_id: str, **values: Any) -> dict[str, Any]:
        """Return a DAG's row once it has these values (by default: it is active)."""
        wanted = values or {"active": True}

        def look() -> dict[str, Any] | None:
            row = self.dag(dag_id)
            fits = row is not None and all(row[name] == value for name, value in wanted.items())
            return row if fits else None

        row = self.wait_for(look, f"DAG {dag_id} with {wanted}")
        assert row is not None
        return row

    def wait_for_error(self, dag_file: str, contains: str = "") -> str:
        """Return the import error of a file once it has one with this text."""

        def look() -> str:
            error = self.errors().get(dag_file, "")
            return error if contains in error else ""

        return self.wait_for(look, f"an import error of {dag_file} with {contains!r}")

    def wait_until_fine(self, dag_file: str) -> None:
        """Wait until a file has no import error."""
        self.wait_for(lambda: dag_file not in self.errors(), f"{dag_file} without error")

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        with self.db.read() as conn:
            row = conn.execute(sql(tables.dag).where(tables.dag.c.dag_id == dag_id)).mappings()
            found = row.first()
        return dict(found) if found is not None else None

    def errors(self) -> dict[str, str]:
        table = tables.dag_file
        with self.db.read() as conn:
            rows = conn.execute(
                sql(table.c.path, table.c.import_error).where(table.c.import_error.is_not(None))
            ).all()
        return {row.path: row.import_error for row in rows}

    def depends(self, dag_file: str) -> dict[str, Any]:
        table = tables.dag_file
        with self.db.read() as conn:
            found: dict[str, Any] = conn.execute(
                sql(table.c.depends).where(table.c.path == dag_file)
            ).scalar_one()
        return found
