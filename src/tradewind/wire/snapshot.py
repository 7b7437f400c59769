"""The code that a run is pinned to, as content-addressed objects.

A *blob* is the content of one file, named by the sha256 of its bytes. A *tree* lists the
entries of one directory and is named by the sha256 of its encoding, so that one name stands
for a whole folder and an edit makes new objects only along its path (as in git). Objects of
both kinds share one name space and travel compressed (`pack`).

Two trees matter to a run:

* `tree_hash`: the DAG folder as it was; what a worker materialises.
* `source_hash`: the *closure* of one DAG file: that file and everything in the folder that its
  import read. As it is a tree too, whoever has it can tell which live files to compare
  (`is_live`): while they are unchanged, the live folder may be used in place.

Large and ignored files are not kept: the tree names them as left out, and `materialise` links
them to the live folder. This module knows neither a database nor a network: objects come
from a `fetch` that the caller gives. What is fetched is not trusted: names are checked against
content, and entry names against ways out of the folder.
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path

import msgspec

from tradewind.errors import NotFound, TradewindError

MAX_BLOB = 5 * 1024 * 1024
"""Files above this are data, not code: they are left out of snapshots."""

_MAX_DEPTH = 64
_FETCH_BATCH = 200

Fetch = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Return packed objects by name; a name that is not there is left out of the answer."""


class DamagedSnapshot(TradewindError):
    """An object of a snapshot is not what its name says."""


class Kind(IntEnum):
    """What an entry of a tree is."""

    FILE = 0
    PROGRAM = 1
    """An executable file."""
    FOLDER = 2
    LEFT_OUT = 3
    """Large or ignored: it has no object and stays in the live folder only."""
    ABSENT = 4
    """Looked for and not there (only in closures)."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One name in a directory. hash: hex, "" where there is no object."""

    name: str
    kind: Kind
    hash: str = ""


class Tree(msgspec.Struct, frozen=True, array_like=True):
    """One directory, its entries sorted by name."""

    entries: tuple[Entry, ...]


class Leaf(msgspec.Struct, frozen=True):
    """What a path of a snapshot is."""

    kind: Kind
    hash: str = ""


class Snapshot(msgspec.Struct, frozen=True):
    """A root and every tree below it, by name, unpacked."""

    root: str
    trees: dict[str, bytes]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Tree)


def object_name(data: bytes) -> str:
    """Return the name of an object: its sha256 in hex."""
    return hashlib.sha256(data).hexdigest()


def pack(data: bytes) -> bytes:
    """Return an object's bytes as they are stored and sent."""
    return zlib.compress(data, 6)


def unpack(name: str, packed: bytes) -> bytes:
    """Return an object's content.

    Raises:
        DamagedSnapshot: it is not the object of this name.
    """
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, 64 * MAX_BLOB)
    except zlib.error as error:
        raise DamagedSnapshot(f"object {name} cannot be unpacked: {error}") from error
    if not unpacker.eof or object_name(data) != name:
        raise DamagedSnapshot(f"object {name} has another content than its name says")
    return data


def build(leaves: Mapping[str, Leaf]) -> Snapshot:
    """Return the trees of these paths (relative, with "/")."""
    root: _Folder = {}
    for path, leaf in leaves.items():
        *parents, name = path.split("/")
        folder = root
        for parent in parents:
            below = folder.setdefault(parent, {})
            if isinstance(below, Leaf):  # a path below a file: the file was replaced by a folder
                below = folder[parent] = {}
            folder = below
        folder[name] = leaf
    trees: dict[str, bytes] = {}
    return Snapshot(_encode(root, trees), trees)


def decode_tree(name: str, packed: bytes) -> Tree:
    """Return a tree.

    Raises:
        DamagedSnapshot: it is not the tree of this name, or an entry leads out of its folder.
    """
    try:
        tree = _decoder.decode(unpack(name, packed))
    except msgspec.DecodeError as error:
        raise DamagedSnapshot(f"object {name} is no tree: {error}") from error
    for entry in tree.entries:
        if entry.name in {"", ".", ".."} or "/" in entry.name or "\0" in entry.name:
            raise DamagedSnapshot(f"tree {name} has an entry {entry.name!r}")
    return tree


