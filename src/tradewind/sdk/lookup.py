"""Variables and connections in the environment of this process: asked first, no server needed.

`TRADEWIND_VAR_<KEY>` and `TRADEWIND_CONN_<ID>`, then the same with AIRFLOW_.
"""

from __future__ import annotations

import os

_PREFIXES = ("TRADEWIND", "AIRFLOW")


def from_environment(kind: str, name: str) -> str | None:
    """Return a value of the environment.

    Args:
        kind: "VAR" or "CONN".
        name: the variable's key or the connection's id.
    """
    for prefix in _PREFIXES:
        value = os.environ.get(f"{prefix}_{kind}_{name.upper()}")
        if value is not None:
            return value
    return None
