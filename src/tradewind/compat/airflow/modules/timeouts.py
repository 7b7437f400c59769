"""`airflow.utils.timeout.timeout`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from tradewind.sdk.execution_timeout import deadline


@contextmanager
def timeout(seconds: float = 1, error_message: str = "Timeout") -> Iterator[None]:
    """Raise AirflowTaskTimeout inside the block when it takes longer than this.

    Args:
        seconds: how long it may take.
        error_message: no longer shown: the error says how long it was allowed.
    """
    del error_message
    with deadline(timedelta(seconds=seconds)):
        yield
