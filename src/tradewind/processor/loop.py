"""The DAG processor: keep what is published in step with the DAG folder.

One thread, one selector. It lists the folder when something changed (`watch`), decides what
that means (`area`, `known`), has what is due imported in forked children (`imports`,
`children`, `fork_server`), and publishes (`publish`). No user code runs in this process, and
no child has what this process has.

    change ─▶ look ─▶ queue ─▶ child ─▶ settle ─▶ publish ─▶ ring the scheduler

When the database cannot be reached, results wait; when the DAG folder is not there, everything
stays as it is.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
from collections.abc import Callable, Mapping
from functools import partial

from tradewind.clock import Clock
from tradewind.errors import Unavailable
from tradewind.processor.answers import Answers
from tradewind.processor.area import Area
from tradewind.processor.children import Children
from tradewind.processor.imports import Imports
from tradewind.processor.known import Owners
from tradewind.processor.publish import Publisher
from tradewind.processor.requests import queue_requested
from tradewind.processor.settings import ProcessorSettings
from tradewind.processor.timers import Timers
from tradewind.processor.watch import Watcher
from tradewind.store import components
from tradewind.store.connect import Database
from tradewind.store.read import dag_files
from tradewind.store.secrets import Secrets
from tradewind.store.signal import Signal

log = logging.getLogger(__name__)

KIND = "dag_processor"
_BEAT_S = 10.0
_READS_S = 2.0
"""How often variables and connections that DAG files read are compared …"""
_READ_COST_S = 0.02
"""… and the pause for each of them, so that thousands cost no more than a few percent."""
_FLUSH_S = 0.1
"""A result waits this long for others before it is published, while files are imported."""
_FLUSH_FILES = 16
_TREE_S = 0.5
_RETRY_S = 1.0
_GATHER_S = 0.03
"""Changes that come together are looked at together."""
_LOOK_SHARE = 5
"""After a look that took long, the next waits this many times as long."""


class Processor:
    """The loop. Built with everything it touches; `run` until `stop` says so."""

    def __init__(
        self,
        settings: ProcessorSettings,
        db: Database,
        signal: Signal,
        clock: Clock,
        secrets: Secrets,
        env: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._timers = Timers(clock)
        self._selector = selectors.DefaultSelector()
        self._answers = Answers(secrets)
        self._children = Children(self._selector, clock, self._answers.answer, env, settings.rest_s)
        self._publisher = Publisher(
            db, signal, clock, paused_at_creation=settings.paused_at_creation
        )
        self._areas = [
            Area(root, settings, is_main=number == 0)
            for number, root in enumerate(settings.dag_folders)
        ]
        self._imports = Imports(settings, self._areas, self._children, self._publisher, clock)
        self._watcher: Watcher | None = None
        self._suspects: set[str] = set()
        self._look_from = 0.0
        self._component_id = ""
        self._woken, self._waker = socket.socketpair()

    def wake(self) -> None:
        """Have the loop look at `stop` now. May be called by a signal handler."""
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def run(self, stop: Callable[[], bool]) -> None:
        """Keep the database in step with the folders until told to stop."""
        self._open()
        try:
            while not stop():
                self._turn()
        finally:
            self._close()

    def _open(self) -> None:
        for end in (self._woken, self._waker):
            end.setblocking(False)  # noqa: FBT003  the stdlib's signature
        self._selector.register(self._woken, selectors.EVENT_READ, "woken")
        self._children.open()
        self._areas[0].root.mkdir(parents=True, exist_ok=True)
        self._watch()
        self._imports.own(Owners(dag_files.owners(self._db)))
        self._component_id = components.register(self._db, KIND, self._clock.now())
        self._look()
        found = {area.name(f) for area in self._areas for f in area.scan.dag_files()}
        for name in set(dag_files.published_files(self._db)) - found:
            self._imports.release(name)
        self._timers.every(_BEAT_S, "beat", self._beat)
        self._timers.every(_READS_S, "reads", self._compare_reads)
        requested = partial(queue_requested, self._db, self._areas, self._imports)
        self._timers.every(_READS_S, "requests", requested)
        period_s = (
            self._settings.poll_s if self._settings.watch_by_polling else self._settings.rescan_s
        )
        self._timers.every(period_s, "rescan", self._rescan)

    def _close(self) -> None:
        self._children.close()
        if self._watcher is not None:
            self._watcher.close()
        with contextlib.suppress(Unavailable):
            components.stop(self._db, self._component_id, self._clock.now())
        self._selector.close()
        self._woken.close()
        self._waker.close()
        log.info("stopped")

    def _turn(self) -> None:
        now = self._clock.monotonic()
        for area in self._areas:
            self._imports.enqueue(area, sorted(area.known.due_by_round(now)))
        if not self._imports.start_jobs():
            self._timers.after(_RETRY_S, "retry", lambda: None)
        for key, _ in self._selector.select(self._timeout_s()):
            if key.data == "woken":
                self._woken.recv(4096)
            elif key.data == "changed":
                self._heard()
            else:
                self._children.handle(key)
        self._children.expire()
        self._timers.run()
        while self._children.finished:
            self._imports.settle(self._children.finished.popleft())
        # The next are imported while these are published.
        self._imports.start_jobs()
        if self._imports.is_idle or self._publisher.waiting() >= _FLUSH_FILES:
            self._flush()
        elif self._publisher.has_work:
            self._timers.after(_FLUSH_S, "flush", self._flush)

    def _timeout_s(self) -> float:
        times = [
            self._timers.next(),
            self._children.next_deadline(),
            *(area.known.next_round() for area in self._areas),
        ]
        wake_at = min(at for at in times if at is not None)
        return max(0.0, wake_at - self._clock.monotonic())

    def _watch(self) -> None:
        """Watch the folder; anew when it was replaced."""
        if self._settings.watch_by_polling:
            return
        if self._watcher is not None:
            self._selector.unregister(self._watcher)
            self._watcher.close()
        self._watcher = Watcher([self._areas[0].root])
        self._selector.register(self._watcher, selectors.EVENT_READ, "changed")
        self._watcher.start()

    def _heard(self) -> None:
        """Take what the watch says changed, and look as soon as that is not too often."""
        if self._watcher is not None:
            self._suspects |= self._watcher.take()
        delay_s = max(_GATHER_S, self._look_from - self._clock.monotonic())
        self._timers.after(delay_s, "look", self._look)

    def _rescan(self) -> None:
        if self._watcher is not None and not self._watcher.is_current():
            self._watch()
        self._look()

    def _look(self) -> None:
        """List every folder and act on what is new."""
        suspects, self._suspects = self._suspects, set()
        started = self._clock.monotonic()
        for area in self._areas:
            is_first = not area.scan.items
            try:
                news = area.look(suspects)
            except Unavailable as error:
                log.warning("%s; its DAGs stay as they are", error)
                continue
            # What somebody just edited goes before what is imported because we started.
            self._imports.enqueue(area, news.due, urgent=not is_first)
            for dag_file in news.gone:
                self._imports.drop(area, dag_file)
            for path, problem in news.problems.items():
                self._imports.report(area, path, problem)
        now = self._clock.monotonic()
        self._look_from = now + (now - started) * _LOOK_SHARE
        self._timers.after(_TREE_S, "tree", self._refresh_trees)

    def _compare_reads(self) -> None:
        """Queue files that read a variable or connection that has changed."""
        names = {name for area in self._areas for name in area.known.reads()}
        if not names:
            return
        try:
            current = {name: self._answers.digest(name) for name in names}
        except Unavailable:
            return
        for area in self._areas:
            self._imports.enqueue(area, sorted(area.known.due_by_reads(current)), urgent=True)
        self._timers.hold(_READ_COST_S * len(names), "reads")

    def _flush(self) -> None:
        if not self._publisher.has_work:
            return
        try:
            self._publisher.flush(self._clock.monotonic(), is_idle=self._imports.is_idle)
        except Unavailable as error:
            log.warning("%s; trying again", error)
            self._timers.after(_RETRY_S, "flush", self._flush)

    def _refresh_trees(self) -> None:
        with contextlib.suppress(Unavailable):
            for area in self._areas:
                self._publisher.refresh_tree(area)

    def _beat(self) -> None:
        with contextlib.suppress(Unavailable):
            components.beat(self._db, self._component_id, self._clock.now())


def run_processor(
    settings: ProcessorSettings,
    db: Database,
    signal: Signal,
    clock: Clock,
    stop: Callable[[], bool],
    *,
    secrets: Secrets,
    env: Mapping[str, str],
) -> None:
    """Run a processor in this process until `stop` says so.

    Args:
        settings: its numbers.
        db: the metadata database, migrated.
        signal: rung when something was published.
        clock: the time.
        stop: asked at every turn, at least every few seconds.
        secrets: what DAG files may ask while they are imported.
        env: the environment of the children; must not hold credentials.
    """
    Processor(settings, db, signal, clock, secrets, env).run(stop)
