"""Hear that something changed in the DAG folders.

watchfiles waits for the kernel's events in a thread; what changed is handed over through a
descriptor that the processor's selector waits for. Events are hints, never facts: after each
the processor lists the folder, and now and then also without one, because a watch ends when its
folder is replaced (`is_current`), and some network file systems have no events at all.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

from watchfiles import Change, watch

log = logging.getLogger(__name__)

_STEP_MS = 50
"""Changes are gathered until there was none for this long …"""
_DEBOUNCE_MS = 150
"""… but not longer than this."""
_NOISE = ("__pycache__", ".git")


class Watcher:
    """Watch folders until closed."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [folder for folder in folders if folder.is_dir()]
        self._wanted = tuple(folders)
        self._identities = _identities(folders)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._changed: set[str] = set()
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)  # noqa: FBT003  the stdlib's signature
        self._theirs.setblocking(False)  # noqa: FBT003
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when something changed."""
        return self._ours.fileno()

    def take(self) -> set[str]:
        """Return the absolute paths that changed since the last call."""
        with contextlib.suppress(BlockingIOError):
            while self._ours.recv(4096):
                pass
        with self._lock:
            changed, self._changed = self._changed, set()
        return changed

    def is_current(self) -> bool:
        """Tell whether the folders that are watched are still the ones of these names."""
        return self._thread.is_alive() and self._identities == _identities(self._wanted)

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._ours.close()
        self._theirs.close()

    def _run(self) -> None:
        if not self._folders:
            self._stop.wait()
            return
        try:
            for changes in watch(
                *self._folders,
                watch_filter=_is_of_interest,
                debounce=_DEBOUNCE_MS,
                step=_STEP_MS,
                rust_timeout=0,
                stop_event=self._stop,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                with self._lock:
                    self._changed.update(path for _, path in changes)
                with contextlib.suppress(OSError):  # full: the other side has news already
                    self._theirs.send(b"!")
        except (OSError, RuntimeError) as error:
            # Most often the kernel's limit on watches; `is_current` has it tried again.
            log.warning("the DAG folder is listed now and then instead of watched: %s", error)


def _is_of_interest(_change: Change, path: str) -> bool:
    return not path.endswith((".pyc", ".swp", "~")) and not any(
        f"/{name}/" in path or path.endswith(f"/{name}") for name in _NOISE
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
