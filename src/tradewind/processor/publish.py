"""Write what was imported to the metadata DB, the code first.

Objects of the snapshot come before what refers to them; DAGs follow in small transactions;
then the scheduler is rung. Nothing is lost when the database cannot be reached: `flush` is
called again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from tradewind.clock import Clock
from tradewind.processor.area import Area
from tradewind.processor.folder import Scan
from tradewind.store import catalog, code
from tradewind.store.catalog import PublishedFile
from tradewind.store.connect import Database
from tradewind.store.signal import Signal
from tradewind.wire.snapshot import Kind, Snapshot, pack

log = logging.getLogger(__name__)

_SLICE = 8
"""Files in one transaction: a few milliseconds."""
_GONE_S = 2.0


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A file to publish, with the tree of what its import read."""

    area: Area
    closure: Snapshot
    file: PublishedFile


class Publisher:
    """Publish files, and take back those that are gone."""

    def __init__(
        self, db: Database, signal: Signal, clock: Clock, *, paused_at_creation: bool = False
    ) -> None:
        self._db = db
        self._signal = signal
        self._clock = clock
        self._paused_at_creation = paused_at_creation
        self._stored: set[str] = set()
        """Names of objects that are known to be stored."""
        self._trees: dict[Area, tuple[Scan, str]] = {}
        self._ready: dict[str, Ready] = {}
        self._gone: dict[str, float] = {}
        """Names of files that are gone, and since when."""

    @property
    def has_work(self) -> bool:
        """Tell whether `flush` has something to do."""
        return bool(self._ready or self._gone)

    def add(self, ready: Ready) -> None:
        """Take a file; a later import of the same file takes its place."""
        self._gone.pop(ready.file.dag_file, None)
        self._ready[ready.file.dag_file] = ready

    def remove(self, name: str, now: float) -> None:
        """Take back a file that is gone."""
        self._ready.pop(name, None)
        self._gone.setdefault(name, now)

    def waiting(self) -> int:
        """Return how many files wait to be published."""
        return len(self._ready)

    def flush(self, now: float, *, is_idle: bool) -> None:
        """Write what waits.

        Args:
            now: monotonic seconds.
            is_idle: nothing more comes soon. A file that is gone may have been renamed: it is
                taken back after its successor was published, or after a while.

        Raises:
            Unavailable: the database cannot be reached; what is unwritten waits on.
        """
        for area in {ready.area for ready in self._ready.values()}:
            self._store_tree(area)
        changed: list[str] = []
        wrote = bool(self._ready)
        while part := list(self._ready.values())[:_SLICE]:
            changed += self._publish(part)
            for ready in part:
                del self._ready[ready.file.dag_file]
        gone = [name for name, since in self._gone.items() if is_idle or now - since >= _GONE_S]
        if gone:
            changed += catalog.remove_files(self._db, gone, self._clock.now())
            for name in gone:
                del self._gone[name]
            log.info("no longer there: %s", ", ".join(sorted(gone)))
        if changed:
            log.info("published: %s", ", ".join(sorted(changed)))
        if wrote or gone:  # also for import errors: whoever shows them wants to know
            self._signal.ring()

    def refresh_tree(self, area: Area) -> None:
        """Point an area's DAGs at its tree as it is now.

        Raises:
            Unavailable: the database cannot be reached.
        """
        if area in self._trees and self._trees[area][0] is not area.scan:
            names = [area.name(dag_file) for dag_file in area.scan.dag_files()]
            code.move_live_tree(self._db, names, self._store_tree(area))

    def _publish(self, part: list[Ready]) -> list[str]:
        for area in {ready.area for ready in part}:
            self._store(area, [ready.closure for ready in part if ready.area is area])
        files = [msgspec.structs.replace(r.file, tree_hash=self._trees[r.area][1]) for r in part]
        return catalog.publish(
            self._db, files, self._clock.now(), paused_at_creation=self._paused_at_creation
        )

    def _store_tree(self, area: Area) -> str:
        scan, name = self._trees.get(area, (None, ""))
        if scan is not area.scan:
            tree = area.tree()
            self._store(area, [tree])
            self._trees[area] = (area.scan, tree.root)
            name = tree.root
        return name

    def _store(self, area: Area, snapshots: Sequence[Snapshot]) -> None:
        fresh_snapshots = [s for s in snapshots if s.root not in self._stored]
        if not fresh_snapshots:
            return
        paths = {
            item.content: path
            for path, item in area.scan.items.items()
            if item.kind is not Kind.LEFT_OUT and item.content not in self._stored
        }
        trees = {
            name: data
            for snapshot in fresh_snapshots
            for name, data in snapshot.trees.items()
            if name not in self._stored
        }
        self._stored |= code.known_objects(self._db, [*paths, *trees])
        fresh = [path for name, path in paths.items() if name not in self._stored]
        for start in range(0, len(fresh), 100):
            found = area.read(fresh[start : start + 100])
            code.put_blobs(self._db, {name: pack(data) for name, data in found.items()})
            self._stored.update(found)
        packed = {n: pack(data) for n, data in trees.items() if n not in self._stored}
        code.put_trees(self._db, packed, self._clock.now())
        self._stored.update(trees)
