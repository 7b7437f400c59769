"""The example DAG files of Airflow's own packages: they parse, and run to their end.

What becomes of each is written down in docs/airflow-examples.md, which
`python -m tools.airflow_examples` makes with the functions here.
"""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.compat.examples import (
    NEEDS_PACKAGE,
    NOT_PARSED,
    NOT_RUN,
    NOT_YET,
    OLDER,
    OLDER_NOT_PARSED,
    RUNS,
    Running,
    files,
)
from tests.compat.wheels import ROOT, older, unpacked
from tradewind.compat import airflow
from tradewind.sdk import runtime
from tradewind.sdk.build import to_spec
from tradewind.sdk.loading import LoadedFile, load_dag_file
from tradewind.testing import FakeClock, MemoryStore, run_dag
from tradewind.testing.parsing import ParseRuntime

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

PAGE = ROOT / "docs" / "airflow-examples.md"


@contextmanager
def at_home(root: Path) -> Iterator[Path]:
    """Let `import airflow` be Tradewind's, with an unpacked package's folders behind it."""
    airflow.uninstall()
    airflow.install()
    sys.path.append(str(root))
    before = runtime.install(ParseRuntime(MemoryStore()))
    try:
        yield root
    finally:
        runtime.install(before)
        sys.path.remove(str(root))
        airflow.uninstall()


def load(root: Path, name: str) -> LoadedFile:
    path = root / name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = load_dag_file(str(path), str(path.parent))
    for dag in file.dags.values():
        to_spec(dag)
    return file


def row(name: str, dags: int | None, outcome: str) -> str:
    """Return a line of the table."""
    short = name.removeprefix("airflow/").removesuffix(".py")
    return f"| `{short}` | {'' if dags is None else dags} | {outcome} |"


def outcome(root: Path, name: str) -> str:
    """Parse and run a file; return its line of the table."""
    if name in NOT_PARSED:
        with pytest.raises((ImportError, AttributeError), match=r"Tradewind"):
            load(root, name)
        return row(name, None, f"not parsed: {NOT_PARSED[name]} is {NOT_YET}")
    if name in NEEDS_PACKAGE:
        return row(name, None, f"not parsed here: needs the package {NEEDS_PACKAGE[name]}")
    file = load(root, name)
    if not file.dags:
        return row(name, 0, "parses; defines no DAG without the package kubernetes")
    if name in NOT_RUN:
        return row(name, len(file.dags), f"parses; not run: {NOT_RUN[name]}")
    failed = run_all(root, name, file, RUNS.get(name, Running()))
    return row(name, len(file.dags), f"runs; {failed} fails, as in Airflow" if failed else "runs")


def run_all(root: Path, name: str, file: LoadedFile, how: Running) -> str:
    if how.at_once:
        done = subprocess.run(
            [sys.executable, "-m", "tradewind.cli", "run", "--plain", str(root / name)],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
        return ""
    store = MemoryStore()
    beside = [dag for other in how.beside for dag in load(root, other).dags.values()]
    for dag_id, dag in file.dags.items():
        others = [other for other in file.dags.values() if other is not dag]
        run = run_dag(
            dag,
            run_conf=how.conf,
            clock=FakeClock(),
            others=[*others, *beside],
            answers=how.answers,
            store=store,
        )
        wanted = "failed" if dag_id in how.failed else "success"
        assert run.state == wanted, (name, dag_id, run.states)
    return ", ".join(how.failed)


def test_examples() -> None:
    """All in one test: fetching is once, and each file's modules are forgotten after it."""
    found = []
    for name in files(unpacked()):
        with at_home(unpacked()) as root:
            found.append(outcome(root, name))
    known = NOT_PARSED.keys() | NEEDS_PACKAGE.keys() | NOT_RUN.keys() | RUNS.keys()
    assert not known - set(files(unpacked())), "these examples are gone"
    written = PAGE.read_text(encoding="utf-8").splitlines()
    lines = [line for line in written if line.startswith("| `")]
    assert lines == found, (
        "docs/airflow-examples.md is out of date: run python -m tools.airflow_examples"
    )


def older_row(version: str, python: str) -> str:
    """Parse the examples of an older Airflow; return its line of the table."""
    parsed, why = 0, []
    names = sorted((older(version, python) / "airflow" / "example_dags").glob("*.py"))
    for path in names:
        if path.name == "__init__.py":
            continue
        with at_home(older(version, python)) as root:
            try:
                load(root, str(path.relative_to(root)))
            except (ImportError, TypeError):
                if path.stem not in OLDER_NOT_PARSED:
                    raise
                why.append(f"`{path.stem}`: {OLDER_NOT_PARSED[path.stem]}")
            else:
                parsed += 1
    return f"| {version} | {parsed + len(why)} | {parsed} | {'; '.join(why)} |"


def test_older_examples() -> None:
    found = [older_row(version, python) for version, python in OLDER.items()]
    written = PAGE.read_text(encoding="utf-8").splitlines()
    lines = [line for line in written if re.match(r"\| \d", line)]
    assert lines == found, "docs/airflow-examples.md: run python -m tools.airflow_examples"
