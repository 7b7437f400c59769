"""What becomes of each example DAG file of Airflow's own packages.

`NOT_RUN`: the file parses; why it is not run here. `NOT_PARSED`: what it needs to be parsed.
`RUNS`: what its run needs, and what it comes to where that is not success of everything.
Files that stand in none of these parse, and all their DAGs succeed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

CORE = "airflow/example_dags"
STANDARD = "airflow/providers/standard/example_dags"
FOLDERS = (CORE, STANDARD)

NOT_YET = "not in this version of Tradewind"

NOT_PARSED: dict[str, str] = {
    f"{CORE}/example_asset_partition.py": "partitions of assets",
}
"""By file, what is not in this version of Tradewind."""

NEEDS_PACKAGE: dict[str, str] = {
    f"{CORE}/example_dag_decorator.py": "httpx",
}
"""By file, the package that it imports, which is not among Tradewind's own."""

NOT_RUN: dict[str, str] = {
    f"{CORE}/example_kubernetes_executor.py": "its tasks look for what a pod mounts",
    f"{CORE}/example_local_kubernetes_executor.py": "its tasks look for what a pod mounts",
    f"{CORE}/tutorial_taskflow_api_virtualenv.py": "its tasks need the package dill",
    f"{CORE}/tutorial_objectstorage.py": "calls a server in the internet",
    f"{CORE}/example_retry_policy.py": "calls a server in the internet",
}


class Running(NamedTuple):
    """How a file's DAGs are run."""

    conf: Mapping[str, Any] = {}
    failed: tuple[str, ...] = ()
    """DAGs that fail, as they do in Airflow."""
    beside: tuple[str, ...] = ()
    """Files whose DAGs the tasks trigger or look at."""
    answers: Mapping[str, Any] = {}
    """What people answer the tasks that ask them."""
    at_once: bool = False
    """Its tasks need each other while they run: run it in processes, by `tradewind run`."""


RUNS: dict[str, Running] = {
    f"{CORE}/example_failed_dag.py": Running(failed=("example_failed_dag",)),
    f"{CORE}/example_params_ui_tutorial.py": Running(conf={"required_field": "given by hand"}),
    f"{CORE}/example_passing_params_via_test_command.py": Running(conf={"foo": "bar"}),
    # Its asset has another name than the one that the other example writes: no event, no [-1].
    f"{CORE}/example_inlet_event_extra.py": Running(failed=("read_asset_event_from_classic",)),
    # Waits for a task group that there is not.
    f"{STANDARD}/example_external_task_marker_dag.py": Running(
        failed=("example_external_task_marker_child",)
    ),
    f"{STANDARD}/example_hitl_operator.py": Running(
        answers={
            "wait_for_input": "OK",
            "wait_for_option": "option 2",
            "wait_for_multiple_options": ["option 4", "option 6"],
            "valid_input_and_options": "Approve",
            "choose_a_branch_to_run": "task_3",
        }
    ),
    # One task waits for a file that another makes meanwhile.
    f"{STANDARD}/example_sensors.py": Running(at_once=True),
    f"{STANDARD}/example_trigger_controller_dag.py": Running(
        beside=(f"{CORE}/example_trigger_target_dag.py",)
    ),
    f"{STANDARD}/example_external_task_parent_deferrable.py": Running(
        beside=(f"{STANDARD}/example_external_task_child_deferrable.py",)
    ),
}


OLDER = {"1.10.15": "3.8", "2.0.2": "3.8", "2.4.3": "3.9", "2.7.3": "3.10", "2.10.5": "3.10"}
"""Versions of Airflow whose own examples are parsed, and a Python that they run on."""

OLDER_NOT_PARSED: dict[str, str] = {
    "example_dag_decorator": "needs the package httpx",
    "example_http_operator": "needs the http provider",
    "example_kubernetes_executor_config": "needs the cncf.kubernetes provider",
    "example_pig_operator": "needs the apache.pig provider",
    "example_subdag_operator": "SubDagOperator: a TaskGroup instead",
    "example_trigger_controller_dag": "TriggerDagRunOperator(python_callable=…): conf instead",
}
"""By name, of whichever version has it in a form that does not parse."""


def files(root: Path) -> list[str]:
    """Return the example DAG files in the unpacked packages, by their names below the folder."""
    return sorted(
        str(path.relative_to(root))
        for folder in FOLDERS
        for path in (root / folder).glob("*.py")
        if path.name != "__init__.py"
    )
