"""Run the supervisor as a process: fork the zygote first, then serve until SIGTERM."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket

from tradewind import kernel
from tradewind.clock import SystemClock
from tradewind.wire.remote import NOT_OURS
from tradewind.worker import reaping
from tradewind.worker.journal import Journal
from tradewind.worker.settings import SupervisorSettings
from tradewind.worker.start import start_zygote
from tradewind.worker.supervisor import Supervisor
from tradewind.worker.syncer import Syncer

_OWNER = "TRADEWIND_WORKER_STATE"
"""Environment variable that tells which worker a process belongs to."""


def serve(settings: SupervisorSettings, tickets: socket.socket | None = None) -> int:
    """Run the supervisor of this host until SIGTERM or SIGINT, then drain; return its exit code.

    Args:
        settings: what it needs to know.
        tickets: on a machine of workers: where tickets come from (`tradewind.worker.tickets`).

    Raises:
        ConfigError: another worker uses the state directory.
    """
    stopping = False

    def stop(_signum: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    journal = Journal(settings.state_dir)
    state = str(settings.state_dir.resolve())
    name = f"tw-{hashlib.sha256(state.encode()).hexdigest()[:12]}"
    _kill_leftovers(name, f"{_OWNER}={state}")
    os.environ[_OWNER] = state
    kernel.adopt_orphans()
    syncer = Syncer()
    zygote = start_zygote(settings.userland, name)
    wake = reaping.wake_on_child_exit()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    kernel.allow_many_files()
    supervisor = Supervisor(
        settings, lambda: start_zygote(settings.userland, name), syncer, journal, SystemClock()
    )
    supervisor.run(zygote, wake, lambda: stopping, tickets)
    syncer.close()
    journal.close()
    return NOT_OURS if settings.one_ticket and supervisor.turned_away else 0


def _kill_leftovers(name: str, variable: str) -> None:
    """Kill what an earlier worker's attempts left behind.

    Only when that worker, its zygote and the file host died in the same moment was nobody
    there to do it.
    """
    for pid in kernel.processes_of(name, variable) - {os.getpid()}:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
