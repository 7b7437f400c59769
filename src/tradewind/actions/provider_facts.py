"""What installed provider packages have: asked in a child process, which runs their code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from tradewind.config import without_credentials
from tradewind.errors import Unavailable

_PROGRAM = "tradewind.compat.airflow.facts"
MOST_S = 30.0
"""Importing what a few dozen packages say of themselves takes a second or two."""


def provider_facts(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the packages, and the types of connections with the fields of their forms.

    Args:
        env: the environment; credentials are left out of the child's.

    Raises:
        Unavailable: the packages cannot be asked.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", _PROGRAM],
            capture_output=True,
            text=True,
            check=True,
            timeout=MOST_S,
            env=without_credentials(env),
        )
    except (subprocess.SubprocessError, OSError) as error:
        said = str(getattr(error, "stderr", "") or error).strip()[-1_000:]
        raise Unavailable(
            f"the provider packages cannot be asked what they have: {said}"
        ) from error
    found: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    return found
