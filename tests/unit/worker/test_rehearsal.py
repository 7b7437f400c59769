"""What the zygote tries out leaves nothing behind."""

from __future__ import annotations

import os
import signal

import pytest

from tradewind import kernel
from tradewind.model.outcome import Succeeded
from tradewind.sdk import runtime
from tradewind.worker import usercode
from tradewind.worker.rehearsal import rehearse


def state() -> tuple[object, ...]:
    return (
        dict(os.environ),
        signal.getsignal(signal.SIGTERM),
        signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        kernel.highest_descriptor(),
        runtime.current(),
    )


def test_rehearsals_succeed_and_leave_the_process_as_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rehearsals = usercode.warm_up()
    before = state()
    came_to = rehearse(rehearsals, usercode)
    assert [type(finish.outcome) for finish in came_to] == [Succeeded, Succeeded]
    assert state() == before
    assert not caplog.records
