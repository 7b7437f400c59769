"""Run an attempt that does nothing, before any is forked.

Every attempt is a fresh fork, and whatever it is the first to do (fill a cache, have CPython
rewrite code for speed) it does again and again, each time on pages that must be copied for it.
So the zygote does it all a few times, and nothing of that is left but the speed.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

from tradewind.sdk import runtime
from tradewind.wire.messages import Assignment
from tradewind.worker import inner
from tradewind.worker.child import Imported, give_back_log, run_attempt
from tradewind.worker.code import Place
from tradewind.worker.userland import Userland

WARM_UPS = 12
"""CPython rewrites a function's code for speed when it has been called eight times."""


def rehearse(dag: Any, assignment: Assignment, userland: Userland) -> None:
    """Run a task again and again, in this process.

    Args:
        dag: the DAG.
        assignment: names a task of it that does nothing.
        userland: how it is run.
    """
    environment, on_term = dict(os.environ), signal.getsignal(signal.SIGTERM)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    before = runtime.current()
    imported = Imported({assignment.run.dag_id: dag})
    for _ in range(WARM_UPS):
        _run(imported, assignment, userland)
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
    signal.signal(signal.SIGTERM, on_term)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    runtime.install(before)


def _run(imported: Imported, assignment: Assignment, userland: Userland) -> None:
    supervisor, control = socket.socketpair()
    with supervisor, control:
        supervisor.sendall(inner.frame(inner.Assigned(assignment)) + inner.frame(inner.Go()))
        request = inner.Fork(assignment.attempt_id, Place("", ""))
        run_attempt(request, control.fileno(), imported, userland)
    give_back_log()
