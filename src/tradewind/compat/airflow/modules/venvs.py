"""`airflow.operators.python.is_venv_installed` of Airflow 2."""

from __future__ import annotations


def is_venv_installed() -> bool:
    """Tell whether virtual environments can be made: always."""
    return True
