"""What is in a DAG folder: a picture of it, taken by listing it whole.

A `Scan` is immutable and complete: which files there are, what they contain (as hashes), which
of them may hold DAGs, what was left out. Changes are found by comparing two scans, never by
trusting a change event: events only say when to look, and which files to read again although
their time stamps look unchanged. Listing 500 files takes a few milliseconds, and files are
read only when their stamp changed.

A file may hold DAGs when it ends in `.py` and its text mentions `dag` and `airflow` or
`tradewind` (safe mode), or is such a file at the top of a `.zip`.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path

import msgspec

from tradewind.errors import DagError, Unavailable
from tradewind.processor.ignore import AIRFLOW_IGNORE, OWN_IGNORE, Rules, read_patterns
from tradewind.wire.snapshot import MAX_BLOB, Kind, Leaf

_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules"})
_IGNORE_FILES = ((AIRFLOW_IGNORE, None), (OWN_IGNORE, "glob"))
MAX_DEPTH = 40
"""Folders below this many others are not looked at."""
_MEMBER_LIMIT = 1024 * 1024
"""A Python file inside a zip that is larger is not searched for DAGs."""

Stamp = tuple[int, int, int, int]


class Item(msgspec.Struct, frozen=True):
    """One file. content: its hash, or a stand-in for a file that is too large to read."""

    stamp: Stamp
    content: str
    kind: Kind
    dag_files: tuple[str, ...] = ()

    @property
    def leaf(self) -> Leaf:
        """Return what a snapshot says of this file."""
        return Leaf(self.kind, "" if self.kind is Kind.LEFT_OUT else self.content)


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of a DAG folder. Paths are relative to it, with "/".

    items: every file that is not ignored, and the ones that were asked for. listings: a
    fingerprint of the names in each folder. ignored: left out by a rule. problems: what is
    wrong with ignore files and zips, by path.
    """

    items: dict[str, Item] = {}
    listings: dict[str, str] = {}
    ignored: frozenset[str] = frozenset()
    problems: dict[str, str] = {}

    def content(self, path: str) -> str | None:
        """Return what identifies a file's content, None when there is no such file."""
        item = self.items.get(path)
        return item.content if item is not None else None

    def dag_files(self) -> dict[str, str]:
        """Return the names of files that may hold DAGs, with the path that holds each."""
        return {name: path for path, item in self.items.items() for name in item.dag_files}


