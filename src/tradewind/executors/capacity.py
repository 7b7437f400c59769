"""What there is to give by the configuration: the executors and how many tasks each takes."""

from __future__ import annotations

from tradewind.config.sections import Core
from tradewind.engine.admit import Capacity
from tradewind.errors import ConfigError

_KNOWN: dict[str, int | None] = {"LocalExecutor": None, "SequentialExecutor": 1}
"""Tasks at once; None: only `core.parallelism` bounds them."""


def configured_capacity(core: Core) -> Capacity:
    """Return the capacity that the configuration gives; its pools are in the database.

    Raises:
        ConfigError: an executor's name is not known.
    """
    names = [part.strip() for part in core.executor.split(",")]
    for name in names:
        if name not in _KNOWN:
            raise ConfigError(
                f"unknown executor {name!r} in core.executor; known: {', '.join(_KNOWN)}"
            )
    return Capacity(
        pools={},
        executors={name: _KNOWN[name] for name in names},
        parallelism=core.parallelism,
        default_executor=names[0],
    )
