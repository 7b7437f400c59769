"""`airflow.utils.yaml`."""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["YAMLError", "dump", "safe_load"]

YAMLError = yaml.YAMLError


def safe_load(stream: Any) -> Any:
    """Return the data of a text or file."""
    return yaml.safe_load(stream)


def dump(data: Any, **kwargs: Any) -> Any:
    """Return data as YAML."""
    return yaml.safe_dump(data, **kwargs)
