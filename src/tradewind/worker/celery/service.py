"""Run Celery's worker: the consumer of this host, beside its supervisor."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import warnings
from collections.abc import Sequence
from typing import Any

import msgspec
from celery import signals as celery_signals
from celery.exceptions import SecurityWarning

from tradewind.config import Config
from tradewind.errors import ConfigError
from tradewind.executors.celery.app import BrokerConnection, make_app
from tradewind.executors.celery.settings import broker_of, publisher_options
from tradewind.worker.celery import tasks
from tradewind.worker.celery.consuming import Consuming
from tradewind.worker.celery.pool import Setup, TicketPool
from tradewind.worker.celery.quiet import quieten
from tradewind.worker.celery.watchdog import Watchdog, probe_queue
from tradewind.worker.handover import Supervisor

log = logging.getLogger(__name__)

BACKEND = "tradewind.executors.celery.backend:BatchingDatabaseBackend"
"""By name: Celery imports it, if results go to a database, and this process needs none else."""
_SLACK_S = 10.0
_HOLDS_PER_STALL = 3
"""By default a message waits here for a slot for 20 s; RabbitMQ allows half an hour."""


class WorkerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says of a worker.

    hostname: its name among all workers. queues: none means the default one.
    autoscale: most and fewest slots, instead of concurrency.
    """

    hostname: str
    queues: Sequence[str] = ()
    concurrency: int
    autoscale: tuple[int, int] | None = None


def options_of(
    config: Config,
    hostname: str,
    queues: Sequence[str] = (),
    concurrency: int | None = None,
    autoscale: str | None = None,
) -> WorkerOptions:
    """Return what to run, by the command line and else by the settings.

    Raises:
        ConfigError: autoscale is no "MAX,MIN".
    """
    text = config.celery.worker_autoscale if autoscale is None else autoscale
    scale: tuple[int, int] | None = None
    if text and concurrency is None:
        most, _, fewest = text.partition(",")
        if not (most.isdecimal() and fewest.isdecimal() and 0 < int(fewest) <= int(most)):
            raise ConfigError(f"autoscale = {text!r} is not right: it should be like 16,4")
        scale = (int(most), int(fewest))
    return WorkerOptions(
        hostname=hostname,
        queues=queues,
        concurrency=concurrency or config.celery.worker_concurrency,
        autoscale=scale,
    )


def consume(
    config: Config, options: WorkerOptions, tickets: socket.socket, supervisor_pid: int
) -> int:
    """Take messages until told to stop; return the exit code.

    Args:
        config: the configuration.
        options: of the command line.
        tickets: the socket to the supervisor.
        supervisor_pid: the supervisor's process, which is told to drain at the end.

    Raises:
        ConfigError: a library is missing or a setting is not right.
    """
    broker = broker_of(config)
    app = make_app(config)
    app.loader.override_backends = {"database": BACKEND, "db": BACKEND}
    watchdog = Watchdog(
        BrokerConnection(app, publisher_options(broker, config.celery.operation_timeout_s)),
        options.hostname,
        config.celery.stall_s,
        config.worker.drain_s + config.worker.kill_grace_s + _SLACK_S,
    )
    tasks.register(app, watchdog.came)
    TicketPool.setup = Setup(
        Supervisor(tickets),
        config.worker.drain_s + config.worker.kill_grace_s,
        lambda: _drain(supervisor_pid),
    )

    def add_probe_queue(**_: object) -> None:
        app.amqp.queues.select_add(probe_queue(options.hostname))

    def ready(sender: Any, **_: object) -> None:
        log.info("%s takes tasks from %s", options.hostname, ", ".join(_shown_queues(app, options)))
        sender.pool.consuming = Consuming(
            sender,
            probe_queue(options.hostname).name,
            sender.pool.slots,
            config.celery.stall_s / _HOLDS_PER_STALL,
        )
        watchdog.start(sender)

    def keep_logging(**_: object) -> None:
        """Stand in for Celery's own set-up of the log: ours is set up already."""

    quieten(config)
    # It advises an option of Celery's own command; as whom the worker runs is the unit's matter.
    warnings.simplefilter("ignore", SecurityWarning)
    celery_signals.setup_logging.connect(keep_logging, weak=False)
    celery_signals.celeryd_after_setup.connect(add_probe_queue, weak=False)
    celery_signals.worker_ready.connect(ready, weak=False)
    worker = app.Worker(
        hostname=options.hostname,
        queues=list(options.queues) or [config.celery.default_queue],
        concurrency=options.concurrency,
        autoscale=options.autoscale,
        pool_cls=TicketPool,
        loglevel=config.logging.level,
        optimization="fair",
        without_mingle=True,
        without_gossip=True,
        quiet=True,
    )
    if not broker.redis:
        # RabbitMQ pushes, and knows nothing of slots: one message at most waits here for one.
        worker.consumer.initial_prefetch_count = 1
    worker.start()
    watchdog.stop()
    return int(worker.exitcode or 0)


def _shown_queues(app: Any, options: WorkerOptions) -> list[str]:
    return sorted(options.queues) or [app.conf.task_default_queue]


def _drain(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
