"""`airflow.providers.standard.exceptions`."""

from __future__ import annotations

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.sensors.external_task import ExternalDagNotFoundError, ExternalTaskFailedError

__all__ = [
    "AirflowExternalTaskSensorException",
    "DuplicateStateError",
    "ExternalDagDeletedError",
    "ExternalDagFailedError",
    "ExternalDagNotFoundError",
    "ExternalTaskFailedError",
    "ExternalTaskGroupFailedError",
    "ExternalTaskGroupNotFoundError",
    "ExternalTaskNotFoundError",
]

AirflowExternalTaskSensorException = AirflowException
ExternalTaskNotFoundError = ExternalDagNotFoundError
ExternalTaskGroupNotFoundError = ExternalDagNotFoundError
ExternalDagDeletedError = ExternalDagNotFoundError
ExternalDagFailedError = ExternalTaskFailedError
ExternalTaskGroupFailedError = ExternalTaskFailedError


class DuplicateStateError(AirflowException):
    """A state is in two of allowed_states, skipped_states and failed_states."""
