"""Finished logs in object storage: copied there, and brought back when somebody reads.

A log is written to a local disk first, whole and masked; this is where it stays when that disk or
its machine is gone. An object's name is the file's path below the log folder.

Nothing is lost whatever is killed when. Beside each local file stands a marker with how much of it
the storage has; it is written after the copy. A file without a marker whose object exists is one
whose copier died, or lines that came when the file had been deleted: if the one begins with the
other, the longer one counts, else the lines are added to what is there. Lines may so be there
twice, as with the workers' own sending (`web.workers.log_intake`), and none is missing.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import logging
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from tradewind.clock import Clock
from tradewind.config import Config
from tradewind.errors import ConfigError, Unavailable
from tradewind.wire import logs
from tradewind.wire.object_storage import PIECE, ObjectStorage, pieces_of

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 10.0
"""Readers that come time and again do not make the storage list a folder each time."""
_MOST_REMEMBERED = 10_000


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """What the storage has: first so many bytes that are not of the local file, then of the file.

    before, size: bytes.
    """

    before: int
    size: int


class LogArchive:
    """The logs of one log folder, in object storage."""

    def __init__(self, root: Path, storage: ObjectStorage, clock: Clock) -> None:
        """Put the two together.

        Args:
            root: the local folder of logs.
            storage: where they are copied.
            clock: the clock.
        """
        self._root = root
        self._clock = clock
        self._looked: dict[tuple[Path, int | None], float] = {}
        self.storage = storage

    # ---- to the storage -------------------------------------------------------------------

    def kept(self, segment: Path) -> Kept | None:
        """Return what is known to be in the storage of a local file; None: nothing is known."""
        try:
            fd = logs.open_to_read(self._root, _beside(segment, "archived"))
        except OSError:
            return None
        try:
            return msgspec.json.decode(os.read(fd, 64), type=Kept)
        except msgspec.MsgspecError:
            return None
        finally:
            os.close(fd)

    def keep(self, segment: Path) -> None:
        """Copy a local file to the storage.

        Raises:
            OSError: the local file cannot be read.
            Unavailable: the storage cannot be used; try again later.
        """
        known, address = self.kept(segment), self._address(segment)
        with os.fdopen(logs.open_to_read(self._root, segment), "rb") as source:
            size = os.fstat(source.fileno()).st_size
            with self.storage.using():
                there = self.storage.size(address)
                if known is not None and there == known.before + known.size:
                    before = known.before
                else:
                    before = self._foreign(address, source, there)
                if before + size > there:
                    # An object cannot be read while it is written anew.
                    head = self._head(address, before)
                    source.seek(0)
                    whole = itertools.chain(head, pieces_of(source, size))
                    self.storage.write(address, whole, precious=before > 0)
        self._note(segment, Kept(before, size))

    def let_go(self, segment: Path) -> bool:
        """Delete a local file of which the storage has all; tell whether it was deleted.

        Raises:
            OSError: the disk says no.
            Unavailable: the storage does not say what it has.
        """
        # Whoever takes lines from workers holds this lock while adding them. What a worker of this
        # machine or the scheduler adds to a log that has ended is long past.
        counter = logs.open_beside(self._root, segment, _beside(segment, "received").name)
        try:
            fcntl.flock(counter, fcntl.LOCK_EX)
            if not self._has(segment):
                return False
            for path in (segment, _beside(segment, "archived"), _beside(segment, "received")):
                logs.remove(self._root, path)
            return True
        finally:
            os.close(counter)

    def forget(self, segment: Path) -> None:
        """Know nothing any more of what the storage has of a file: it is compared, copied anew."""
        with contextlib.suppress(FileNotFoundError):
            logs.remove(self._root, _beside(segment, "archived"))

    # ---- from the storage -----------------------------------------------------------------

    def fetch(self, folder: Path, try_number: int | None = None) -> None:
        """Bring the logs of a task instance that are not on this disk back to it.

        Args:
            folder: the task instance's.
            try_number: only this try's; None: of all tries.

        Raises:
            Unavailable: the storage cannot be read, and there is nothing here either.
        """
        now = self._clock.monotonic()
        asked = (folder, try_number)
        if now - self._looked.get(asked, float("-inf")) < LOOK_AGAIN_S:
            return
        try:
            with self.storage.using():
                for segment, size in self._listed(folder, try_number):
                    self._bring(segment, size)
        except Unavailable as error:
            if not logs.segments(folder, try_number):
                raise
            log.warning("only the logs of this disk are shown: %s", error)
            return
        if len(self._looked) >= _MOST_REMEMBERED:
            self._looked.clear()
        self._looked[asked] = now

    def _listed(self, folder: Path, try_number: int | None) -> Iterator[tuple[Path, int]]:
        """Yield the segments in the storage, by what they are called here, and their sizes."""
        tries = [f"attempt={try_number}"]
        if try_number is None:
            found = self.storage.names(self._address(folder))
            tries = [name for name, _ in found if name.startswith("attempt=")]
        for attempt in tries:
            for name, size in self.storage.names(self._address(folder / attempt)):
                if logs.is_segment(name):
                    yield folder / attempt / name, size

    def _bring(self, segment: Path, size: int) -> None:
        try:
            here = logs.size(self._root, segment)
        except FileNotFoundError:
            pass
        else:
            # A file that is here stays, unless all of it is there, and more.
            if self.kept(segment) != Kept(0, here) or size <= here or not self._has(segment):
                return
        name = f".{segment.stem}.{uuid.uuid4().hex}{logs.FETCHING}"
        with os.fdopen(logs.open_beside(self._root, segment, name), "wb") as target:
            with self.storage.open(self._address(segment)) as source:
                while piece := source.read(PIECE):
                    target.write(piece)
            brought = target.tell()
        self._note(segment, Kept(0, brought))
        logs.put_in_place(self._root, segment, name)

    # ---- comparing ------------------------------------------------------------------------

    def _foreign(self, address: str, source: IO[bytes], there: int) -> int:
        """Return how many bytes of an object are not of this file, of which nothing is known."""
        if there == 0:
            return 0
        with self.storage.open(address) as target:
            while (theirs := target.read(PIECE)) and (ours := source.read(len(theirs))):
                common = min(len(theirs), len(ours))
                if theirs[:common] != ours[:common]:
                    return there
        return 0

    def _head(self, address: str, size: int) -> list[bytes]:
        if size == 0:
            return []
        with self.storage.open(address) as target:
            return list(pieces_of(target, size))

    def _has(self, segment: Path) -> bool:
        """Tell whether the storage really has what is here: read it, for this is going away."""
        address, kept = self._address(segment), self.kept(segment)
        with (
            os.fdopen(logs.open_to_read(self._root, segment), "rb") as source,
            self.storage.using(),
        ):
            size = os.fstat(source.fileno()).st_size
            if kept is None or kept.size != size:
                return False
            if self.storage.size(address) < kept.before + size:
                return False
            with self.storage.open(address) as target:
                target.seek(kept.before)
                return all(piece == target.read(len(piece)) for piece in pieces_of(source, size))

    def _address(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _note(self, segment: Path, kept: Kept) -> None:
        fd = logs.open_beside(self._root, segment, _beside(segment, "archived").name)
        try:
            os.pwrite(fd, msgspec.json.encode(kept).ljust(48), 0)
        finally:
            os.close(fd)


def open_archive(config: Config, clock: Clock) -> LogArchive | None:
    """Return the configured storage of logs; None when there is none.

    Raises:
        ConfigError: it is switched on and cannot be used.
    """
    settings = config.logging
    if not settings.remote_logging:
        return None
    if not settings.remote_base_log_folder:
        raise ConfigError(
            "logging.remote_logging is on, but logging.remote_base_log_folder is empty; "
            "set it to a URL such as s3://bucket/logs"
        )
    try:
        storage = ObjectStorage(settings.remote_base_log_folder)
    except ConfigError as error:
        raise ConfigError(f"logging.remote_base_log_folder: {error}") from error
    return LogArchive(settings.base_log_folder, storage, clock)


def _beside(segment: Path, what: str) -> Path:
    return segment.with_name(f".{segment.stem}.{what}")
