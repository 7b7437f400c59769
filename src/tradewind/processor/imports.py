"""Which files are imported next, and what comes of it.

A file whose dependencies changed while it was imported is imported again instead of being
published. A file with an error keeps the last good versions of its DAGs. A DAG id belongs to
the file that published it first.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Iterable

import msgspec

from tradewind.clock import Clock
from tradewind.model.spec import DagSpec, encode_spec
from tradewind.processor.area import Area
from tradewind.processor.children import Children
from tradewind.processor.folder import Scan
from tradewind.processor.job import Finished
from tradewind.processor.known import Import, Owners
from tradewind.processor.protocol import Parsed
from tradewind.processor.publish import Publisher, Ready
from tradewind.processor.report import summary
from tradewind.processor.settings import ProcessorSettings
from tradewind.store.catalog import PublishedFile
from tradewind.wire import snapshot

log = logging.getLogger(__name__)

_LOST_TRIES = 3
"""A file whose child was lost this often together with its fork server is to blame."""
_OUTPUT_SHOWN = 2000

Entry = tuple[Area, str]
"""A DAG file: its folder and its name in it."""


class Running(msgspec.Struct, frozen=True):
    """A file that is being imported, and the picture of its folder from before."""

    area: Area
    dag_file: str
    at_start: Scan


class Imports:
    """The queue of files to import and the jobs that run."""

    def __init__(
        self,
        settings: ProcessorSettings,
        areas: Iterable[Area],
        children: Children,
        publisher: Publisher,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._areas = tuple(areas)
        self._children = children
        self._publisher = publisher
        self._clock = clock
        self._owners = Owners()
        self._queue: dict[Entry, None] = {}
        """In the order of import; a dict, because files are looked up and moved."""
        self._urgent: deque[Entry] = deque()
        self._running: dict[int, Running] = {}
        self._again: set[Entry] = set()
        self._losses: dict[Entry, int] = {}

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing is imported and nothing waits for it."""
        return not self._running and not self._queue and not self._urgent

    def own(self, owners: Owners) -> None:
        """Start from what was published before."""
        self._owners = owners

    def enqueue(self, area: Area, due: Iterable[str], *, urgent: bool = False) -> None:
        """Have files imported, the ones that are imported right now once more after.

        Args:
            area: the files' folder.
            due: the files.
            urgent: somebody just edited them: they go before files of the slow round.
        """
        running = {(r.area, r.dag_file) for r in self._running.values()}
        for dag_file in due:
            entry = (area, dag_file)
            if entry in running:
                self._again.add(entry)
            elif urgent and entry not in self._urgent:
                self._queue.pop(entry, None)
                self._urgent.append(entry)
            elif not urgent and entry not in self._urgent:
                self._queue.setdefault(entry)

    def drop(self, area: Area, dag_file: str) -> None:
        """Forget a file that is gone."""
        entry = (area, dag_file)
        self._queue.pop(entry, None)
        if entry in self._urgent:
            self._urgent.remove(entry)
        self._again.discard(entry)
        area.known.forget(dag_file)
        self.release(area.name(dag_file))

    def release(self, name: str) -> None:
        """Take a published file's DAGs back; other files may have them now."""
        self._publisher.remove(name, self._clock.monotonic())
        self._free(self._owners.release(name))

    def report(self, area: Area, path: str, problem: str | None) -> None:
        """Show what is wrong with an ignore file or a zip like an import error."""
        name = area.name(path)
        if problem is None:
            self.release(name)
            return
        log.warning("%s: %s", name, problem)
        file = PublishedFile(
            dag_file=name, source_hash="", import_error=problem, parsed_at=self._clock.now()
        )
        self._publisher.add(Ready(area=area, closure=snapshot.build({}), file=file))

    def start_jobs(self) -> bool:
        """Start as many jobs as may run; False when that must be tried again later."""
        while (self._urgent or self._queue) and len(self._children) < self._settings.parallel:
            if not self._children.can_start():
                return False
            if self._urgent:
                area, dag_file = self._urgent.popleft()
            else:
                area, dag_file = next(iter(self._queue))
                del self._queue[area, dag_file]
            job_id = self._children.start(
                area.root,
                dag_file,
                timeout_s=self._settings.parse_timeout_s,
                memory_limit_mb=self._settings.memory_limit_mb,
                defaults=self._settings.defaults,
            )
            self._running[job_id] = Running(area, dag_file, area.scan)
        return True

    def settle(self, finished: Finished) -> None:
        """Take the end of a job."""
        running = self._running.pop(finished.job_id)
        area, dag_file = entry = running.area, running.dag_file
        if finished.output:
            log.debug("%s printed:\n%s", dag_file, finished.output[-_OUTPUT_SHOWN:])
        again = entry in self._again
        self._again.discard(entry)
        if not area.holds(dag_file):
            return
        if finished.lost and self._losses.get(entry, 0) + 1 < _LOST_TRIES:
            self._losses[entry] = self._losses.get(entry, 0) + 1
            self.enqueue(area, [dag_file])
            return
        self._losses.pop(entry, None)
        result = finished.result or Parsed(
            error=finished.fault
            or "Each time this file was imported, the process that imports DAG files died."
        )
        imported, is_current = area.depended(dag_file, result.seen, running.at_start)
        if again or not is_current:
            self.enqueue(area, [dag_file], urgent=True)
        else:
            self._accept(area, dag_file, result, imported, finished.reads)

    def _accept(
        self, area: Area, dag_file: str, result: Parsed, imported: Import, reads: dict[str, str]
    ) -> None:
        """Publish a result that is up to date."""
        name = area.name(dag_file)
        specs, error, hindered, freed = self._own(name, result)
        imported = msgspec.structs.replace(
            imported, reads=reads, result=_digest(specs, error), hindered=tuple(sorted(hindered))
        )
        area.known.record(dag_file, imported, self._clock.monotonic())
        self._free(freed)
        if error is not None:
            log.warning("%s has an import error: %s", name, summary(error))
        closure = area.closure(imported)
        self._publisher.add(
            Ready(
                area=area,
                closure=closure,
                file=PublishedFile(
                    dag_file=name,
                    source_hash=closure.root,
                    specs=specs,
                    import_error=error,
                    warnings=result.warnings,
                    parsed_at=self._clock.now(),
                    parse_duration_s=result.duration_s,
                    depends={
                        "files": sorted(imported.contents),
                        "reads": sorted(reads),
                        "unsteady": list(imported.unsteady),
                    },
                ),
            )
        )

    def _own(
        self, name: str, result: Parsed
    ) -> tuple[tuple[DagSpec, ...], str | None, set[str], set[str]]:
        """Say who has which DAG.

        Returns:
            the DAGs that the file may publish, its error, the DAGs that another file has, and
            those that this file has given up.
        """
        ids = {spec.dag_id for spec in result.specs}
        if result.error is not None:  # DAGs that fail now keep their last good version
            ids |= self._owners.of(name)
        taken, freed = self._owners.claim(name, ids)
        error = result.error
        if taken:
            clashes = "\n".join(
                f"DAG {dag_id!r} is defined in {name} and in {self._owners.owner(dag_id)}, "
                "which had it first; give one of them another dag_id"
                for dag_id in sorted(taken)
            )
            error = f"{error}\n{clashes}" if error else clashes
        return tuple(s for s in result.specs if s.dag_id not in taken), error, taken, freed

    def _free(self, dag_ids: set[str]) -> None:
        """Import the files again that could not publish these DAGs."""
        if dag_ids:
            for area in self._areas:
                self.enqueue(area, sorted(area.known.hindered_by(dag_ids)), urgent=True)


def _digest(specs: Iterable[DagSpec], error: str | None) -> str:
    digest = hashlib.sha256((error or "").encode(errors="replace"))
    for spec in specs:
        digest.update(encode_spec(spec))
    return digest.hexdigest()
