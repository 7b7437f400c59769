"""Run attempts that do nothing, before any is forked.

Every attempt is a fresh fork, and whatever it is the first to do (fill a cache, have CPython
rewrite code for speed) it does again and again, each time on pages that must be copied for it.
So the zygote does it all a few times, and nothing of that is left but the speed.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Sequence

from tradewind.sdk import runtime
from tradewind.wire.framing import FrameReader
from tradewind.wire.messages import Finish
from tradewind.worker import inner
from tradewind.worker.child import Imported, give_back_log, run_attempt
from tradewind.worker.code import Place
from tradewind.worker.userland import Rehearsal, Userland

WARM_UPS = 12
"""CPython rewrites a function's code for speed when it has been called eight times."""
_READ = 1 << 20


def rehearse(rehearsals: Sequence[Rehearsal], userland: Userland) -> list[Finish]:
    """Run tasks again and again, in this process.

    Args:
        rehearsals: the tasks.
        userland: how they are run.

    Returns:
        what each came to, the last time.
    """
    came_to: list[Finish] = []
    environment, on_term = dict(os.environ), signal.getsignal(signal.SIGTERM)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    before = runtime.current()
    for rehearsal in rehearsals:
        reports: list[Finish] = []
        for _ in range(WARM_UPS):
            reports = _run(rehearsal, userland)
            for name in os.environ.keys() - environment.keys():
                del os.environ[name]
        came_to += reports
    signal.signal(signal.SIGTERM, on_term)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    runtime.install(before)
    return came_to


def _run(rehearsal: Rehearsal, userland: Userland) -> list[Finish]:
    assignment = rehearsal.assignment
    said: list[inner.Assigned | inner.Go | inner.Answer] = [inner.Assigned(assignment), inner.Go()]
    said += [inner.Answer(seq=i, body=body) for i, body in enumerate(rehearsal.answers, start=1)]
    supervisor, control = socket.socketpair()
    with supervisor, control:
        supervisor.sendall(b"".join(map(inner.frame, said)))
        request = inner.Fork(assignment.attempt_id, Place("", ""))
        imported = Imported({assignment.run.dag_id: rehearsal.dag})
        run_attempt(request, control.fileno(), imported, userland)
        supervisor.setblocking(False)  # noqa: FBT003  the stdlib's signature
        said_back = FrameReader().feed(supervisor.recv(_READ))
    give_back_log()
    heard = map(inner.unframe_from_attempt, said_back)
    reports = [message.report for message in heard if isinstance(message, inner.Ended)]
    return [report for report in reports if isinstance(report, Finish)]
