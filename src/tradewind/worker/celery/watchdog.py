"""Publish probes, and act when they do not come back (`stall` decides)."""

from __future__ import annotations

import logging
import os
import threading
import uuid
from typing import Any

from celery.worker import state as celery_state
from kombu import Queue

from tradewind.clock import SystemClock
from tradewind.executors.celery.app import BrokerConnection, BrokerError
from tradewind.executors.celery.settings import PROBE
from tradewind.worker.celery.stall import Stall, Verdict

log = logging.getLogger(__name__)

_PROBES_PER_STALL = 3
_KEEP_QUEUE_S = 3_600
_EXIT_FAILURE = 1


def probe_queue(hostname: str) -> Any:
    """Return the queue of a worker's probes; RabbitMQ forgets it when nobody uses it."""
    name = f"tradewind.probe.{hostname}"
    return Queue(name, routing_key=name, expires=_KEEP_QUEUE_S)


class Watchdog:
    """A thread with a broker connection of its own."""

    def __init__(
        self, connection: BrokerConnection, hostname: str, stall_s: float, give_up_s: float
    ) -> None:
        """Make a watchdog that does not run yet.

        Args:
            connection: used by the thread alone.
            hostname: the worker's name.
            stall_s: see `stall`.
            give_up_s: how long the worker may take to end in order.
        """
        self._connection = connection
        self._queue = probe_queue(hostname).name
        self._stall = Stall(stall_s)
        self._pause_s = stall_s / _PROBES_PER_STALL
        self._give_up_s = give_up_s
        self._clock = SystemClock()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._consumer: Any = None
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self, consumer: Any) -> None:
        """Begin when Celery's consumer is ready; after a reconnection it goes on."""
        self._consumer = consumer
        if not self._thread.is_alive() and not self._stop.is_set():
            self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()

    def came(self) -> None:
        """Take note that a probe came; called from another thread."""
        with self._lock:
            self._stall.came()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._probe()
            if self._stop.wait(self._pause_s):
                break
            with self._lock:
                full = self._consumer.pool.slots.full
                verdict = self._stall.verdict(self._clock.monotonic(), full=full)
            if verdict is Verdict.RECONNECT:
                self._reconnect()
            elif verdict is Verdict.EXIT:
                self._exit()
        self._connection.close()

    def _probe(self) -> None:
        try:
            self._connection.open()
            self._connection.publish(PROBE, uuid.uuid4().hex, {}, queue=self._queue, priority=0)
        except BrokerError as error:
            # The broker is away, which Celery's own reconnection takes care of.
            log.debug("no probe: %s", error)
            self._connection.close()
            return
        with self._lock:
            self._stall.sent(self._clock.monotonic())

    def _reconnect(self) -> None:
        log.warning("the broker delivers nothing to this worker; connecting anew")
        hub = self._consumer.hub
        if hub is not None:
            hub.call_soon(_raise_stalled)

    def _exit(self) -> None:
        log.error("the broker still delivers nothing to this worker; ending")
        celery_state.should_stop = _EXIT_FAILURE
        if not self._stop.wait(self._give_up_s):
            os._exit(_EXIT_FAILURE)


def _raise_stalled() -> None:
    raise ConnectionResetError("the broker delivers nothing on this connection")
