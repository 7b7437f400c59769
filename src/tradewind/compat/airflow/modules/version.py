"""The version that `airflow` tells, in the forms in which it is asked for."""

from __future__ import annotations

from tradewind.compat.airflow.finder import AIRFLOW_VERSION

__all__ = [
    "AIRFLOW_VERSION",
    "AIRFLOW_V_3_0_PLUS",
    "AIRFLOW_V_3_1_PLUS",
    "AIRFLOW_V_3_2_PLUS",
    "AIRFLOW_V_3_3_PLUS",
    "ID_LEN",
    "SDK_VERSION",
    "TRUE",
    "get_base_airflow_version_tuple",
]

SDK_VERSION = "1.3.2"
TRUE = True
ID_LEN = 250
AIRFLOW_V_3_0_PLUS = AIRFLOW_V_3_1_PLUS = AIRFLOW_V_3_2_PLUS = AIRFLOW_V_3_3_PLUS = True


def get_base_airflow_version_tuple() -> tuple[int, int, int]:
    """Return the version as numbers."""
    major, minor, micro = AIRFLOW_VERSION.split(".")
    return int(major), int(minor), int(micro)
