"""Ask the running Celery workers, and tell them: what `tradewind celery` shows and does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tradewind.config import Config
from tradewind.errors import Unavailable
from tradewind.executors.celery.app import BrokerConnection, BrokerError, make_app
from tradewind.executors.celery.settings import broker_of, publisher_options

QUESTIONS = {
    "active": "tasks that run",
    "reserved": "tasks that a worker has taken and not begun",
    "revoked": "tasks that were taken away",
    "active_queues": "queues that a worker takes from",
    "stats": "a worker's own figures",
    "report": "a worker's versions and settings",
    "ping": "whether a worker answers",
}
"""What workers can be asked: Celery's names, and what each is about."""


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that answered. slots: most tasks at once."""

    worker: str
    running: int
    slots: int
    queues: tuple[str, ...]
    pid: int
    uptime_s: int
    taken: int


class Workers:
    """The workers at the configured broker."""

    def __init__(self, config: Config, timeout_s: float = 1.0) -> None:
        """Connect.

        Args:
            config: the configuration.
            timeout_s: how long workers have to answer.

        Raises:
            ConfigError: a library is missing, or a setting is not right.
            Unavailable: the broker cannot be reached.
        """
        broker = broker_of(config)
        options = publisher_options(broker, config.celery.operation_timeout_s)
        self._connection = BrokerConnection(make_app(config), options)
        self._timeout_s = timeout_s
        try:
            self._connection.open()
        except BrokerError as error:
            raise Unavailable(
                f"the broker {broker.shown} cannot be reached: {error}; is it running, and is "
                "celery.broker_url right?"
            ) from error

    def close(self) -> None:
        """Let go of the broker."""
        self._connection.close()

    def ask(self, question: str, workers: Sequence[str] = ()) -> dict[str, Any]:
        """Return the answers by worker, of all or of these; who does not answer is left out.

        Raises:
            Unavailable: the broker went away.
        """
        try:
            return self._connection.ask_workers(question, self._timeout_s, workers)
        except BrokerError as error:
            raise Unavailable(f"the broker went away: {error}") from error

    def status(self) -> list[WorkerStatus]:
        """Return who is there."""
        stats, queues = self.ask("stats"), self.ask("active_queues")
        return [
            WorkerStatus(
                worker=name,
                running=len(found.get("pool", {}).get("running", ())),
                slots=found.get("pool", {}).get("max-concurrency", 0),
                queues=tuple(
                    sorted(q["name"] for q in queues.get(name, ()) if not _is_probe(q["name"]))
                ),
                pid=found.get("pid", 0),
                uptime_s=found.get("uptime", 0),
                taken=sum(
                    n for task, n in found.get("total", {}).items() if not task.endswith(".probe")
                ),
            )
            for name, found in sorted(stats.items())
        ]

    def stop(self, workers: Sequence[str]) -> None:
        """Tell these to end when what they run has ended.

        Raises:
            Unavailable: the broker went away.
        """
        try:
            self._connection.shut_down(workers)
        except BrokerError as error:
            raise Unavailable(f"the broker went away: {error}") from error


def _is_probe(queue: str) -> bool:
    return queue.startswith("tradewind.probe.")
