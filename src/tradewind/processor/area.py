"""One DAG folder: its picture, and what is known of the files in it."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path

import msgspec

from tradewind.processor.folder import Folder, Scan
from tradewind.processor.known import Import, Known
from tradewind.processor.protocol import Seen
from tradewind.processor.settings import ProcessorSettings
from tradewind.wire import snapshot
from tradewind.wire.snapshot import Kind, Leaf


class News(msgspec.Struct, frozen=True):
    """What a look at the folder brought. due: newest first."""

    due: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    problems: dict[str, str | None] = {}
    """What is wrong with ignore files and zips now; None: no longer wrong."""


class Area:
    """A DAG folder and its files.

    Files of the first folder are known by their path in it; those of others (the example
    DAGs) by their absolute path, which stays the same whatever the DAG folder is.
    """

    def __init__(self, root: Path, settings: ProcessorSettings, *, is_main: bool) -> None:
        self.root = root
        self.is_main = is_main
        self.known = Known(settings.slow_round_s)
        self.scan = Scan()
        self._folder = Folder(
            root, ignore_syntax=settings.ignore_syntax, safe_mode=settings.safe_mode
        )

    def name(self, dag_file: str) -> str:
        """Return the name under which a file is published."""
        return dag_file if self.is_main else str(self.root / dag_file)

    def look(self, suspects: AbstractSet[str] = frozenset()) -> News:
        """List the folder again and say what that means.

        Args:
            suspects: absolute paths that are said to have changed.

        Raises:
            Unavailable: the folder is not there.
        """
        before = self.scan
        inside = {path for s in suspects if (path := self._folder.relative(s)) is not None}
        after = self._folder.scan(self.known.paths(), inside)
        self.scan = after
        now = after.dag_files()
        was = before.dag_files()
        due = self.known.due_by_change(before, after) | (now.keys() - was.keys())
        # A file whose import failed before anything was recorded is known by its own change.
        due |= {f for f, path in now.items() if before.content(path) != after.content(path)}
        return News(
            due=tuple(sorted(due & now.keys(), key=lambda f: (-after.items[now[f]].stamp[0], f))),
            gone=tuple(sorted(was.keys() - now.keys())),
            problems={
                path: after.problems.get(path)
                for path in before.problems.keys() | after.problems.keys()
                if before.problems.get(path) != after.problems.get(path)
            },
        )

    def holds(self, dag_file: str) -> bool:
        """Tell whether a file is still there."""
        return dag_file in self.scan.dag_files()

    def depended(self, dag_file: str, seen: Seen, at_start: Scan) -> tuple[Import, bool]:
        """Return what an import depended on, and whether that is still so.

        Args:
            dag_file: the file that was imported.
            seen: what its child saw.
            at_start: the picture from before the import.
        """
        relative = {self._folder.relative(path) for path in seen.files}
        paths = {path for path in relative if path} | {dag_file_path(dag_file, at_start)}
        self.scan = self._folder.include(paths)
        contents = {
            path: at_start.content(path) if path in at_start.items else self.scan.content(path)
            for path in paths
        }
        listed = (self._folder.relative(path) for path in seen.listed)
        imported = Import(
            contents=contents,
            listings={p: at_start.listings.get(p) for p in listed if p is not None},
            missing=seen.missing,
            unsteady=seen.unsteady,
        )
        current = all(self.scan.content(path) == content for path, content in contents.items())
        return imported, current

    def closure(self, imported: Import) -> snapshot.Snapshot:
        """Return the tree of what an import read."""
        leaves: dict[str, Leaf] = {}
        for path, content in imported.contents.items():
            item = self.scan.items.get(path)
            if content is None:
                leaves[path] = Leaf(Kind.ABSENT)
            elif item is not None:
                leaves[path] = item.leaf
        return snapshot.build(leaves)

    def tree(self) -> snapshot.Snapshot:
        """Return the tree of the whole folder."""
        leaves = dict.fromkeys(self.scan.ignored, Leaf(Kind.LEFT_OUT))
        leaves.update((path, item.leaf) for path, item in self.scan.items.items())
        return snapshot.build(leaves)

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return the content of files by hash; a file that changed meanwhile is left out."""
        found: dict[str, bytes] = {}
        for path in paths:
            try:
                data = (self.root / path).read_bytes()
            except OSError:
                continue
            name = snapshot.object_name(data)
            if name == self.scan.content(path):
                found[name] = data
        return found


def dag_file_path(dag_file: str, scan: Scan) -> str:
    """Return the path that holds a DAG file: itself, or the zip it is in."""
    return scan.dag_files().get(dag_file, dag_file)
