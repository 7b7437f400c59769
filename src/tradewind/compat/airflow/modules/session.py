"""`airflow.utils.session`: provider packages name it; there is no session to be had.

Libraries decorate functions that only servers of Airflow's call: that is let be, until one is
called. A DAG file that does so means to read Airflow's database and is refused when it is parsed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

from tradewind.errors import DagError
from tradewind.sdk.loading import MODULE_PREFIX

NEW_SESSION: Any = None

NO_SESSION = (
    "DAG files and tasks have no database. Use the API client, `ti`/`dag_run` of the context, or "
    "`tradewind db clean` in place of a clean-up DAG"
)


def create_session(*_args: Any, **_kwargs: Any) -> NoReturn:
    """Refuse.

    Raises:
        DagError: always.
    """
    raise DagError(f"create_session(): {NO_SESSION}")


def provide_session(func: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function for a library, to be refused when it is called without a session.

    Raises:
        DagError: the function is a DAG file's.
    """
    if func.__module__.startswith((MODULE_PREFIX, "__main__")):
        raise DagError(f"@provide_session on {func.__qualname__}(): {NO_SESSION}")

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("session") is None:
            raise DagError(f"{func.__qualname__}() needs a session: {NO_SESSION}")
        return func(*args, **kwargs)

    return call
