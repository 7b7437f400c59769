"""Airflow's names for Tradewind's things: DAG files written for Airflow 1.10 to 3.3 run unchanged.

A process that imports user code calls `install()`; from then on `import airflow` and everything
below it leads to the SDK, whether or not Apache Airflow is installed. No server does this, and
no package named `airflow` is installed by it.

`finder` makes the modules; `tables` says, as data, what each name is; `modules` has what
Airflow's users call and the SDK has no need of; `missing` words the refusals.
"""

from __future__ import annotations

from tradewind.compat.airflow.finder import AIRFLOW_VERSION, install, uninstall

__all__ = ["AIRFLOW_VERSION", "install", "uninstall"]
