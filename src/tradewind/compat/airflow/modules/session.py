"""`airflow.utils.session`: provider packages name it; there is no session to be had.

A provider's module decorates functions that only servers of Airflow's call: that is let be. A
DAG file that does so means to read Airflow's database and is refused when it is parsed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

from tradewind.errors import DagError

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
    """Return the function for a provider's module; refuse it for a DAG file.

    Raises:
        DagError: the function is not a provider package's.
    """
    if not func.__module__.startswith("airflow."):
        raise DagError(f"@provide_session on {func.__qualname__}(): {NO_SESSION}")

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("session") is None:
            raise DagError(f"{func.__qualname__}() needs a session: {NO_SESSION}")
        return func(*args, **kwargs)

    return call
