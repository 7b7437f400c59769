"""From Tradewind's settings to Celery's. Pure: nothing here imports Celery.

What Celery is told, and why:

* Messages are JSON and nothing else, so that none can hold what executes when it is read.
* A message is acknowledged when its task begins (early). Nobody relies on the broker's
  redelivery: the scheduler sends an unclaimed attempt again, and a claim admits one. Late
  acknowledgement would run into RabbitMQ's consumer timeout and Redis' visibility timeout.
* RabbitMQ confirms what is published; without that a publish into a dying connection is lost.
* A worker takes no more than it can run, so that a waiting task goes to whoever is free.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tradewind.config import Config
from tradewind.errors import ConfigError

APP = "tradewind"
RUN = "tradewind.run"
"""Celery's name of the task that runs an attempt."""
TOKEN = "claim_token"  # noqa: S105  its name, not a token
"""The header of a message with the token; the attempt's id is the message's Celery id."""
PROBE = "tradewind.probe"
"""Celery's name of the task that a worker sends to itself."""
CANCEL = "tradewind_cancel"
"""The remote control command that stops attempts at once."""

LEVELS = 10
"""Priorities of a message: 0 … 9, nine first."""

_REDIS = ("redis", "rediss", "unix", "redis+socket", "sentinel")
_AMQP = ("amqp", "amqps", "pyamqp")
_HEARTBEAT_S = 20
_KEEP_UNACKED_S = 86_400
"""A message that a worker took and has not begun may be delivered again after this; earlier
copies would be refused, but cost work."""

Conf = dict[str, Any]


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """A broker: its address, the address without password, and which kind it is."""

    url: str
    shown: str
    redis: bool


def broker_of(config: Config) -> Broker:
    """Return the configured broker.

    Raises:
        ConfigError: the URL names neither Redis nor RabbitMQ.
    """
    url = config.celery.broker_url
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in (*_REDIS, *_AMQP):
        raise ConfigError(
            f"celery.broker_url = {without_password(url)!r} "
            f"({config.origins.get('celery.broker_url', 'default')}) names neither Redis nor "
            "RabbitMQ; it should look like redis://host:6379/0 or amqp://user:password@host//"
        )
    return Broker(url=url, shown=without_password(url), redis=scheme in _REDIS)


def result_url(config: Config) -> str | None:
    """Return the URL of the result backend as Celery takes it; None when there is none."""
    given = config.celery.result_backend.strip()
    if given.lower() in {"none", "disabled", "off"}:
        return None
    if given:
        return given
    database = config.database.sql_alchemy_conn
    if database.startswith("sqlite"):
        return None
    scheme, _, rest = database.partition("://")
    # Celery hands the rest to SQLAlchemy, whose default driver is another than ours.
    return f"db+{'postgresql+psycopg' if scheme == 'postgresql' else scheme}://{rest}"


def celery_conf(config: Config) -> Conf:
    """Return Celery's configuration, the same for the scheduler and for workers.

    Raises:
        ConfigError: a setting cannot be used.
    """
    broker, results = broker_of(config), result_url(config)
    timeout_s = config.celery.operation_timeout_s
    conf: Conf = {
        "broker_url": broker.url,
        "broker_connection_timeout": timeout_s,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_heartbeat": _HEARTBEAT_S,
        "broker_transport_options": transport_options(broker, timeout_s),
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "event_serializer": "json",
        "result_accept_content": ["json"],
        "task_acks_late": False,
        "task_default_queue": config.celery.default_queue,
        "task_ignore_result": results is None,
        "task_queue_max_priority": LEVELS - 1,
        "task_store_errors_even_if_ignored": False,
        "task_publish_retry": False,
        "result_backend": results or "disabled",
        # With the first result, not with the first message: a backend that is away delays none.
        "database_create_tables_at_setup": False,
        "result_expires": int(config.celery.result_expires_s),
        "timezone": "UTC",
        "enable_utc": True,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": broker.redis,
        "worker_enable_prefetch_count_reduction": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_enable_remote_control": True,
        "worker_send_task_events": False,
    }
    return conf


def transport_options(broker: Broker, timeout_s: float) -> Conf:
    """Return the options of connections that workers and the scheduler have in common."""
    if broker.redis:
        return {
            "visibility_timeout": _KEEP_UNACKED_S,
            "priority_steps": list(range(0, LEVELS, 3)),
            "queue_order_strategy": "priority",
            "socket_connect_timeout": timeout_s,
            "socket_keepalive": True,
            "health_check_interval": max(1, round(timeout_s)),
        }
    return {"confirm_publish": True}


def publisher_options(broker: Broker, timeout_s: float) -> Conf:
    """Return the options of the scheduler's own connection, on which nothing may wait for long."""
    options = transport_options(broker, timeout_s)
    if broker.redis:
        return {**options, "socket_timeout": timeout_s}
    return {**options, "read_timeout": timeout_s, "write_timeout": timeout_s}


def message_priority(broker: Broker, weight: int) -> int:
    """Return the priority of a message for a task's weight.

    Weights have no bound and a broker has ten levels: each level is twice the one below. Redis
    counts the other way round.
    """
    level = min(LEVELS - 1, max(1, weight).bit_length() - 1)
    return LEVELS - 1 - level if broker.redis else level


def without_password(url: str) -> str:
    """Return a URL as it may be shown."""
    scheme, separator, rest = url.partition("://")
    login, at, host = rest.rpartition("@")
    if not at:
        return url
    user, colon, _ = login.partition(":")
    return f"{scheme}{separator}{user}{':***' if colon else ''}@{host}"
