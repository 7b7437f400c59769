"""BaseHook: what hooks, the clients of outside systems, derive from."""

from __future__ import annotations

import logging
from typing import Any

from tradewind.sdk.connection import Connection


class LoggingMixin:
    """Gives a class a logger of its own, as `self.log`."""

    _log: logging.Logger | None = None

    @property
    def log(self) -> logging.Logger:
        """Return the logger of this object's class."""
        if self._log is None:
            self._log = logging.getLogger(f"{type(self).__module__}.{type(self).__qualname__}")
        return self._log


class BaseHook(LoggingMixin):
    """A client of an outside system, made for a connection."""

    def __init__(self, logger_name: str | None = None) -> None:
        if logger_name:
            self._log = logging.getLogger(logger_name)

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """Return a connection by its id.

        Raises:
            ConnectionNotFound: there is none.
        """
        return Connection.get(conn_id)

    @classmethod
    async def aget_connection(cls, conn_id: str) -> Connection:
        """Return a connection by its id, in async code."""
        return await Connection.async_get(conn_id)

    @classmethod
    def get_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> Any:
        """Return the hook that fits a connection's type."""
        return Connection.get(conn_id).get_hook(hook_params=hook_params)

    def get_conn(self) -> Any:
        """Return a client that is connected. Hooks write this."""
        raise NotImplementedError(f"{type(self).__name__} has no get_conn()")

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the fields of the connection's form; {} for none of its own."""
        return {}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how the standard fields of the connection's form are shown."""
        return {}
