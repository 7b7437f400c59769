"""Cluster policies: functions of the deployment that look at every DAG and task, and change them.

They are in a module `tradewind_local_settings` or `airflow_local_settings`: in the folder `config`
beside the plugins folder, in the plugins folder, or anywhere that Python imports from.

    dag_policy(dag)     once for each DAG; may change it
    task_policy(task)   once for each of its tasks; may change it
    task_instance_mutation_hook(task_instance, dag_run)
                        once for each of its tasks, when the file is parsed: there is no run yet, so
                        dag_run is None; may change the queue, pool, pool_slots, priority_weight,
                        executor, executor_config, run_as_user and max_tries of all its instances
    pod_mutation_hook(pod)
                        each pod that a task makes (KubernetesPodOperator), in the task's process
    get_airflow_context_vars(context)
                        more of what names a task to its sub-processes, as AIRFLOW_CTX_…

A policy refuses a DAG by raising `AirflowClusterPolicyViolation`, which is the file's import
error, or leaves it out by raising `AirflowClusterPolicySkipDag`.
"""

from __future__ import annotations

import functools
import importlib
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tradewind.errors import DagError
from tradewind.sdk import defaults
from tradewind.sdk.exceptions import AirflowClusterPolicySkipDag, AirflowClusterPolicyViolation
from tradewind.sdk.injection import call_with_context

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
    mutate = getattr(module, "task_instance_mutation_hook", None)
    try:
        if task_policy is not None:
            for task in dag.tasks:
                _apply("task_policy", task_policy, task, task.described)
        if dag_policy is not None:
            _apply("dag_policy", dag_policy, dag, f"DAG {dag.dag_id!r}")
        for task in dag.tasks if mutate is not None else ():
            _apply(
                "task_instance_mutation_hook",
                functools.partial(_mutate, mutate),
                task,
                task.described,
            )
    except AirflowClusterPolicySkipDag:
        return False
    return True


_OF_INSTANCES = {
    name: name
    for name in (
        *("queue", "pool", "pool_slots", "priority_weight", "executor", "executor_config"),
        "run_as_user",
    )
} | {"max_tries": "retries"}
"""What the hook may change of a task's instances, and the task's attribute that says so."""


def _mutate(hook: Any, task: Any) -> None:
    """Let the hook change what holds for all instances of a task."""
    before = {name: getattr(task, own) for name, own in _OF_INSTANCES.items()}
    instance = SimpleNamespace(
        **before,
        task=task,
        task_id=task.task_id,
        dag_id=task.dag_id,
        operator=task.operator_name,
        map_index=-1,
        try_number=0,
        run_id=None,
        state=None,
        dag_run=None,
    )
    call_with_context(hook, (instance,), {}, {"dag_run": None})
    for name, own in _OF_INSTANCES.items():
        if getattr(instance, name) != before[name]:
            _set(task, own, getattr(instance, name))


def _set(task: Any, name: str, value: Any) -> None:
    constant = getattr(task, "partial_kwargs", None)
    if constant is not None and name in constant:  # what instances of a mapped task are made of
        constant[name] = value
    setattr(task, name, value)


def mutate_pod(pod: Any) -> None:
    """Let the deployment change a pod that a task is about to make."""
    hook = getattr(local_settings(), "pod_mutation_hook", None)
    if hook is not None:
        hook(pod)


def context_variables(context: Any) -> dict[str, str]:
    """Return what the deployment adds to the names of a task that its sub-processes are given.

    Raises:
        DagError: the policy fails, or returns something else than a dict of texts.
    """
    policy = getattr(local_settings(), "get_airflow_context_vars", None)
    if policy is None:
        return {}
    where = "get_airflow_context_vars of this deployment"
    try:
        found = dict(policy(context))
    except Exception as error:
        raise DagError(f"{where} failed: {type(error).__name__}: {error}") from error
    odd = [name for pair in found.items() for name in pair if not isinstance(name, str)]
    if odd:
        raise DagError(f"{where} must return a dict of texts; {odd[0]!r:.60} is none")
    return found


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
