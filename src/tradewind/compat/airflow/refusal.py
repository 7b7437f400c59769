"""The error about what a DAG file asks of `airflow` and cannot have."""

from __future__ import annotations

from tradewind.errors import DagError


class AirflowNameError(DagError, ImportError):
    """A DAG file imports a name of Airflow's that Tradewind does not have.

    An ImportError, so that `try: … except ImportError:` in a file goes the other way.
    """
