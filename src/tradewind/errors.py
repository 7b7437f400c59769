"""The exception tree. Every error says whose fault it is and what to do next.

    TradewindError
    ├── DagError            the DAG author's: the message names the DAG, the task, the argument and the fix
    │   └── DagCycle
    ├── ConfigError         the operator's: a setting, a missing server, a taken port
    ├── UserError           the caller's: a command or request that cannot be done as asked
    │   ├── NotFound        names a thing that does not exist
    │   └── AlreadyExists   names a thing that exists already
    ├── Conflict            lost a race; nothing was changed; read again and retry
    │   └── Fenced          the attempt is no longer current; its writes are refused for good
    ├── Unavailable         a server (database, scheduler) cannot be reached now; retry later
    └── Bug                 an invariant of our own does not hold; please report it
"""

from __future__ import annotations


class TradewindError(Exception):
    """Something went wrong in Tradewind."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class DagError(TradewindError):
    """The DAG file is not right."""


class DagCycle(DagError):
    """The DAG's tasks depend on each other in a circle."""


class ConfigError(TradewindError):
    """The configuration is not right."""


class UserError(TradewindError):
    """The request cannot be done as asked."""


class NotFound(UserError):
    """There is no such thing."""


class AlreadyExists(UserError):
    """There is such a thing already."""


class Conflict(TradewindError):
    """Somebody else changed this first; nothing was changed."""


class Fenced(Conflict):
    """This attempt is no longer the current one; its writes are refused."""


class Unavailable(TradewindError):
    """A server that is needed cannot be reached now."""


class Bug(TradewindError):
    """An invariant of Tradewind does not hold; please report this."""
