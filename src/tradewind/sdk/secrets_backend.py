"""A deployment's secrets backend: where variables and connections are looked for first.

`secrets.backend` names a class derived from `airflow.secrets.BaseSecretsBackend`: one of a provider
package (Vault, AWS Secrets Manager, …) or of one's own. It is made once in each process that runs
user code, and in no server. One that fails at a look-up is told of in the log, and the look goes
on with the environment and the server, as in Airflow.
"""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from tradewind.errors import DagError
from tradewind.sdk import defaults

if TYPE_CHECKING:
    from tradewind.sdk.connection import Connection

log = logging.getLogger(__name__)


def variable(key: str) -> str | None:
    """Return a variable that the backend has, or None.

    Raises:
        DagError: the deployment's backend cannot be made.
    """
    found = _ask("get_variable", f"the variable {key!r}", key=key)
    return None if found is None else str(found)


def connection(conn_id: str) -> Connection | None:
    """Return a connection that the backend has, or None.

    Raises:
        DagError: the deployment's backend cannot be made.
    """
    found: Connection | None = _ask(
        "get_connection", f"the connection {conn_id!r}", conn_id=conn_id
    )
    return found


def _ask(method: str, what: str, **names: str) -> Any:
    given = defaults.current()
    if not given.secrets_backend:
        return None
    backend = _made(given.secrets_backend, given.secrets_backend_kwargs)
    look: Callable[..., Any] = getattr(backend, method)
    try:
        return look(**names)
    except Exception as error:  # noqa: BLE001  a backend may raise anything
        # Not its text: that may hold what it asked with.
        name = type(error).__name__
        log.warning("%s: looking for %s failed (%s)", given.secrets_backend, what, name)
        return None


@cache
def _made(path: str, kwargs: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise DagError(
            f"secrets.backend names {path!r}, which cannot be imported: {error}; install its "
            "package, or take the setting out"
        ) from error
    try:
        arguments = json.loads(kwargs or "{}")
        return cls(**arguments)
    except Exception as error:
        raise DagError(
            f"the secrets backend {path} cannot be made with secrets.backend_kwargs: "
            f"{type(error).__name__}"
        ) from error


def forget() -> None:
    """Make the backend again at the next look-up: for tests, which have settings of their own."""
    _made.cache_clear()
