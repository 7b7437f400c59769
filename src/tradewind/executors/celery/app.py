"""The Celery application: Celery's API as far as it is used, with types.

Celery and kombu are imported here and when they are needed: who does not use the CeleryExecutor
need not have them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from tradewind.config import Config
from tradewind.errors import ConfigError
from tradewind.executors.celery.settings import APP, CANCEL, Broker, Conf, broker_of, celery_conf

_MISSING = "the CeleryExecutor needs {module}: pip install 'tradewind[{extras}]'"


def make_app(config: Config) -> Any:
    """Return the Celery application of a configuration.

    Raises:
        ConfigError: Celery or the broker's library is not installed, or a setting is not right.
    """
    broker, conf = broker_of(config), celery_conf(config)
    _require("celery", broker)
    _require("redis" if broker.redis else "amqp", broker)
    app = import_module("celery").Celery(APP, set_as_current=False)
    app.conf.update(conf)
    return app


def _require(module: str, broker: Broker) -> None:
    try:
        import_module(module)
    except ImportError as error:
        extras = f"celery,{'redis' if broker.redis else 'rabbitmq'}"
        raise ConfigError(_MISSING.format(module=module, extras=extras)) from error


class BrokerConnection:
    """One connection to the broker, for one thread. Every call may block for a time-out.

    Whatever goes wrong with the broker is raised as `BrokerError`.
    """

    def __init__(self, app: Any, options: Conf) -> None:
        self._app = app
        self._options = options
        self._connection: Any = None
        self._producer: Any = None
        self._errors: tuple[type[BaseException], ...] = (OSError,)

    def open(self) -> None:
        """Connect, unless it is connected.

        Raises:
            BrokerError: the broker cannot be reached, or refuses.
        """
        if self._connection is not None:
            return
        connection = self._app.connection_for_write(transport_options=self._options)
        self._errors = (
            OSError,
            *connection.connection_errors,
            *connection.channel_errors,
            import_module("kombu.exceptions").KombuError,
        )
        try:
            connection.connect()
            self._producer = self._app.amqp.Producer(connection, auto_declare=False)
        except self._errors as error:
            connection.release()
            raise BrokerError(_in_words(error)) from error
        self._connection = connection

    def close(self) -> None:
        """Let go of the connection, whatever its state."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            try:
                connection.collect(socket_timeout=1)
            except self._errors:
                return

    def publish(
        self, task: str, task_id: str, headers: Mapping[str, str], *, queue: str, priority: int
    ) -> None:
        """Publish a task without arguments.

        Args:
            task: its name.
            task_id: its id.
            headers: what the worker is told; neither logs nor Flower show it.
            queue: its queue.
            priority: as the broker counts.

        Raises:
            BrokerError: the broker may or may not have it.
        """
        self._guarded(
            self._app.send_task,
            task,
            task_id=task_id,
            headers=dict(headers),
            queue=queue,
            priority=priority,
            producer=self._producer,
            retry=False,
        )

    def cancel(self, task_ids: Sequence[str]) -> None:
        """Tell all workers to drop these, and to stop them at once.

        Raises:
            BrokerError: some workers may not hear of it.
        """
        self._guarded(self._app.control.revoke, list(task_ids), connection=self._connection)
        self._guarded(
            self._app.control.broadcast,
            CANCEL,
            arguments={"attempts": list(task_ids)},
            connection=self._connection,
        )

    def check(self) -> None:
        """Ask the broker for a sign of life: one round trip.

        Raises:
            BrokerError: it does not answer.
        """
        channel = self._guarded(self._connection.channel)
        self._guarded(channel.close)

    def depth(self, queue: str) -> tuple[int, int | None]:
        """Return how many messages wait in a queue and, where the broker says so, its consumers.

        Raises:
            BrokerError: the broker does not answer.
        """
        channel = self._guarded(self._connection.channel)
        try:
            found = channel.queue_declare(queue=queue, passive=True)
        except self._connection.channel_errors:
            return 0, 0  # there is no such queue: nobody has ever taken from it
        except self._errors as error:
            raise BrokerError(_in_words(error)) from error
        self._guarded(channel.close)
        return int(found.message_count), int(found.consumer_count)

    def ask_workers(
        self, question: str, timeout_s: float, workers: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Ask all workers, or these, one of Celery's questions; return the answers by worker.

        Raises:
            BrokerError: the broker does not answer.
        """
        inspect = self._app.control.inspect(
            timeout=timeout_s, connection=self._connection, destination=list(workers) or None
        )
        found: dict[str, Any] | None = self._guarded(getattr(inspect, question))
        return found or {}

    def shut_down(self, workers: Sequence[str]) -> None:
        """Tell workers to end when what they run has ended.

        Raises:
            BrokerError: they may not hear of it.
        """
        self._guarded(
            self._app.control.shutdown, destination=list(workers), connection=self._connection
        )

    def _guarded(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except self._errors as error:
            raise BrokerError(_in_words(error)) from error


class BrokerError(Exception):
    """The broker cannot be reached, refuses, or takes too long."""


def _in_words(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
