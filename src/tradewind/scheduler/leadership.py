"""One scheduler leads; the others stand by.

The lease is a row with a holder, an epoch and a counter. The leader moves the counter every
`heartbeat_s`; a standby that sees it stand still while its own monotonic clock advances one
`lease_s` takes the lease with the next epoch. Every turn checks the epoch in its transaction,
so a leader that was paused and wakes up changes nothing.

A database that went back in time (a backup was restored under a running scheduler) may hold the
very same lease. It has fewer events, and that is seen at the next beat: the leader steps down and
takes over again, from what the database says now.

Two shortcuts make a restart on the same machine immediate: on SQLite a file lock (freed by
the kernel when its holder dies) admits one scheduler per database, and a holder on this host
whose process is gone needs no waiting for.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
from pathlib import Path
from typing import IO

from tradewind.clock import Clock
from tradewind.errors import ConfigError, Fenced
from tradewind.store import leases
from tradewind.store.connect import Database
from tradewind.store.leases import Lease
from tradewind.store.read import scheduling

log = logging.getLogger(__name__)

LEASE = "scheduler"


class Leadership:
    """This process's claim to lead."""

    def __init__(
        self, db: Database, clock: Clock, lease_s: float, heartbeat_s: float, holder: str = ""
    ) -> None:
        self._db = db
        self._clock = clock
        self._lease_s = lease_s
        self._heartbeat_s = heartbeat_s
        self._holder = holder or own_name()
        self._seen: Lease | None = None
        self._seen_at = 0.0
        self._beaten_at = 0.0
        self._newest_event = 0
        self._lock: IO[str] | None = None
        self.epoch: int | None = None
        self.just_beaten = False

    def lock_database(self, path: Path) -> None:
        """Take the file lock that admits one scheduler per SQLite database.

        Raises:
            ConfigError: another scheduler runs on this database.
        """
        handle = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            handle.close()
            raise ConfigError(
                f"another scheduler ({holder}) runs on this SQLite database; SQLite takes one. "
                "Stop it, or use PostgreSQL for standby schedulers"
            ) from error
        handle.truncate(0)
        handle.write(self._holder)
        handle.flush()
        self._lock = handle

    def try_lead(self) -> bool:
        """Take the lease if it is free, ours to take, or has lapsed."""
        now = self._clock.monotonic()
        lease = leases.read(self._db, LEASE)
        if lease != self._seen:
            self._seen, self._seen_at = lease, now
        lapsed = (
            lease is None
            or self._lock is not None
            or now - self._seen_at > self._lease_s
            or lease.holder in {"", self._holder}
            or is_dead_here(lease.holder)
        )
        if not lapsed:
            return False
        if lease is not None and lease.holder != self._holder:
            leases.evict(self._db, lease.holder)
        self.epoch = leases.take(self._db, LEASE, self._holder, lease)
        self._beaten_at = now
        self._newest_event = scheduling.newest_event(self._db)
        return self.epoch is not None

    def beat(self) -> bool:
        """Move the counter when it is time to; False when the lease is gone.

        Raises:
            Fenced: the database went back in time; whatever memory holds is worth nothing.
        """
        now = self._clock.monotonic()
        if self.epoch is None:
            return False
        self.just_beaten = now - self._beaten_at >= self._heartbeat_s
        if not self.just_beaten:
            return True
        if not leases.beat(self._db, LEASE, self.epoch):
            self.epoch = None
            return False
        self._beaten_at = now
        self._look_back()
        return True

    def _look_back(self) -> None:
        newest = scheduling.newest_event(self._db)
        if newest < self._newest_event:
            message = (
                f"the metadata database went back in time: its newest event is {newest}, and was "
                f"{self._newest_event}. Everything is read again"
            )
            log.error(message)
            self.epoch = None
            raise Fenced(message)
        self._newest_event = newest

    def release(self) -> None:
        """Let another lead at once: at an orderly stop."""
        if self.epoch is not None:
            leases.release(self._db, LEASE, self.epoch)
            self.epoch = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def own_name() -> str:
    """Return "host:pid:start", unique for each incarnation on a host until it reboots."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_start_of(pid)}"


def is_dead_here(holder: str) -> bool:
    """Tell whether a holder of this host is certainly no longer running."""
    host, _, rest = holder.rpartition(":")
    host, _, pid = host.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    return _start_of(int(pid)) != rest


def _start_of(pid: int) -> str:
    """Return the process's start time in clock ticks since boot, or "" when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # Field 22; the second field is in parentheses and may hold spaces.
    return stat.rpartition(")")[2].split()[19]
