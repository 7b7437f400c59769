"""The defaults of operators' arguments, as `airflow.models.abstractoperator` names them."""

from __future__ import annotations

from datetime import timedelta

DEFAULT_OWNER = "airflow"
DEFAULT_QUEUE = "default"
DEFAULT_RETRIES = 0
DEFAULT_RETRY_DELAY = timedelta(seconds=300)
