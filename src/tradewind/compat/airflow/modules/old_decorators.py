"""`airflow.utils.decorators` of Airflow 1 and 2."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def apply_defaults(func: T) -> T:
    """Return the function as it is: operators take `default_args` without it."""
    return func
