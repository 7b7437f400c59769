"""Hear that something changed in the DAG folders, from the kernel's inotify.

One descriptor that the processor's selector waits for: no thread, and nothing to do while
nothing changes. Events are hints, never facts: after each the processor lists the folder, and
now and then also without one, because a watch ends when its folder is replaced (`is_current`),
and some network file systems have no events at all. For the same reason a folder that appears
needs no care: it is watched before it is listed.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from tradewind import kernel
from tradewind.processor.folder import MAX_DEPTH, is_skipped_folder

log = logging.getLogger(__name__)

_NOISE = (".pyc", ".swp", "~")


class Watcher:
    """Watch folders and all that is in them, until closed."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._identities = _identities(folders)
        self._inotify = kernel.open_inotify()
        self._paths: dict[int, str] = {}
        """Folder by the kernel's number for its watch. One that is reached by several ways has
        the name by which it was found last: events are hints."""
        self._is_whole = True

    def start(self) -> None:
        """Begin to watch."""
        for folder in self._folders:
            self._add(str(folder))

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when something changed."""
        return self._inotify

    def take(self) -> set[str]:
        """Return the absolute paths that changed since the last call."""
        changed: set[str] = set()
        for event in kernel.read_inotify(self._inotify):
            self._is_whole = self._is_whole and event.watch >= 0
            folder = self._paths.get(event.watch)
            if event.is_end:
                self._paths.pop(event.watch, None)
            if folder is None:
                continue
            path = f"{folder}/{event.name}" if event.name else folder
            if event.is_folder and event.name:
                if is_skipped_folder(event.name):
                    continue
                self._forget(path)
                self._add(path)
            if not path.endswith(_NOISE):
                changed.add(path)
        return changed

    def is_current(self) -> bool:
        """Tell whether all that is below the folders of these names is watched."""
        return self._is_whole and self._identities == _identities(self._folders)

    def close(self) -> None:
        """Stop watching."""
        os.close(self._inotify)

    def _add(self, root: str) -> None:
        """Watch a folder and those below it; nothing when it is gone, or is none."""
        pending = [(root, 0, frozenset[int]())]
        while pending:
            folder, depth, above = pending.pop()
            try:
                watch = kernel.watch(self._inotify, folder)
            except OSError as error:
                self._failed(folder, error)
                continue
            self._paths[watch] = folder
            if watch in above or depth >= MAX_DEPTH:
                continue  # a link to a folder around it would never end
            with contextlib.suppress(OSError), os.scandir(folder) as found:
                pending += [
                    (entry.path, depth + 1, above | {watch})
                    for entry in found
                    if not is_skipped_folder(entry.name) and entry.is_dir()
                ]

    def _forget(self, root: str) -> None:
        """Stop watching a folder of this name: it went elsewhere, or another took its place."""
        for watch, path in list(self._paths.items()):
            if path == root or path.startswith(root + "/"):
                del self._paths[watch]
                kernel.unwatch(self._inotify, watch)

    def _failed(self, folder: str, error: OSError) -> None:
        if error.errno != errno.ENOSPC or not self._is_whole:
            return  # gone again, or not ours to read: the listing does not see it either
        self._is_whole = False
        log.warning(
            "%s and more folders are listed now and then instead of watched: the kernel allows "
            "no more watches; raise fs.inotify.max_user_watches with sysctl",
            folder,
        )


def _identities(folders: Sequence[Path]) -> list[tuple[int, int] | None]:
    found: list[tuple[int, int] | None] = []
    for folder in folders:
        try:
            status = os.stat(folder)  # noqa: PTH116  follows the links, as the watch does
            found.append((status.st_dev, status.st_ino))
        except OSError:
            found.append(None)
    return found
