"""Runs of the corpus, task by task: states, XComs and rendered fields, beside `dag.test()`'s."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.compat.test_corpus import FILES, told
from tests.differential import ours
from tests.differential.airflow_side import AirflowSide

NOW = "2026-04-01T00:00:00+00:00"

REFUSED = {
    "airflow_1_flat_imports": "modules of Airflow 1",
    "airflow_1_vocabulary": "modules of Airflow 1",
    "dag_parameters": "a required param without a value",
    "datasets": "airflow.datasets",
    "dates_of_airflow_2": "schedule_interval",
    "fail_fast": "fail_stop, its name in Airflow 2",
    "latest_only_and_dates": "airflow.utils.weekday",
    "old_trigger_rules": "rules of Airflow 1",
    "taskflow": "days_ago",
    "trigger_dag_run": "execution_date",
    "variables": "Variable.get(default=…) beside airflow.models",
    "xcom_pull_of_any_task": "schedule_interval",
}
"""Files of the corpus that Airflow 3.3 does not load, and what in them it refuses."""

NOT_RUN = {
    "deadlines": "Airflow's own `dag.test()` raises on a DAG with deadlines, on SQLite",
    "deferrable": "its triggers wait for an hour, and Airflow's clock cannot be set forward there",
    "external_task": "looks at a run of another DAG, which `dag.test()` does not make",
    "state_stores": "uses `aget`, which the stores of Airflow 3.3.2 do not have",
    "sensors": "waits for a file that the corpus' own test makes",
}

BRANCHES = {"branching", "short_circuit"}
"""Airflow loses what these return."""

RENDERED_OTHERWISE = {
    "bash_decorator": "Airflow shows the variables that it adds to the environment",
    "mapping": "Airflow does not look into what several instances returned",
}


def files() -> list[Any]:
    """Return the files with DAGs that are run, and the ids of those."""
    return [
        pytest.param(path, dag_id, id=f"{path.stem}-{dag_id}")
        for path in FILES
        if path.stem not in NOT_RUN
        for dag_id, what in told(path).get("EXPECTED", {}).items()
        if "run" in what
    ]


@pytest.mark.parametrize(("path", "dag_id"), files())
def test_run(airflow_side: AirflowSide, path: Path, dag_id: str) -> None:
    said = told(path)["EXPECTED"][dag_id]
    asked = {"at": said.get("at", NOW), "conf": said.get("conf"), "now": NOW}
    theirs = airflow_side.ask("run", path=str(path), dag_id=dag_id, **asked)
    assert ("refused" in theirs) == (path.stem in REFUSED), theirs
    if "refused" in theirs:
        return
    mine = json.loads(json.dumps(ours.run(path, dag_id, **asked), default=str))
    assert comparable(mine, path.stem, mine["run_id"]) == comparable(
        theirs, path.stem, theirs["run_id"]
    )


def comparable(run: dict[str, Any], file: str, run_id: str) -> dict[str, Any]:
    """Return what has to agree of a run; docs/differences-from-airflow.md has the rest."""
    xcoms = dict(run["xcoms"])
    for name in run["xcoms"]:
        _, _, key = name.partition(":")
        if key == "skipmixin_key" or key.startswith("_link_"):
            del xcoms[name]
        if file in BRANCHES and key == "return_value":
            del xcoms[name]
    if file == "async_operators":
        # Of a host without a scheme Airflow makes "//login:password@/host", which leads nowhere.
        del xcoms["index:return_value"]
    if file == "context":
        del xcoms["names:return_value"]["state"]
    found = {
        "run": run["run"],
        "states": run["states"],
        "xcoms": xcoms,
        "rendered": {} if file in RENDERED_OTHERWISE else run["rendered"],
    }
    replaced: dict[str, Any] = json.loads(json.dumps(found).replace(run_id, "RUN ID"))
    return replaced
