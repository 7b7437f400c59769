"""Try a connection: in a child process, for its hook is code of a provider package."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from tradewind.config import without_credentials
from tradewind.model.telling import SHOWN
from tradewind.store.connections import ConnectionValue

_PROGRAM = "tradewind.compat.airflow.connection_test"
MOST_S = 30.0
"""A server that does not answer for so long does not work."""
_MOST_CHARACTERS = 2_000
_SHORTEST_SECRET = 4


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a connection works, and what its hook said."""

    works: bool
    message: str


def try_connection(value: ConnectionValue, env: Mapping[str, str], most_s: float = MOST_S) -> Tried:
    """Return whether a connection works.

    Args:
        value: the connection.
        env: the environment; credentials are left out of the child's.
        most_s: how long it may take.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", _PROGRAM],
            input=json.dumps(msgspec.to_builtins(value)),
            capture_output=True,
            text=True,
            check=True,
            timeout=most_s,
            env=without_credentials(env),
        )
        said: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    except subprocess.TimeoutExpired:
        return Tried(works=False, message=f"no answer within {most_s:.0f} seconds")
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        last = str(getattr(error, "stderr", "") or error).strip().rpartition("\n")[2]
        return Tried(works=False, message=_without_secrets(value, f"the test failed: {last}"))
    return Tried(works=bool(said["status"]), message=_without_secrets(value, str(said["message"])))


def _without_secrets(value: ConnectionValue, message: str) -> str:
    """Return what a hook said; drivers like to tell the password that was refused."""
    secrets = [value.password, *_values(value.extra)]
    for secret in sorted({s for s in secrets if s and len(s) >= _SHORTEST_SECRET}, key=len)[::-1]:
        message = message.replace(secret, SHOWN)
    return message[:_MOST_CHARACTERS]


def _values(extra: str | None) -> list[str]:
    try:
        fields = json.loads(extra or "{}")
    except ValueError:
        return []
    return [v for v in fields.values() if isinstance(v, str)] if isinstance(fields, dict) else []
