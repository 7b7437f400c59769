"""Exceptions of Airflow's that nothing here raises; DAG files name them in `except`."""

from __future__ import annotations

from tradewind.sdk.exceptions import AirflowException


class AirflowInternalRuntimeError(BaseException):
    """An invariant of Airflow's is broken."""


class AirflowDagDuplicatedIdException(AirflowException):
    """Two files have a DAG of the same id."""


class AirflowFileParseException(AirflowException):
    """A file of variables or connections cannot be read."""


class AirflowClusterPolicyError(AirflowException):
    """A cluster policy fails."""


class DeserializingResultError(ValueError):
    """A result cannot be read by this version of Python."""


class SerializationError(AirflowException):
    """A DAG cannot be written down."""


class TaskConcurrencyLimitReached(AirflowException):
    """A task has as many instances as it may."""


class UnknownExecutorException(ValueError):
    """There is no such executor."""
