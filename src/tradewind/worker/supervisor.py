"""One supervisor per host: it owns the zygote and every attempt, and outlives the scheduler.

A single-threaded loop over descriptors: the scheduler's socket, the zygote, the file hosts,
and for each attempt its control socket and the two pipes of its output. User code never runs
here.

When the scheduler goes away, attempts go on; it is told of them when it is back. When it does
not answer for an attempt's lease less the grace, they are killed: by the end of the lease a
second copy may start elsewhere. SIGTERM, or the scheduler's Drain: nothing new is started,
and what runs may go on for the grace, then it is stopped.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import uuid
from collections.abc import Callable

from tradewind import __version__, kernel
from tradewind.clock import Clock
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import (
    Beat,
    CancelAttempt,
    Drain,
    Hello,
    Launch,
    Outage,
    Reply,
    ToWorker,
)
from tradewind.wire.remote import Ticket
from tradewind.worker import inner, reaping
from tradewind.worker.attempt import Stop
from tradewind.worker.attempts import Attempts
from tradewind.worker.journal import Journal
from tradewind.worker.link import Link, SocketLink
from tradewind.worker.logshipper import LogShipper
from tradewind.worker.reporting import Reports
from tradewind.worker.settings import SupervisorSettings
from tradewind.worker.syncer import Syncer
from tradewind.worker.taking import Taking
from tradewind.worker.tickets import TicketDesk
from tradewind.worker.timers import Timers

log = logging.getLogger(__name__)

_RECONNECT_S = 0.05
_MAX_RECONNECT_S = 1.0
"""First and longest pause between two tries to reach the scheduler on this machine."""

_ZYGOTE_S = 2.0
"""Least time between the starts of two zygotes; one that dies sooner cannot work here."""

_LAST_WORDS_S = 2.0
"""How long the scheduler has to acknowledge the last outcomes; they are in the journal then."""

_FENCED = "it is no longer the current attempt"

StartZygote = Callable[[], tuple[int, socket.socket]]


class Supervisor:
    """Run attempts for the scheduler."""

    def __init__(
        self,
        settings: SupervisorSettings,
        start_zygote: StartZygote,
        syncer: Syncer,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._start_zygote = start_zygote
        self._syncer = syncer
        self._clock = clock
        self._peer_id = uuid.uuid4().hex
        self._host = settings.host or socket.gethostname()
        self._selector = selectors.DefaultSelector()
        self._timers = Timers(clock)
        self._whom = "API server" if settings.server else "scheduler"
        self._link = self._make_link()
        self._reports = Reports(self._link, journal, self._timers, clock, settings.log_folder)
        self._shipper: LogShipper | None = None
        if settings.server:
            self._shipper = LogShipper(
                self._link, self._timers, settings.log_folder, self._link.release
            )
        self._attempts = Attempts(
            settings,
            f"{self._host}:{os.getpid()}",
            self._selector,
            self._timers,
            clock,
            self._link,
            self._reports,
            syncer,
            self._shipper,
        )
        worker = f"{self._host}:{os.getpid()}"
        self._taking = Taking(self._attempts, self._reports, self._link, worker)
        self._zygote_pid = 0
        self._pause_s = _RECONNECT_S
        self._heard_at = clock.monotonic()
        self._beating = self._draining = self._done = False

    @property
    def turned_away(self) -> bool:
        """Tell whether a ticket was not to be had."""
        return self._taking.refused > 0

    def run(
        self,
        zygote: tuple[int, socket.socket],
        wake: int,
        stop: Callable[[], bool],
        tickets: socket.socket | None = None,
    ) -> None:
        """Serve until told to stop, then drain.

        Args:
            zygote: process id and socket of a zygote that was just started.
            wake: becomes readable when a signal has come (`reaping.wake_on_child_exit`).
            stop: tells whether one of them asks to end.
            tickets: where they come from, on a machine of workers.
        """
        self._selector.register(wake, selectors.EVENT_READ, lambda _: self._woken(wake))
        if tickets is not None:
            self._serve_tickets(tickets)
        self._use_zygote(zygote)
        self._reports.replay()
        self._connect()
        while not self._done:
            if stop() and not self._draining:
                self._drain(self._settings.drain_s)
                continue  # It may be all that there was to wait for.
            for key, mask in self._selector.select(self._timers.wait_s()):
                key.data(mask)
            self._timers.run()
        self._reports.keep()
        self._link.drop()

    def _make_link(self) -> Link:
        settings = self._settings
        if settings.server:
            # Not at the top: a local worker speaks no HTTP.
            from tradewind.worker.http_connection import Address  # noqa: PLC0415
            from tradewind.worker.http_link import HttpLink  # noqa: PLC0415

            return HttpLink(
                Address(settings.server),
                self._selector,
                self._timers,
                self._received,
                self._disconnected,
                settings.state_dir / "tokens",
            )
        return SocketLink(
            str(settings.socket_path),
            self._selector,
            self._timers,
            self._received,
            self._disconnected,
        )

    def _serve_tickets(self, tickets: socket.socket) -> None:
        desk = TicketDesk(
            tickets,
            self._selector,
            self._take,
            lambda message: _stop(self._attempts, message),
            lambda: self._drain(self._settings.drain_s),
        )

        def settled(attempt_id: AttemptId, how: str) -> None:
            desk.done(attempt_id, how)
            if self._settings.one_ticket:
                self._drain(self._settings.drain_s)

        self._reports.settled = settled

    def _take(self, ticket: Ticket) -> None:
        if self._draining:
            self._reports.settled(ticket.attempt_id, "the worker is shutting down")
        else:
            self._taking.take(ticket)
            self._keep_beating()

    # ---- the scheduler ------------------------------------------------------------------------

    def _connect(self) -> None:
        hello = Hello(
            kind="supervisor",
            peer_id=self._peer_id,
            host=self._host,
            pid=os.getpid(),
            version=__version__,
            running=(*self._attempts.owned, *self._reports.owned()),
        )
        if self._link.connect(hello):
            log.info("connected to the %s", self._whom)
            self._pause_s = _RECONNECT_S
            self._heard_at = self._clock.monotonic()
            self._keep_beating()
        else:
            self._timers.after(self._pause_s, self._connect)
            self._pause_s = min(self._pause_s * 2, _MAX_RECONNECT_S)

    def _disconnected(self) -> None:
        log.warning("lost the %s; %d attempts go on", self._whom, len(self._attempts))
        self._reports.keep()
        if not self._done:
            self._timers.after(_RECONNECT_S, self._connect)

    def _received(self, message: ToWorker) -> None:
        self._heard_at = self._clock.monotonic()
        if isinstance(message, Launch):
            if not self._draining:
                # While draining it stays queued; it is submitted again when we are back.
                self._attempts.launch(message)
                self._keep_beating()
        elif isinstance(message, Reply):
            # A remote worker is told by a beat only; that it has stopped is news for the leader.
            why = Stop.CANCELLED if self._settings.server else Stop.FENCED
            self._attempts.stop_these(message.cancel, why, _FENCED)
        elif isinstance(message, CancelAttempt):
            _stop(self._attempts, message)
        elif isinstance(message, Outage):
            log.warning("the scheduler cannot reach the database; what runs goes on meanwhile")
            self._heard_at += message.grace_s
        elif isinstance(message, Drain):
            self._drain(message.grace_s)

    # ---- time -------------------------------------------------------------------------------

    def _keep_beating(self) -> None:
        if not self._beating and (len(self._attempts) or self._settings.server):
            self._beating = True
            self._timers.after(self._settings.heartbeat_s, self._beat)

    def _beat(self) -> None:
        self._beating = False
        patience_s = self._settings.lease_s - self._settings.kill_grace_s
        if self._clock.monotonic() - self._heard_at >= patience_s:
            reason = f"no {self._whom} answered for {patience_s:g} s"
            self._attempts.stop_all(Stop.NO_SCHEDULER, reason)
        running = self._attempts.beating
        if running and self._link.connected:
            self._link.ask(Beat(seq=0, attempts=running), lambda _reply: None)
        self._keep_beating()

    def _drain(self, grace_s: float) -> None:
        if self._draining:
            return
        self._draining = True
        log.info("draining: %d attempts may run for %g s more", len(self._attempts), grace_s)
        self._timers.after(
            grace_s, lambda: self._attempts.stop_all(Stop.SHUTDOWN, "the worker was shut down")
        )
        self._end_when_idle(self._clock.monotonic() + grace_s + self._settings.kill_grace_s)

    def _end_when_idle(self, latest: float) -> None:
        now = self._clock.monotonic()
        idle = not len(self._attempts)
        if (idle and not self._reports and not self._shipper) or now >= latest + _LAST_WORDS_S:
            self._done = True
            return
        if idle:
            latest = min(latest, now)
        self._timers.after(0.05, lambda: self._end_when_idle(latest))

    # ---- processes --------------------------------------------------------------------------

    def _use_zygote(self, zygote: tuple[int, socket.socket]) -> None:
        self._zygote_pid, sock = zygote
        started = self._clock.monotonic()
        self._selector.register(
            sock, selectors.EVENT_READ, lambda _: self._zygote_died(sock, started)
        )
        self._attempts.hosts.use(sock)

    def _zygote_died(self, sock: socket.socket, started: float) -> None:
        try:
            if sock.recv(inner.MAX_PACKET):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        log.error("the zygote died; its attempts died with it, another one is started")
        self._selector.unregister(sock)
        sock.close()
        self._attempts.hosts.use(None)
        if self._done:
            return
        pause_s = max(0.0, _ZYGOTE_S - (self._clock.monotonic() - started))
        if pause_s > 0:
            # It does not even start; without a word the tasks would wait for ever.
            why = "no process can be started here; see the worker's log"
            self._attempts.hosts.use(None, why)
        self._timers.after(pause_s, lambda: self._use_zygote(self._start_zygote()))

    def _woken(self, wake: int) -> None:
        reaping.drain(wake)
        for pid, _ in kernel.reap():
            self._syncer.reaped(pid)
        reaping.kill_strangers({self._zygote_pid, *self._syncer.pids})


def _stop(attempts: Attempts, message: CancelAttempt) -> None:
    fenced = message.reason == "fenced"
    why, reason = (Stop.FENCED, _FENCED) if fenced else (Stop.CANCELLED, message.reason)
    attempts.stop_these([message.attempt_id], why, reason)
