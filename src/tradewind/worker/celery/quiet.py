"""What Celery logs, as far as it is of use here: one line for a message that is dropped.

Celery writes the whole message and a stack for what it cannot use. A message is whoever's who
reaches the broker, and may have a token in it.
"""

from __future__ import annotations

import logging

from celery.worker.consumer import consumer

from tradewind.config import Config

_CONSUMER = "celery.worker.consumer.consumer"
_CHATTY = ("celery.worker.strategy", "celery.app.trace")
"""What these say about every message, twice, is in the attempts' own logs."""

_DROPPED = {
    consumer.UNKNOWN_FORMAT: "it is no task",
    consumer.UNKNOWN_TASK_ERROR: "nobody here knows its task",
    consumer.INVALID_TASK_ERROR: "it is no task",
    consumer.MESSAGE_DECODE_ERROR: "it is not JSON",
}


def quieten(config: Config) -> None:
    """Keep Celery's log to what people need; with DEBUG all of its lines come."""
    logging.getLogger(_CONSUMER).addFilter(_in_one_line)
    if config.logging.level != "DEBUG":
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)


def _in_one_line(record: logging.LogRecord) -> bool:
    reason = _DROPPED.get(str(record.msg))
    if reason is not None:
        record.msg, record.args, record.exc_info = "dropped a message: %s", (reason,), None
    return True
