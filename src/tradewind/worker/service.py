"""Run the supervisor as a process: fork the zygote first, then serve until SIGTERM."""

from __future__ import annotations

import importlib
import os
import signal

from tradewind.clock import SystemClock
from tradewind.worker import kernel
from tradewind.worker.hosts import Loader, Runner, start_zygote
from tradewind.worker.supervisor import Supervisor, SupervisorSettings


def serve(settings: SupervisorSettings) -> None:
    """Run the supervisor of this host until SIGTERM or SIGINT, then drain."""
    _, zygote = start_zygote(prepare)
    kernel.adopt_orphans()
    stopping = False

    def stop(_signum: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN if os.getppid() != 1 else stop)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    Supervisor(settings, zygote, SystemClock()).run(lambda: stopping)


def prepare() -> tuple[Loader, Runner]:
    """Import, in the zygote, what every attempt needs.

    By name, so that the supervisor itself stays free of it.
    """
    child = importlib.import_module("tradewind.worker.child")
    loading = importlib.import_module("tradewind.sdk.loading")
    importlib.import_module("jinja2")
    return loading.load_dag_file, child.run
