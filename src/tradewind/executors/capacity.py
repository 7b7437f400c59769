"""What there is to give by the configuration: the executors and how many tasks each takes."""

from __future__ import annotations

from tradewind.config.sections import Core
from tradewind.engine.admit import Capacity
from tradewind.errors import ConfigError
from tradewind.executors.registry import KNOWN, find


def configured_capacity(core: Core) -> Capacity:
    """Return the capacity that the configuration gives; its pools are in the database.

    Raises:
        ConfigError: an executor's name is not known.
    """
    names = [part.strip() for part in core.executor.split(",")]
    found: dict[str, int | None] = {}
    for name in names:
        known = find(name)
        if known is None:
            raise ConfigError(
                f"unknown executor {name!r} in core.executor; known: {', '.join(KNOWN)}"
            )
        found[name] = known.at_once
    return Capacity(
        pools={},
        executors=found,
        parallelism=core.parallelism,
        default_executor=names[0],
    )
