"""What the processor remembers of each DAG file, and what it has to import again.

Pure bookkeeping: no files, no clock, no database. A file is due

* when it is new, or its own content or the content of anything it read in the folder changed;
* when a folder that it listed has other names in it;
* when a module that it did not find may have appeared;
* when a variable or connection that it read has another value;
* now and then, when its import looked at the clock, the network, a program or a file outside
  (the slow round); every round without a change doubles the pause to the next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

import msgspec

from tradewind.processor.folder import Scan

MAX_BACKOFF = 12
"""The slow round of a file that never changes is this many times `slow_round_s`, at most."""


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """What the latest import of a DAG file depended on. Paths are relative to its folder.

    contents: of each file that was read (None: it was looked for and not there).
    listings: fingerprint of each folder that was listed.
    reads: digest of each variable and connection that was read, by "variable/x".
    result: digest of what came out.
    hindered: DAG ids that another file has already.
    """

    contents: dict[str, str | None]
    listings: dict[str, str | None] = {}
    missing: tuple[str, ...] = ()
    reads: dict[str, str] = {}
    unsteady: tuple[str, ...] = ()
    result: str = ""
    hindered: tuple[str, ...] = ()


class _Round(msgspec.Struct):
    """When an unsteady file is imported again, and after how long a pause."""

    at: float
    pause_s: float


class Known:
    """The latest import of every DAG file of one folder."""

    def __init__(self, slow_round_s: float) -> None:
        self._slow_round_s = slow_round_s
        self._imports: dict[str, Import] = {}
        self._users: dict[str, set[str]] = {}
        self._rounds: dict[str, _Round] = {}

    def __contains__(self, dag_file: object) -> bool:
        return dag_file in self._imports

    def __getitem__(self, dag_file: str) -> Import:
        return self._imports[dag_file]

    def items(self) -> Iterable[tuple[str, Import]]:
        """Return every file and its latest import."""
        return self._imports.items()

    def paths(self) -> Collection[str]:
        """Return every path that some file depends on."""
        return self._users.keys()

    def record(self, dag_file: str, imported: Import, now: float) -> None:
        """Remember an import that just ended."""
        before = self._imports.get(dag_file)
        self._unlink(dag_file)
        self._imports[dag_file] = imported
        for path in imported.contents:
            self._users.setdefault(path, set()).add(dag_file)
        if not imported.unsteady:
            self._rounds.pop(dag_file, None)
            return
        last = self._rounds.get(dag_file)
        same = before is not None and before.result == imported.result and last is not None
        pause = last.pause_s * 2 if same and last is not None else self._slow_round_s
        pause = min(pause, self._slow_round_s * MAX_BACKOFF)
        self._rounds[dag_file] = _Round(now + pause, pause)

    def forget(self, dag_file: str) -> None:
        """Forget a file that is gone."""
        self._unlink(dag_file)
        self._imports.pop(dag_file, None)
        self._rounds.pop(dag_file, None)

    def due_by_change(self, before: Scan, after: Scan) -> set[str]:
        """Return the known files that have to be imported again because the folder changed."""
        due: set[str] = set()
        for path, users in self._users.items():
            content = after.content(path)
            due.update(f for f in users if self._imports[f].contents[path] != content)
        if before.listings != after.listings:
            due.update(self._due_by_names(before, after))
        return due

    def due_by_reads(self, current: Mapping[str, str]) -> set[str]:
        """Return files that read a variable or connection whose digest is another now."""
        return {
            dag_file
            for dag_file, imported in self._imports.items()
            if any(current.get(name, digest) != digest for name, digest in imported.reads.items())
        }

    def reads(self) -> set[str]:
        """Return the names of all variables and connections that were read."""
        return {name for imported in self._imports.values() for name in imported.reads}

    def due_by_round(self, now: float) -> set[str]:
        """Return the files whose slow round is due, and push their next one away."""
        due = {dag_file for dag_file, slow in self._rounds.items() if slow.at <= now}
        for dag_file in due:
            self._rounds[dag_file].at = now + self._rounds[dag_file].pause_s
        return due

    def next_round(self) -> float | None:
        """Return when the next slow round is."""
        return min((slow.at for slow in self._rounds.values()), default=None)

    def hindered_by(self, dag_ids: AbstractSet[str]) -> set[str]:
        """Return files that may publish now because these DAG ids became free."""
        return {f for f, i in self._imports.items() if not dag_ids.isdisjoint(i.hindered)}

    def _due_by_names(self, before: Scan, after: Scan) -> Iterator[str]:
        appeared = {
            part.removesuffix(".py")
            for path in after.items.keys() - before.items.keys()
            for part in path.split("/")
        }
        for dag_file, imported in self._imports.items():
            listed = imported.listings.items()
            missing = (set(name.split(".")) for name in imported.missing)
            if any(after.listings.get(f) != names for f, names in listed) or any(
                not appeared.isdisjoint(parts) for parts in missing
            ):
                yield dag_file

    def _unlink(self, dag_file: str) -> None:
        old = self._imports.get(dag_file)
        for path in old.contents if old is not None else ():
            users = self._users[path]
            users.discard(dag_file)
            if not users:
                del self._users[path]


class Owners:
    """Which file has which DAG: the first that published an id keeps it while it has it."""

    def __init__(self, owned: Mapping[str, str] | None = None) -> None:
        self._owned = dict(owned or {})

    def owner(self, dag_id: str) -> str | None:
        """Return the file that has this DAG."""
        return self._owned.get(dag_id)

    def of(self, dag_file: str) -> set[str]:
        """Return the DAGs of a file."""
        return {dag_id for dag_id, owner in self._owned.items() if owner == dag_file}

    def claim(self, dag_file: str, dag_ids: Iterable[str]) -> tuple[set[str], set[str]]:
        """Give a file the DAGs that it may have now.

        Returns:
            the ids that another file has, and the ids that this file has given up.
        """
        wanted = set(dag_ids)
        taken = {d for d in wanted if self._owned.get(d, dag_file) != dag_file}
        freed = self.of(dag_file) - wanted
        for dag_id in freed:
            del self._owned[dag_id]
        self._owned.update(dict.fromkeys(wanted - taken, dag_file))
        return taken, freed

    def release(self, dag_file: str) -> set[str]:
        """Free the DAGs of a file that is gone, and return their ids."""
        return self.claim(dag_file, ())[1]