def leaves(root: str, fetch: Fetch) -> Iterator[tuple[str, Leaf]]:
    """Yield every path below a root and what it is, a level at a time.

    Raises:
        NotFound: a tree is not there.
        DamagedSnapshot: a tree is not what its name says.
    """
    level = [("", root)]
    for _ in range(_MAX_DEPTH):
        below: list[tuple[str, str]] = []
        packed = _fetch_all([name for _, name in level], fetch)
        for prefix, name in level:
            for entry in decode_tree(name, packed[name]).entries:
                if entry.kind is Kind.FOLDER:
                    below.append((f"{prefix}{entry.name}/", entry.hash))
                else:
                    yield prefix + entry.name, Leaf(entry.kind, entry.hash)
        if not below:
            return
        level = below
    raise DamagedSnapshot(f"tree {root} is deeper than {_MAX_DEPTH} levels")


def is_live(closure: str, folder: Path, fetch: Fetch) -> bool:
    """Tell whether the files of a closure are in this folder with just this content."""
    return all(_is_live(folder / path, leaf) for path, leaf in leaves(closure, fetch))


def materialise(root: str, target: Path, fetch: Fetch, *, live: Path | None = None) -> None:
    """Write a snapshot out as `target`; nothing is done when it is there already.

    The folder appears whole or not at all, also when several processes write it at once.

    Args:
        root: the tree's name.
        target: the folder to make.
        fetch: where objects come from.
        live: the live folder, for links to what the snapshot left out.

    Raises:
        NotFound: an object is not there.
        DamagedSnapshot: an object is not what its name says.
    """
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    draft.mkdir()
    try:
        found = dict(leaves(root, fetch))
        _write_files(draft, found, fetch)
        if live is not None:
            _link_left_out(draft, found, live)
        try:
            draft.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was first
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


_Folder = dict[str, "Leaf | _Folder"]


def _encode(folder: _Folder, trees: dict[str, bytes]) -> str:
    entries = []
    for name in sorted(folder):
        below = folder[name]
        if isinstance(below, Leaf):
            entries.append(Entry(name, below.kind, below.hash))
        else:
            entries.append(Entry(name, Kind.FOLDER, _encode(below, trees)))
    data = _encoder.encode(Tree(tuple(entries)))
    name = object_name(data)
    trees[name] = data
    return name


def _fetch_all(names: Sequence[str], fetch: Fetch) -> dict[str, bytes]:
    wanted = list(dict.fromkeys(names))
    found: dict[str, bytes] = {}
    for start in range(0, len(wanted), _FETCH_BATCH):
        found.update(fetch(wanted[start : start + _FETCH_BATCH]))
    for name in wanted:
        if name not in found:
            raise NotFound(f"object {name} of a code snapshot is not stored (any more)")
    return found


def _is_live(path: Path, leaf: Leaf) -> bool:
    try:
        if leaf.kind is Kind.ABSENT:
            return not path.exists()
        if leaf.kind is Kind.LEFT_OUT:
            return path.exists()
        return object_name(path.read_bytes()) == leaf.hash
    except OSError:
        return False


def _write_files(draft: Path, found: Mapping[str, Leaf], fetch: Fetch) -> None:
    files = [(path, leaf) for path, leaf in found.items() if leaf.kind in {Kind.FILE, Kind.PROGRAM}]
    for start in range(0, len(files), _FETCH_BATCH):
        batch = files[start : start + _FETCH_BATCH]
        packed = _fetch_all([leaf.hash for _, leaf in batch], fetch)
        for path, leaf in batch:
            file = draft / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(unpack(leaf.hash, packed[leaf.hash]))
            if leaf.kind is Kind.PROGRAM:
                file.chmod(0o755)


def _link_left_out(draft: Path, found: Mapping[str, Leaf], live: Path) -> None:
    for path, leaf in found.items():
        if leaf.kind is Kind.LEFT_OUT and (live / path).exists():
            link = draft / path
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(live.resolve() / path)
