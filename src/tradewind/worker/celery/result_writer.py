"""The thread in which results are written, where the backend takes many together.

A result is evidence that nothing depends on. So nothing waits for it to be written: neither the
next task, nor Celery's books. While the backend is away some are kept, and those beyond dropped.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

log = logging.getLogger(__name__)

MOST = 2000
"""Results that may wait to be written."""
_BATCH = 200
"""Most results of one transaction."""
LAST_WORDS_S = 5.0
"""At the end what waits has this long to be written."""


class ResultWriter:
    """Write results, those that wait at the same moment together."""

    def __init__(self, app: Any) -> None:
        """Make a writer that is not started; app: Celery's, with a backend that has `write`."""
        self._app = app
        self._rows: deque[dict[str, Any]] = deque()
        self._change = threading.Condition()
        self._stopping = False
        self._away = False
        self._thread = threading.Thread(target=self._run, name="result-writer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End when everything is written, or has had its time."""
        with self._change:
            self._stopping = True
            self._change.notify()
        self._thread.join(LAST_WORDS_S)

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Take results; the oldest are dropped when too many wait."""
        with self._change:
            self._rows.extend(rows)
            while len(self._rows) > MOST:
                self._rows.popleft()
            self._change.notify()

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._rows or self._stopping)
                if not self._rows:
                    return
                count = min(_BATCH, len(self._rows))
                batch = [self._rows.popleft() for _ in range(count)]
            self._write(batch)

    def _write(self, batch: Sequence[dict[str, Any]]) -> None:
        try:
            self._app.backend.write(batch)
        except Exception as error:  # noqa: BLE001  of whatever kind: it is evidence only
            if not self._away:
                log.warning("results are not written: %s", error)
            self._away = True
        else:
            if self._away:
                log.info("results are written again")
            self._away = False
