"""Which code an attempt runs: the live DAG folder while it is what the run is pinned to.

A run is pinned to the DAG folder as it was (`tree_hash`), and to what its DAG file's import
read of it (`source_hash`). While the live files are just that, they are imported in place; the
scheduler knows from the DAG processor whether they are, and a file host looks once more before
it imports, because an edit may be younger than what the processor has seen. Otherwise the
tree is written out under the worker's state directory, once, and the DAG file is imported from
there: what it imports and reads beside it is of the same moment.

A tree that is in use is locked (shared) by who uses it. Trees that nobody uses are removed
when there are more than a few; they can be had again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tradewind
from tradewind.errors import DagError, NotFound
from tradewind.wire.messages import Assignment
from tradewind.wire.snapshot import DamagedSnapshot, Fetch, is_live, materialise

_EXAMPLES = Path(tradewind.__file__).parent / "example_dags"

_TREES_KEPT = 16
"""Trees that nobody uses and that are kept all the same: old runs come in groups."""

TREES = "trees"
"""Folder under the state directory that has the trees."""


class Place(NamedTuple):
    """A DAG file to import, and the folder that takes the DAG folder's part for it."""

    path: str
    folder: str


class Pin(NamedTuple):
    """The code that a run is pinned to. in_place: the live files were that code a moment ago."""

    source_hash: str
    tree_hash: str
    in_place: bool


def resolve(assignment: Assignment, dags_folder: Path) -> Place:
    """Return the live DAG file of an assignment.

    Example DAGs are named by their full path, everything else within the DAG folder.

    Raises:
        DagError: the assignment names a file outside of the DAG folder.
    """
    path = Path(assignment.dag_file)
    if ".." in path.parts or not path.parts:
        raise _outside(assignment)
    if not path.is_absolute():
        return Place(str(dags_folder / path), str(dags_folder))
    if not path.is_relative_to(_EXAMPLES):
        raise _outside(assignment)
    return Place(str(path), str(_EXAMPLES))


def pin_of(assignment: Assignment) -> Pin:
    """Return what an assignment is pinned to."""
    return Pin(assignment.source_hash, assignment.tree_hash, assignment.in_place)


def find(live: Place, pin: Pin, trees: Path, fetch: Fetch) -> Place:
    """Return where the pinned code is; write it out when it is nowhere.

    Args:
        live: the DAG file in the live DAG folder.
        pin: the code that is wanted.
        trees: where trees are written to.
        fetch: where objects of snapshots come from.

    Raises:
        DagError: the code is not stored any more, and the live file has changed.
        OSError: it cannot be written.
    """
    if not pin.tree_hash:
        return live  # of a run from before there were snapshots
    if pin.in_place and _is_live(live, pin, fetch):
        return live
    tree = trees / pin.tree_hash
    try:
        materialise(pin.tree_hash, tree, fetch, live=Path(live.folder))
    except (NotFound, DamagedSnapshot) as error:
        raise DagError(
            f"the DAG file was changed since the run began, and the code that the run is pinned "
            f"to cannot be had: {error}. Clear the run to go on with the latest version"
        ) from error
    os.utime(tree)
    return Place(str(tree / Path(live.path).relative_to(live.folder)), str(tree))


def hold(folder: str) -> int:
    """Keep a tree from being removed as long as the descriptor that is returned is open."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with contextlib.suppress(OSError):  # not every file system has locks
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return fd


def prune(trees: Path, kept: int = _TREES_KEPT) -> None:
    """Remove the trees that were not used for longest and that nobody holds."""
    with contextlib.suppress(OSError):
        whole = [tree for tree in trees.iterdir() if not tree.name.startswith(".")]
        for tree in sorted(whole, key=_used_at, reverse=True)[kept:]:
            with contextlib.suppress(OSError), _alone(tree):
                gone = tree.rename(tree.with_name(f".{tree.name}.{os.getpid()}"))
                shutil.rmtree(gone, ignore_errors=True)


def _is_live(live: Place, pin: Pin, fetch: Fetch) -> bool:
    try:
        return is_live(pin.source_hash, Path(live.folder), fetch)
    except (NotFound, DamagedSnapshot):
        return True  # it cannot be told; the DAG processor said so


def _used_at(tree: Path) -> float:
    return tree.stat().st_mtime


@contextlib.contextmanager
def _alone(tree: Path) -> Iterator[None]:
    fd = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(fd)


def _outside(assignment: Assignment) -> DagError:
    return DagError(f"{assignment.dag_file!r} is not a path inside the DAG folder")
