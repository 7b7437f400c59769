"""Every method of Airflow's official client has a route here, found by looking at the client."""

from __future__ import annotations

import inspect
import re

import airflow_client.client.api as apis

from tests.unit.web.test_matrix import endpoints
from tests.unit.web.world import World

WITHOUT: dict[str, str] = {
    "create_default_connections": "Airflow's samples; nothing here reads them",
    "clear_dag_run_partitions": "runs have no partitions here",
}
"""Methods that have no route, and why."""
_METHOD = re.compile(r"method='(\w+)'")
_PATH = re.compile(r"resource_path='([^']+)'")


def client_methods() -> dict[str, tuple[str, str]]:
    """Return by name what each method of the client sends: the verb and the path."""
    found: dict[str, tuple[str, str]] = {}
    for _, api in inspect.getmembers(apis, inspect.isclass):
        for name, function in inspect.getmembers(api, inspect.isfunction):
            if name.startswith("_") and name.endswith("_serialize"):
                source = inspect.getsource(function)
                method, path = _METHOD.search(source), _PATH.search(source)
                assert method is not None
                assert path is not None
                found[name[1 : -len("_serialize")]] = (method[1], without_names(path[1]))
    return found


def without_names(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "{}", path)


def test_each_method_of_the_client_has_a_route(world: World) -> None:
    methods = client_methods()
    assert len(methods) > 120
    ours = {(e.method, without_names(e.path)) for e in endpoints(world)}
    missing = {name for name, sent in methods.items() if sent not in ours}
    assert missing == set(WITHOUT)
