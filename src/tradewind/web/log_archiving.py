"""Copy the logs of attempts that are over to object storage; on request delete them here.

A thread of each web server, for that is where logs of remote workers arrive and where they are
read. It goes through the log folder time and again and compares each file with its marker
(`wire.log_archive`), so it needs no memory of its own: whatever was killed or refused is seen at
the next look, by whichever server looks. A look that takes long is followed by a longer pause.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

from tradewind.clock import Clock
from tradewind.errors import TradewindError, Unavailable
from tradewind.store.connect import Database
from tradewind.store.read.live_logs import LiveLog, live_logs
from tradewind.web.site import Site
from tradewind.wire import logs
from tradewind.wire.log_archive import LogArchive

log = logging.getLogger(__name__)

LOOK_S = 10.0
"""Pause between two looks."""
_SHARE = 20
"""A look of one second is followed by a pause of at least so many."""
QUIET_S = 5.0
"""A log is complete when its attempt is over and nothing was added for this long: the last lines of
a remote worker may come after its outcome."""
DELETE_AFTER_S = 600.0
"""A log that has been quiet for this long may be deleted here when the storage has it."""
_LEFT_BEHIND_S = 3600.0
_MOST_FAILURES = 3
"""A storage that refuses this often in one look is left alone until the next."""
_STOP_S = 5.0


class LogArchiving:
    """A thread that looks, and pauses."""

    def __init__(
        self, archive: LogArchive, db: Database, root: Path, clock: Clock, *, delete: bool
    ) -> None:
        """Make one that does not run yet.

        Args:
            archive: the storage.
            db: tells which attempts are over.
            root: the local folder of logs.
            clock: the clock.
            delete: delete local files that the storage has.
        """
        self._archive = archive
        self._db = db
        self._root = root
        self._clock = clock
        self._delete = delete
        self._told: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-archiving", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the file that is being copied."""
        self._stop.set()
        self._thread.join(_STOP_S)

    def look(self) -> None:
        """Go through the folder once; copy and delete what is to be.

        Raises:
            Unavailable: the database cannot be reached.
        """
        growing = {self._path(live) for live in live_logs(self._db)}
        failures = 0
        for path, found in logs.every_file(self._root):
            if self._stop.is_set() or failures >= _MOST_FAILURES:
                return
            quiet_s = self._clock.now().timestamp() - found.st_mtime
            if not logs.is_segment(path.name):
                self._tidy(path, quiet_s)
            elif path not in growing and quiet_s >= QUIET_S:
                failures += not self._settled(path, found.st_size, quiet_s)

    def _settled(self, path: Path, size: int, quiet_s: float) -> bool:
        """Copy or delete a file; False when the storage cannot be used."""
        try:
            known = self._archive.kept(path)
            if known is None or known.size != size:
                self._archive.keep(path)
            elif self._delete and quiet_s >= DELETE_AFTER_S and not self._archive.let_go(path):
                self._archive.forget(path)
        except Unavailable as error:
            self._tell(str(error))
            return False
        except OSError as error:
            log.warning("the log %s cannot be copied: %s", path, error)
            return True
        self._tell(None)
        return True

    def _tidy(self, path: Path, quiet_s: float) -> None:
        if path.name.endswith(logs.FETCHING) and quiet_s >= _LEFT_BEHIND_S:
            logs.remove(self._root, path)

    def _tell(self, trouble: str | None) -> None:
        if trouble is not None and self._told is None:
            log.warning("%s; logs stay here, trying again", trouble)
        elif trouble is None and self._told is not None:
            log.info("the log storage %s can be used again", self._archive.storage.url)
        self._told = trouble

    def _path(self, live: LiveLog) -> Path:
        folder = logs.instance_folder(
            self._root, live.dag_id, live.run_id, live.task_id, live.map_index
        )
        if live.callback_id is not None:
            return logs.callback_path(folder, live.try_number, live.callback_id)
        return logs.segment_path(folder, live.try_number, live.fence or 0)

    def _run(self) -> None:
        pause_s = 0.0
        while not self._stop.wait(pause_s):
            began = self._clock.monotonic()
            try:
                self.look()
            except TradewindError as error:
                log.warning("logs cannot be copied now: %s; trying again", error)
            except Exception:
                log.exception("logs cannot be copied")
            pause_s = max(LOOK_S, _SHARE * (self._clock.monotonic() - began))


def archiving_of(site: Site) -> LogArchiving | None:
    """Return what copies this server's logs; None when they stay where they are.

    Raises:
        ConfigError: the storage is switched on and cannot be used.
    """
    archive, settings = site.log_archive, site.config.logging
    if archive is None:
        return None
    return LogArchiving(
        archive, site.db, settings.base_log_folder, site.clock, delete=settings.delete_local_logs
    )


@contextlib.contextmanager
def copied_logs(site: Site) -> Iterator[None]:
    """Copy this server's logs meanwhile, where that is configured.

    Raises:
        ConfigError: the storage is switched on and cannot be used.
    """
    archiving = archiving_of(site)
    if archiving is None:
        yield
        return
    archiving.start()
    try:
        yield
    finally:
        archiving.stop()
