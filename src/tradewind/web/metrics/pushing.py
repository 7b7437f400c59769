"""Send metrics every so often, from one API server of a deployment.

Every API server could count the same events. A lease in the database says which one sends; when
that one stops or dies, another goes on after a few intervals. Where nothing is to be sent there is
no thread and no lease.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from tradewind.clock import Clock
from tradewind.config.metrics import Metrics
from tradewind.errors import TradewindError
from tradewind.store import leases
from tradewind.store.connect import Database
from tradewind.store.leases import Lease
from tradewind.web.metrics.exposition import Family
from tradewind.web.metrics.otel import OtelSender
from tradewind.web.metrics.readings import readings
from tradewind.web.metrics.statsd import StatsdSender
from tradewind.web.metrics.tally import Tally
from tradewind.web.site import Site

log = logging.getLogger(__name__)

LEASE = "metrics"
LAPSED_INTERVALS = 3
"""Who has not sent for so many intervals is gone."""


class Sender(Protocol):
    """Where metrics go."""

    def send(self, families: Sequence[Family]) -> None:
        """Send what a look found. Never fails: what cannot be sent is told to the log."""
        ...

    def forget(self) -> None:
        """Begin to count anew: another server has sent meanwhile."""
        ...

    def close(self) -> None:
        """Send nothing any more."""
        ...


class Turn:
    """Whether it is this server that sends."""

    def __init__(self, db: Database, clock: Clock, interval_s: float, holder: str) -> None:
        self._db, self._clock = db, clock
        self._lapse_s = interval_s * LAPSED_INTERVALS
        self._holder = holder
        self._epoch: int | None = None
        self._seen: Lease | None = None
        self._seen_at = 0.0

    def is_mine(self) -> bool:
        """Keep the lease, or take it when it is free or has lapsed; tell whether it is held."""
        if self._epoch is not None and leases.beat(self._db, LEASE, self._epoch):
            return True
        self._epoch = None
        found, now = leases.read(self._db, LEASE), self._clock.monotonic()
        if found is not None and found != self._seen:
            self._seen, self._seen_at = found, now
        free = found is None or not found.holder
        if free or now - self._seen_at >= self._lapse_s:
            self._epoch = leases.take(self._db, LEASE, self._holder, found)
        return self._epoch is not None

    def give_up(self) -> None:
        """Let another server send at once."""
        if self._epoch is not None:
            leases.release(self._db, LEASE, self._epoch)
            self._epoch = None


class Pusher:
    """Looks and sends."""

    def __init__(self, site: Site, senders: Sequence[Sender], holder: str) -> None:
        self._site, self._senders = site, senders
        self._tally: Tally | None = None
        self._turn = Turn(site.db, site.clock, site.config.metrics.interval_s, holder)

    def step(self) -> bool:
        """Send what there is now, if it is this server's turn; tell whether it was."""
        if not self._turn.is_mine():
            self._tally = None
            return False
        if self._tally is None:
            self._tally = self._site.new_tally()
            for sender in self._senders:
                sender.forget()
        found = readings(self._site, self._tally)
        for sender in self._senders:
            sender.send(found)
        return True

    def run(self, stop: threading.Event) -> None:
        """Send every so often until told to stop."""
        while not stop.wait(self._site.config.metrics.interval_s):
            try:
                self.step()
            except TradewindError as error:
                log.warning("metrics are not sent now: %s", error)
        self.close()

    def close(self) -> None:
        """Let go of the lease and of where metrics go."""
        try:
            self._turn.give_up()
        except TradewindError as error:
            log.warning("another server sends metrics a little later: %s", error)
        for sender in self._senders:
            sender.close()


def configured_senders(settings: Metrics) -> list[Sender]:
    """Return where metrics go.

    Raises:
        ConfigError: a package is missing.
    """
    found: list[Sender] = []
    if settings.statsd_on:
        found.append(StatsdSender(settings))
    if settings.otel_on:
        found.append(OtelSender(settings))
    return found


@contextmanager
def pushing(site: Site, holder: str) -> Iterator[None]:
    """Send metrics during the block, where any are to be sent.

    Args:
        site: the server.
        holder: its name.

    Raises:
        ConfigError: a package is missing.
    """
    senders = configured_senders(site.config.metrics)
    if not senders:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(
        target=Pusher(site, senders, holder).run, args=[stop], name="metrics", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
