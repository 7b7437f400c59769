"""`python -m tradewind.compat.airflow.connection_test`: try a connection with its hook.

Reads the connection as JSON from its input, and says as JSON whether it works. A program of its
own: hooks are code of provider packages, and no server runs it.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from typing import Any

from tradewind.compat.airflow import install
from tradewind.sdk.connection import Connection


def tried(fields: dict[str, Any]) -> dict[str, Any]:
    """Return whether a connection works, and what its hook says."""
    connection = Connection(**fields)
    # Hooks look their connection up by its id.
    os.environ[f"TRADEWIND_CONN_{fields['conn_id'].upper()}"] = connection.as_json()
    status, message = connection.test_connection()
    return {"status": status, "message": message}


if __name__ == "__main__":
    install()
    with redirect_stdout(sys.stderr):
        answer = tried(json.load(sys.stdin))
    sys.stdout.write(json.dumps(answer) + "\n")
