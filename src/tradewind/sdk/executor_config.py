"""What a task says to its executor, as JSON.

A `pod_override` may be a `V1Pod` of the official client; it becomes JSON here, in the process
that imported the DAG file, and is never pickled. Its keys are Kubernetes' own (camel case).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from tradewind.errors import DagError


def as_json(task_id: str, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an `executor_config` as JSON; None when there is none.

    Raises:
        DagError: it holds what JSON cannot.
    """
    if not config:
        return None
    converted = {str(key): plain(value) for key, value in config.items()}
    try:
        found: dict[str, Any] = json.loads(json.dumps(converted, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise DagError(
            f"executor_config of task {task_id!r} is not JSON: {error}. "
            "Use plain dicts, lists, strings and numbers, or kubernetes.client models"
        ) from error
    return found


def plain(value: Any) -> Any:
    """Return a value with the official client's models in it as dicts with Kubernetes' keys."""
    if type(value).__module__.startswith("kubernetes."):
        # Whoever made the value has imported the client; the base install does without.
        api_client = sys.modules["kubernetes.client"].ApiClient
        return api_client().sanitize_for_serialization(value)
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
