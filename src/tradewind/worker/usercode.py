"""The `Userland` that runs real DAG files, through the SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradewind.sdk.execution import execute, run_callback
from tradewind.sdk.loading import load_dag_file

__all__ = ["execute", "load", "run_callback"]


def load(path: str, folder: str) -> Mapping[str, Any]:
    """Import a DAG file and return its DAGs by id."""
    return load_dag_file(path, folder).dags
