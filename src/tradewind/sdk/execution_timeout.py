"""The execution timeout: raised inside user code by an alarm signal."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from tradewind.sdk.exceptions import AirflowTaskTimeout

log = logging.getLogger("tradewind.task")


@contextmanager
def deadline(timeout: timedelta | None) -> Iterator[None]:
    """Raise AirflowTaskTimeout inside the block when it takes longer than this.

    Signals reach the main thread only: elsewhere the timeout is not watched, with a warning.
    """
    if timeout is None:
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        log.warning("execution_timeout is not watched outside of the main thread")
        yield
        return
    seconds = max(timeout.total_seconds(), 1e-6)  # 0 would switch the alarm off

    def over(_signum: int, _frame: FrameType | None) -> None:
        raise AirflowTaskTimeout(f"the task ran longer than its execution_timeout of {timeout}")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
