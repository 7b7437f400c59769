"""Run the scheduler as a process: build its world from the configuration, heed signals."""

from __future__ import annotations

import contextlib
import logging
import os
import signal as os_signal
import socket
import uuid
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from tradewind.clock import SystemClock
from tradewind.config import Config
from tradewind.executors.capacity import configured_capacity
from tradewind.executors.registry import build, remote_of
from tradewind.scheduler.channel import Channel
from tradewind.scheduler.leadership import own_name
from tradewind.scheduler.loop import Scheduler
from tradewind.scheduler.parts import Parts, Settings, World
from tradewind.store.connect import Database, open_database
from tradewind.store.secrets import configured_keys, open_secrets
from tradewind.store.shelf import Shelf
from tradewind.store.signal import Signal

log = logging.getLogger(__name__)

LAUNCHER_BELL = "launcher.bell"
"""Datagram socket under run_dir on which `standalone` hears that a triggerer is wanted."""


def serve(config: Config) -> None:
    """Run a scheduler until SIGTERM or SIGINT, then hand over the lease.

    Raises:
        ConfigError: an unknown executor, or a second scheduler on SQLite.
    """
    db = open_database(config.database.sql_alchemy_conn, name=own_name())
    db.shelf = Shelf(config.core.xcom_storage, config.core.xcom_size_limit_bytes)
    signal = Signal(db, listen=True)
    channel = Channel(config.run_dir / "workers.sock")
    capacities = configured_capacity(config.core).executors
    executors = {name: build(name, config, channel, signal.ring) for name in capacities}
    parts = Parts(
        World(
            db=db,
            clock=SystemClock(),
            new_id=lambda: uuid.uuid4().hex,
            signal=signal,
            channel=channel,
            secrets=open_secrets(db, configured_keys(config), os.environ),
            executors=executors,
            remote=remote_of(tuple(capacities)),
            capacities=capacities,
            sqlite_lock=_sqlite_lock(db),
            want_triggerer=_triggerer_bell(config.run_dir),
        ),
        _settings(config),
    )
    stopping = False

    def stop(_signum: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        signal.wake()

    os_signal.signal(os_signal.SIGTERM, stop)
    os_signal.signal(os_signal.SIGINT, stop)
    with contextlib.ExitStack() as started:
        started.callback(db.close)
        started.callback(signal.close)
        for executor in executors.values():
            started.enter_context(executor)
        Scheduler(parts).run(lambda: stopping)
    log.info("stopped")


def _settings(config: Config) -> Settings:
    scheduler = config.scheduler
    return Settings(
        parallelism=config.core.parallelism,
        lease_s=scheduler.lease_s,
        heartbeat_s=scheduler.heartbeat_s,
        attempt_lease_s=scheduler.attempt_lease_s,
        trigger_lease_s=config.triggerer.lease_s,
        database_outage_s=scheduler.database_outage_s,
        queued_timeout_s=scheduler.queued_timeout_s,
        reconcile_s=scheduler.reconcile_s,
        poll_s=scheduler.poll_s,
        resubmit_s=scheduler.resubmit_s,
        max_infra_losses=scheduler.max_infra_losses,
        max_map_length=config.core.max_map_length,
    )


def _sqlite_lock(db: Database) -> Path | None:
    path = db.sqlite_path
    return path.with_name(path.name + ".scheduler.lock") if path is not None else None


def _triggerer_bell(run_dir: Path) -> Callable[[], None]:
    def ring() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
            try:
                bell.sendto(b"triggerer", str(run_dir / LAUNCHER_BELL))
            except OSError:
                log.info("tasks are deferred; start a triggerer with `tradewind triggerer`")

    return ring
