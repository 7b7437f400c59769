"""What a worker knows of Celery's tasks and remote control: two tasks and one command."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from celery.worker.control import control_command

from tradewind import __version__
from tradewind.executors.celery.settings import CANCEL, PROBE, RUN
from tradewind.model.ids import AttemptId
from tradewind.worker.celery.finishing import AttemptLost, outcome_of_current_ticket

log = logging.getLogger(__name__)


def register(app: Any, probe_came: Callable[[], None]) -> None:
    """Make the application know its tasks.

    Args:
        app: the Celery application.
        probe_came: called when a probe arrives.
    """

    def run() -> dict[str, str]:
        return {"how": outcome_of_current_ticket(), "version": __version__}

    def probe() -> None:
        probe_came()

    app.task(name=RUN, throws=(AttemptLost,))(run)
    app.task(name=PROBE, ignore_result=True)(probe)


def _cancel(state: Any, attempts: Sequence[str]) -> dict[str, int]:
    """Stop attempts at once."""
    return {"stopping": state.consumer.pool.slots.cancel([AttemptId(a) for a in attempts])}


control_command(name=CANCEL, args=[("attempts", list)], signature="[attempt_id …]")(_cancel)
