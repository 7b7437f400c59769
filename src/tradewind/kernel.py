"""The few Linux calls that Python has no function for, and what `/proc` says of processes.

Loaded before any fork, so that a forked child pays one C call each.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import stat
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36

NUMERIC_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that limit the threads which numeric libraries start when they load."""

OOM_SCORE_OF_ATTEMPTS = 500
"""When memory runs out the kernel shall choose an attempt, not what supervises it."""


def die_with_parent(parent_pid: int) -> None:
    """Be killed by the kernel when the parent dies; end now if it has died already."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(1)


def hide_memory() -> None:
    """Keep other processes of this user from reading this process's memory."""
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def set_name(name: str) -> None:
    """Name this process, and what it forks, in process lists. 15 characters count."""
    _libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def be_first_to_go() -> None:
    """Offer this process to the kernel when memory runs out."""
    # Not every container lets us.
    with contextlib.suppress(OSError):
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(fd, b"%d" % OOM_SCORE_OF_ATTEMPTS)
        finally:
            os.close(fd)


def reap() -> list[tuple[int, int]]:
    """Return the children that have ended, as (pid, status of waitpid); wait for none."""
    ended: list[tuple[int, int]] = []
    with contextlib.suppress(ChildProcessError):
        while (gone := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append(gone)
    return ended


def children() -> set[int]:
    """Return this process's children: adopted ones and zombies too.

    Of a process with one thread; a process with more would miss the other threads' children.
    """
    pid = os.getpid()
    try:
        fd = os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY)
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return _children_by_search(pid)
    text = b""
    try:
        while chunk := os.read(fd, 1 << 16):
            text += chunk
    finally:
        os.close(fd)
    return {int(p) for p in text.split()}


def has_children() -> bool:
    """Tell whether any thread of this process has a child, adopted ones and zombies too."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _children_by_search(parent: int) -> set[int]:
    found: set[int] = set()
    for name in os.listdir("/proc"):  # noqa: PTH208
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # The name in brackets may contain anything; what follows the last bracket may not.
            fields = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
            if int(fields[1]) == parent:
                found.add(int(name))
    return found


def processes_of(name: str, variable: str) -> set[int]:
    """Return processes that were forked from one with this name, or started by one such.

    Args:
        name: as given to `set_name`; a program that was started since has lost it.
        variable: "NAME=value" in the environment; only a program that was started has it.
    """
    found: set[int] = set()
    for pid in os.listdir("/proc"):  # noqa: PTH208
        if pid.isdigit():
            with contextlib.suppress(OSError):
                named = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == name
                if named or variable.encode() in _environment(pid):
                    found.add(int(pid))
    return found


def _environment(pid: str) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def thread_count() -> int:
    """Return how many threads this process has."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208


def descriptors() -> dict[int, str]:
    """Return what this process has open: descriptor → target, without character devices.

    `/dev/null` and `/dev/urandom` may be shared by any number of processes.
    """
    found: dict[int, str] = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            if not stat.S_ISCHR(os.fstat(int(name)).st_mode):
                found[int(name)] = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
    return found


def highest_descriptor() -> int:
    """Return the highest descriptor that this process has open."""
    return max((int(n) for n in os.listdir("/proc/self/fd")), default=2)  # noqa: PTH208


def close_all_but(kept: Iterable[int], highest: int | None = None) -> None:
    """Close every descriptor above standard error that is not kept.

    Args:
        kept: what stays open.
        highest: none is open above this one, as far as the caller knows; looked up otherwise.
    """
    low = 3
    for fd in sorted(kept):
        if fd >= low:
            os.closerange(low, fd)
            low = fd + 1
    os.closerange(low, (highest_descriptor() if highest is None else highest) + 1)


_MANY_FILES = 1 << 16
_files_before = resource.getrlimit(resource.RLIMIT_NOFILE)


def allow_many_files() -> None:
    """Let this process have as many descriptors as it may; an attempt takes three."""
    _, hard = _files_before
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (max(_files_before[0], min(hard, _MANY_FILES)), hard)
        )


def usual_files() -> None:
    """Go back to the limit of descriptors that this program was started with."""
    resource.setrlimit(resource.RLIMIT_NOFILE, _files_before)


def kill_session(leader: int) -> None:
    """Kill the process group that a session's leader started with."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


# ---- changes in folders ---------------------------------------------------------------------

_IN_IS_FOLDER = 0x40000000
_IN_IGNORED = 0x8000
_IN_CHANGES = 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800
"""Attributes, closed after writing; moved from and to, made, removed; the folder itself too.
Not each write: a log that somebody keeps in the folder would have it listed all the time."""
_IN_WRITTEN = 0x2
_IN_ONLY_FOLDERS = 0x01000000
_IN_EVENT = struct.Struct("=iIII")
_MAX_EVENTS = 1 << 16


class FolderEvent(NamedTuple):
    """Something changed in a watched folder.

    watch: the folder's watch; -1: events were lost. name: of what changed in it; "" for the folder
    itself. is_end: the watch is over.
    """

    watch: int
    name: str
    is_folder: bool
    is_end: bool


def open_inotify() -> int:
    """Return a descriptor that can be read when something changed in a watched folder."""
    descriptor: int = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return descriptor


def watch(inotify: int, folder: str) -> int:
    """Watch a folder, not what is in its folders, and return the watch.

    Raises:
        OSError: it is gone or no folder; ENOSPC: the kernel allows no more watches.
    """
    return _watch(inotify, folder, _IN_CHANGES | _IN_ONLY_FOLDERS)


def watch_writes(inotify: int, file: str) -> int:
    """Watch each write to a file, and return the watch.

    Raises:
        OSError: it is gone; ENOSPC: the kernel allows no more watches.
    """
    return _watch(inotify, file, _IN_WRITTEN)


def _watch(inotify: int, path: str, mask: int) -> int:
    number: int = _libc.inotify_add_watch(inotify, os.fsencode(path), mask)
    if number < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return number


def unwatch(inotify: int, number: int) -> None:
    """End a watch, should it not be over already."""
    _libc.inotify_rm_watch(inotify, number)


def read_inotify(inotify: int) -> list[FolderEvent]:
    """Return what has changed and was not told yet; wait for nothing."""
    events: list[FolderEvent] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            data, at = os.read(inotify, _MAX_EVENTS), 0
            while at < len(data):
                number, mask, _, length = _IN_EVENT.unpack_from(data, at)
                at += _IN_EVENT.size
                name = os.fsdecode(data[at : at + length].rstrip(b"\0"))
                at += length
                is_end = bool(mask & _IN_IGNORED)
                events.append(FolderEvent(number, name, bool(mask & _IN_IS_FOLDER), is_end))
    return events


def out_of_memory_kills() -> int:
    """Return how many processes of this control group the kernel killed for want of memory."""
    for path in _memory_event_files():
        with contextlib.suppress(OSError, ValueError):
            for line in path.read_text(encoding="ascii").splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0


def _memory_event_files() -> list[Path]:
    root = Path("/sys/fs/cgroup")
    files: list[Path] = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, group = line.split(":", 2)
            if not controllers:
                files += [root / group.lstrip("/") / "memory.events"]
            elif "memory" in controllers.split(","):
                files += [root / "memory" / group.lstrip("/") / "memory.oom_control"]
    return [*files, root / "memory.events", root / "memory" / "memory.oom_control"]
