"""Cluster policies: functions of the deployment that look at every DAG and task, and change them.

They are in a module `tradewind_local_settings` or `airflow_local_settings`: in the folder `config`
beside the plugins folder, in the plugins folder, or anywhere that Python imports from.

    dag_policy(dag)     once for each DAG; may change it
    task_policy(task)   once for each of its tasks; may change it

A policy refuses a DAG by raising `AirflowClusterPolicyViolation`, which is the file's import
error, or leaves it out by raising `AirflowClusterPolicySkipDag`.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tradewind.errors import DagError
from tradewind.sdk import defaults
from tradewind.sdk.exceptions import AirflowClusterPolicySkipDag, AirflowClusterPolicyViolation

MODULES = ("tradewind_local_settings", "airflow_local_settings")


def local_settings() -> Any:
    """Return the module with the policies, or None."""
    return _module(defaults.current().plugins_folder)


@cache
def _module(plugins_folder: str) -> Any:
    if plugins_folder:
        folder = Path(plugins_folder)
        for place in (folder.parent / "config", folder):
            if place.is_dir() and str(place) not in sys.path:
                sys.path.append(str(place))
    for name in MODULES:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise DagError(f"{name}.py cannot be imported: {error}") from error
        except Exception as error:
            raise DagError(f"{name}.py cannot be imported: {error}") from error
    return None


def keeps(dag: Any) -> bool:
    """Apply the policies to a DAG; tell whether it is to be kept.

    Raises:
        DagError: a policy refuses the DAG, or fails; names the policy, the DAG and the task.
    """
    module = local_settings()
    if module is None:
        return True
    task_policy = getattr(module, "task_policy", None)
    dag_policy = getattr(module, "dag_policy", None)
    try:
        if task_policy is not None:
            for task in dag.tasks:
                _apply("task_policy", task_policy, task, task.described)
        if dag_policy is not None:
            _apply("dag_policy", dag_policy, dag, f"DAG {dag.dag_id!r}")
    except AirflowClusterPolicySkipDag:
        return False
    return True


def _apply(name: str, policy: Any, subject: Any, where: str) -> None:
    try:
        policy(subject)
    except AirflowClusterPolicySkipDag:
        raise
    except AirflowClusterPolicyViolation as error:
        raise DagError(f"{where}: refused by {name} of this deployment: {error}") from error
    except Exception as error:
        raise DagError(
            f"{where}: {name} of this deployment failed: {type(error).__name__}: {error}"
        ) from error


def forget() -> None:
    """Look for the module again at the next call: for tests, which have folders of their own."""
    _module.cache_clear()
