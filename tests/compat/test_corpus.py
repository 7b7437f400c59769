"""One DAG file for each feature of Airflow's: it parses, its specification and its run are right.

A file of `dags/` is a user's file, in Airflow's words. Its last statement says what is expected:

    EXPECTED = {
        "<dag_id>": {
            "dag": {field of the specification: value},
            "tasks": {task_id: {field: value; "upstream": ids}},
            "conf": {…}, "at": "<logical date>" (None: a run without),
            "run": "success", "states": {task: state}, "xcoms": {task: value},
            "rendered": …
        },
    }

A DAG without "run" is not run. `REFUSED` in place of it: the file does not load, and why.
`NOTES`: what its author is told. The clock jumps, so that no file waits.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tradewind.compat import airflow
from tradewind.errors import DagError
from tradewind.model.defaults import DagDefaults
from tradewind.model.spec import DagSpec
from tradewind.sdk import defaults
from tradewind.sdk.build import to_spec
from tradewind.sdk.loading import LoadedFile, load_dag_file
from tradewind.testing import FakeClock, run_dag

FOLDER = Path(__file__).parent / "dags"
FILES = sorted(FOLDER.glob("*.py"))


@pytest.fixture(autouse=True)
def _airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    airflow.uninstall()
    airflow.install()
    before = defaults.install(DagDefaults())
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "Delft")
    monkeypatch.setenv("AIRFLOW_VAR_SETTINGS", '{"n": 3}')
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "http://me:pw@shop.example:8080/v1?timeout=5")
    yield
    defaults.install(before)
    airflow.uninstall()


def told(path: Path) -> dict[str, Any]:
    """Return what the file says of itself, without running it."""
    found: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in {"EXPECTED", "REFUSED", "NOTES"}:
                found[name] = ast.literal_eval(node.value)
    return found


def loaded(path: Path) -> LoadedFile:
    return load_dag_file(str(path), str(FOLDER))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file(path: Path) -> None:
    said = told(path)
    if "REFUSED" in said:
        with pytest.raises((DagError, AttributeError), match=said["REFUSED"]):
            loaded(path)
        return
    file = loaded(path)
    assert set(file.dags) == set(said["EXPECTED"])
    for note in said.get("NOTES", ()):
        assert any(note in warning for warning in file.warnings), file.warnings
    if "NOTES" not in said:
        assert not file.warnings
    for dag_id, expected in said["EXPECTED"].items():
        check_spec(to_spec(file.dags[dag_id]), expected)
        if "run" in expected:
            check_run(file, dag_id, expected)


def check_spec(spec: DagSpec, expected: dict[str, Any]) -> None:
    for name, value in expected.get("dag", {}).items():
        found = plain(getattr(spec, name))
        if isinstance(value, dict):  # of what has defaults, what the file says
            found = {key: found.get(key) for key in value}
        assert found == value, name
    names = [task.task_id for task in spec.tasks]
    for task_id, fields in expected.get("tasks", {}).items():
        task = spec.tasks[names.index(task_id)]
        fields_found = {
            name: sorted(names[i] for i in task.upstream)
            if name == "upstream"
            else plain(getattr(task, name))
            for name in fields
        }
        assert fields_found == fields, task_id


def plain(value: Any) -> Any:
    """Return a value as JSON would have it; times as their text."""
    return msgspec.json.decode(msgspec.json.encode(value))


def check_run(file: LoadedFile, dag_id: str, expected: dict[str, Any]) -> None:
    at = {"logical_date": expected["at"]} if "at" in expected else {}
    run = run_dag(
        file.dags[dag_id],
        run_conf=expected.get("conf"),
        clock=FakeClock(),
        others=[dag for name, dag in file.dags.items() if name != dag_id],
        **at,
    )
    states = {name: state for name, state in run.states.items() if state != "success"}
    wanted = {n: s for n, s in expected.get("states", {}).items() if s != "success"}
    assert (str(run.state), states) == (expected["run"], wanted)
    for name, value in expected.get("xcoms", {}).items():
        task_id, _, key = name.partition(":")
        task_id, _, index = task_id.removesuffix("]").partition("[")
        pulled = run.xcom(task_id, key or "return_value", map_index=int(index or -1))
        assert pulled == value, name


def test_every_area_has_a_file() -> None:
    assert len(FILES) >= 60
