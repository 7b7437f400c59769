"""Load the example DAG files in the source packages of providers; run by `test_examples.py`.

    python examples.py FOLDER …

Each folder is `tests/system` of a source package. Their files import `tests_common`, Airflow's
own test tools, which no registry has: what they use of it stands in here. Prints JSON: by file,
how many DAGs it has, or the error.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import types
from pathlib import Path
from typing import Any

from tradewind.compat import airflow
from tradewind.sdk import DAG, EmptyOperator, task
from tradewind.sdk.build import to_spec
from tradewind.sdk.loading import load_dag_file


def stand_in() -> None:
    """Make `tests_common`, as far as the examples use it."""

    @task(trigger_rule="one_failed", retries=0)
    def watcher() -> None:
        """Fail when any task failed."""

    def get_test_run(dag: DAG, **_: Any) -> Any:
        return dag.test

    parts: dict[str, dict[str, Any]] = {
        "system_tests": {"get_test_run": get_test_run},
        "watcher": {"watcher": watcher},
        "version_compat": {"AIRFLOW_V_3_0_PLUS": True},
        "compat": {"EmptyOperator": EmptyOperator},
        "api_client_helpers": {"create_airflow_connection": lambda *_, **__: None},
    }
    for name in ("tests_common", "tests_common.test_utils"):
        module = types.ModuleType(name)
        module.__path__ = []
        sys.modules[name] = module
    for name, values in parts.items():
        module = types.ModuleType(f"tests_common.test_utils.{name}")
        vars(module).update(values)
        sys.modules[module.__name__] = module


def outcome(path: Path) -> Any:
    """Return how many DAGs a file has, or its error."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return len(
                [to_spec(dag) for dag in load_dag_file(str(path), str(path.parent)).dags.values()]
            )
    except BaseException as error:  # noqa: BLE001 - a file may raise anything
        return f"{type(error).__name__}: {error}"


def main() -> None:
    """Load them all."""
    airflow.install()
    stand_in()
    found = {}
    for root in map(Path, sys.argv[1:]):
        sys.path.insert(0, str(root.parent))  # they import each other as `system.…`
        for path in sorted(root.rglob("example_*.py")):
            found[str(path.relative_to(root))] = outcome(path)
        sys.path.remove(str(root.parent))
        for name in [name for name in sys.modules if name.partition(".")[0] == "system"]:
            del sys.modules[name]
    print(json.dumps(found))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
