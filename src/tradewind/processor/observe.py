"""See what importing a DAG file depends on. Runs in the child that imports it.

An audit hook (which cannot be taken out again, hence only in a child) sees every file that is
opened, every folder that is listed, every module that is looked for, every connection and
every program that is started. Reading the clock makes no audit event; the source of the files
that were read is searched for it instead (`clock_use`).

What the import machinery itself lists is not what the author lists: those listings do not
count, and modules that were not found are remembered by name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.machinery import FileFinder, SourceFileLoader
from importlib.util import source_from_cache
from pathlib import Path
from types import FrameType
from typing import Any

from tradewind.processor.clock_use import reads_clock
from tradewind.processor.protocol import Seen

_IMPORT_MACHINERY = "<frozen importlib"
_QUIET = (sys.prefix, sys.base_prefix, "/proc/", "/sys/", "/dev/", "/usr/share/", "/etc/")
"""Files below are part of the installation; they do not change while the processor runs."""

_PROGRAM_EVENTS = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"})
_NETWORK_EVENTS = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendto"})
_LISTING_EVENTS = frozenset({"os.listdir", "os.scandir"})
_FRESH_S = 2.0


class Observer:
    """Collects what an import depends on, from `start` to `seen`."""

    def __init__(self, folder: str) -> None:
        self._folders = tuple({folder.rstrip("/") + "/", os.path.realpath(folder) + "/"})
        self._files: set[str] = set()
        self._listed: set[str] = set()
        self._wanted: set[str] = set()
        self._unsteady: set[str] = set()
        self._on = False

    def start(self) -> None:
        """Begin to collect. There is no way back in this process."""
        sys.addaudithook(self._audit)
        self._on = True

    def stop(self) -> None:
        """Stop collecting."""
        self._on = False

    def seen(self, dag_path: str) -> Seen:
        """Return what was collected; `dag_path` is the file that was imported."""
        self.stop()
        files = {self._source(path) for path in self._files} | {dag_path}
        # Not all of `sys.modules`: to look at each is to copy the memory that it lies in.
        for name in self._wanted:
            path = getattr(sys.modules.get(name), "__file__", None)
            if isinstance(path, str) and path.startswith(self._folders):
                files.add(self._source(path))
        if any(reads_clock(path) for path in files if path.endswith(".py")):
            self._unsteady.add("clock")
        missing = {name for name in self._wanted if sys.modules.get(name) is None}
        return Seen(
            files=tuple(sorted(files)),
            listed=tuple(sorted(self._listed)),
            missing=tuple(sorted(missing)),
            unsteady=tuple(sorted(self._unsteady)),
        )

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event == "open":
            self._opened(args)
        elif event == "import":
            self._wanted.add(str(args[0]))
        elif event in _LISTING_EVENTS:
            self._listing(args)
        elif event in _NETWORK_EVENTS:
            self._unsteady.add("network")
        elif event in _PROGRAM_EVENTS:
            self._unsteady.add("program")

    def _opened(self, args: tuple[Any, ...]) -> None:
        path, mode, flags = args
        if isinstance(path, int) or path is None:
            return
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR) == os.O_WRONLY
        if writes or (isinstance(mode, str) and mode.startswith(("w", "a", "x"))):
            return
        absolute = _absolute(path)
        if absolute.startswith(self._folders):
            self._files.add(absolute)
        elif not absolute.startswith(_QUIET) and not _in_import():
            self._unsteady.add("outside")

    def _listing(self, args: tuple[Any, ...]) -> None:
        path = args[0] if args and args[0] is not None else "."
        if isinstance(path, int):
            return
        absolute = _absolute(path)
        if f"{absolute}/".startswith(self._folders) and not _in_import():
            self._listed.add(absolute)

    @staticmethod
    def _source(path: str) -> str:
        """Return the source of a cached bytecode file; other paths as they are."""
        if path.endswith(".pyc"):
            try:
                return source_from_cache(path)
            except ValueError:
                return path
        return path


def _absolute(path: str | bytes | os.PathLike[str]) -> str:
    # Not Path.resolve(): links stay as the author wrote them.
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100


def _in_import() -> bool:
    """Tell whether the audited call was made by Python's own import machinery."""
    frame: FrameType | None = sys._getframe(3)  # noqa: SLF001  there is no other way to the caller
    return frame is not None and frame.f_code.co_filename.startswith(_IMPORT_MACHINERY)


class FreshLoader(SourceFileLoader):
    """Import without the bytecode cache what changed in the last two seconds.

    Bytecode is matched to its source by whole seconds and size: two edits within a second that
    keep the size would import the older one. We are fast enough to meet that.
    """

    now: Callable[[], float]

    def path_stats(self, path: str | os.PathLike[str]) -> Any:
        """Return the source's stamp; refuse for fresh sources, which skips the cache."""
        stats = super().path_stats(os.fspath(path))
        if type(self).now() - stats["mtime"] < _FRESH_S:
            raise OSError("too fresh to be cached")
        return stats


def load_fresh_sources(folder: str, now: Callable[[], float]) -> None:
    """Make imports from below this folder see every edit."""
    FreshLoader.now = staticmethod(now)
    inside = str(Path(folder))

    def hook(path: str) -> FileFinder:
        is_inside = path == inside or path.startswith(inside + "/")
        if not is_inside or not Path(path).is_dir():  # zips have an importer of their own
            raise ImportError("not a folder in the DAG folder")
        return FileFinder(path, (FreshLoader, [".py"]))

    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.pop(inside, None)