class Folder:
    """Take pictures of one DAG folder."""

    def __init__(self, root: Path, *, ignore_syntax: str = "glob", safe_mode: bool = True) -> None:
        self.root = root
        self._ignore_syntax = ignore_syntax
        self._safe_mode = safe_mode
        self._last = Scan()

    def scan(self, also: Iterable[str] = (), suspects: AbstractSet[str] = frozenset()) -> Scan:
        """List the folder.

        Args:
            also: files to look at even if they are ignored, because some DAG reads them.
            suspects: files to read again even if their stamp did not change.

        Raises:
            Unavailable: the folder is not there. That is no reason to take all DAGs for gone.
        """
        if not self.root.is_dir():
            raise Unavailable(f"the DAG folder {self.root} is not there")
        picture = _Picture(self._last, suspects)
        self._walk(picture, "", Rules(), frozenset(), 0)
        for path in also:
            if path not in picture.items:
                self._add(picture, path, dags=False)
        self._last = Scan(
            items=picture.items,
            listings=picture.listings,
            ignored=frozenset(picture.ignored),
            problems=picture.problems,
        )
        return self._last

    def include(self, paths: Iterable[str]) -> Scan:
        """Return the latest picture with these files in it, should they be ignored ones."""
        missing = [path for path in paths if path not in self._last.items]
        if missing:
            picture = _Picture(self._last, frozenset())
            for path in missing:
                self._add(picture, path, dags=False)
            if picture.items:
                items = {**self._last.items, **picture.items}
                self._last = msgspec.structs.replace(self._last, items=items)
        return self._last

    def relative(self, absolute: str) -> str | None:
        """Return a path relative to the folder, None when it lies outside."""
        for root in (str(self.root), os.path.realpath(self.root)):
            if absolute.startswith(root + "/"):
                return absolute[len(root) + 1 :]
            if absolute == root:
                return ""
        return None

    def _walk(
        self,
        picture: _Picture,
        folder: str,
        rules: Rules,
        above: frozenset[tuple[int, int]],
        depth: int,
    ) -> None:
        """Add what is in one folder and below. above: identities of the folders around it."""
        try:
            with os.scandir(self.root / folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            return
        prefix = f"{folder}/" if folder else ""
        names = [e.name for e in entries if not is_skipped_folder(e.name)]
        picture.listings[folder] = _fingerprint(names)
        rules = self._rules(picture, rules, prefix, {e.name for e in entries})
        for entry in entries:
            name = entry.name
            if is_skipped_folder(name) or name.endswith(".pyc"):
                continue
            path = prefix + name
            is_folder = entry.is_dir()
            if rules.ignores(path, folder=is_folder):
                picture.ignored.add(path)
            elif not is_folder:
                self._add(picture, path, dags=True)
            elif depth < MAX_DEPTH:
                status = entry.stat()
                identity = (status.st_dev, status.st_ino)
                if identity not in above:  # a link to a folder around it would never end
                    self._walk(picture, path, rules, above | {identity}, depth + 1)

    def _rules(self, picture: _Picture, rules: Rules, prefix: str, names: set[str]) -> Rules:
        for name, syntax in _IGNORE_FILES:
            if name in names:
                try:
                    text = (self.root / prefix / name).read_text(errors="replace")
                    patterns = read_patterns(
                        text, base=prefix, syntax=syntax or self._ignore_syntax
                    )
                    rules = rules.within(patterns)
                except (OSError, DagError) as error:
                    picture.problems[prefix + name] = str(error)
        return rules

    def _add(self, picture: _Picture, path: str, *, dags: bool) -> None:
        file = self.root / path
        try:
            status = file.stat()
        except OSError:
            return
        if not stat.S_ISREG(status.st_mode):
            return
        stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
        known = picture.last.items.get(path)
        if known is not None and known.stamp == stamp and path not in picture.suspects:
            picture.items[path] = known
            if path in picture.last.problems:
                picture.problems[path] = picture.last.problems[path]
            return
        large = status.st_size > MAX_BLOB
        searched = dags and path.endswith((".py", ".zip"))
        kind = Kind.PROGRAM if status.st_mode & 0o100 else Kind.FILE
        if large and not searched:
            picture.items[path] = Item(stamp, _fingerprint(map(str, stamp)), Kind.LEFT_OUT)
            return
        try:
            data = file.read_bytes()
        except OSError as error:
            picture.items[path] = Item(
                stamp, f"unreadable: {error.strerror}", Kind.LEFT_OUT, (path,) if searched else ()
            )
            return
        dag_files: tuple[str, ...] = ()
        if searched and path.endswith(".py"):
            dag_files = (path,) if self._may_hold_dags(data) else ()
        elif searched:
            dag_files = self._members(picture, path, file)
        content = hashlib.sha256(data).hexdigest()
        picture.items[path] = Item(stamp, content, Kind.LEFT_OUT if large else kind, dag_files)

    def _may_hold_dags(self, data: bytes) -> bool:
        if not self._safe_mode:
            return True
        text = data.lower()
        return b"dag" in text and (b"airflow" in text or b"tradewind" in text)

    def _members(self, picture: _Picture, path: str, file: Path) -> tuple[str, ...]:
        """Return the Python files at the top of a zip that may hold DAGs."""
        try:
            with zipfile.ZipFile(file) as archive:
                return tuple(
                    f"{path}/{member.filename}"
                    for member in archive.infolist()
                    if member.filename.endswith(".py")
                    and "/" not in member.filename
                    and member.file_size <= _MEMBER_LIMIT
                    and self._may_hold_dags(archive.read(member))
                )
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            picture.problems[path] = f"this is not a zip file that can be read: {error}"
            known = picture.last.items.get(path)
            return known.dag_files if known is not None else ()


class _Picture:
    """A scan while it is taken."""

    def __init__(self, last: Scan, suspects: AbstractSet[str]) -> None:
        self.last = last
        self.suspects = suspects
        self.items: dict[str, Item] = {}
        self.listings: dict[str, str] = {}
        self.ignored: set[str] = set()
        self.problems: dict[str, str] = {}


def is_skipped_folder(name: str) -> bool:
    """Tell whether a folder of this name is never looked at."""
    return name.startswith(".") or name in _SKIPPED_FOLDERS


def _fingerprint(names: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(names).encode(errors="surrogateescape")).hexdigest()
