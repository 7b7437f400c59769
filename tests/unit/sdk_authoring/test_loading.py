from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tradewind.sdk
from tradewind.errors import DagError
from tradewind.sdk.loading import LoadedFile, load_dag_file

FILE = """
import warnings
from tradewind.sdk import DAG, dag, task
from beside import NAME

one = DAG(NAME)
with DAG("registered"):
    pass
DAG("bare")

@dag
def called():
    @task
    def t(): ...
    t()

called()
with DAG("hidden", auto_register=False):
    pass
warnings.warn("old", DeprecationWarning)
"""


def load(folder: Path, name: str = "a.py") -> LoadedFile:
    return load_dag_file(str(folder / name), str(folder))


def test_global_and_registered_dags_and_warnings(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FILE)
    (tmp_path / "beside.py").write_text("NAME = 'one'")
    loaded = load(tmp_path)
    assert list(loaded.dags) == ["one", "registered", "bare", "called"]
    assert any("DeprecationWarning: old" in text for text in loaded.warnings)
    assert loaded.dags["one"].fileloc == str(tmp_path / "a.py")
    assert loaded.dags["one"].relative_fileloc == "a.py"


def test_an_edit_that_keeps_second_and_size_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "edited.py"
    for name in ("a", "b"):
        path.write_text(f"from tradewind.sdk import DAG\nd = DAG('{name}')\n", encoding="utf-8")
        os.utime(path, (1_700_000_000, 1_700_000_000))
        assert list(load_dag_file(str(path), str(tmp_path)).dags) == [name]
    assert not (tmp_path / "__pycache__").exists()


def test_two_dags_with_one_id_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from tradewind.sdk import DAG\na = DAG('x')\nb = DAG('x')\n")
    with pytest.raises(DagError, match="two DAGs with the dag_id 'x'"):
        load(tmp_path)


def test_a_member_of_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr(
            "inner.py", "from tradewind.sdk import DAG\nimport lib_in_zip\nDAG('z')\nd = DAG('q')"
        )
        archive.writestr("lib_in_zip.py", "")
    assert list(load(tmp_path, "p.zip/inner.py").dags) == ["q", "z"]


def test_a_file_that_raises_leaves_no_module(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1 / 0")
    before = set(sys.modules)
    with pytest.raises(ZeroDivisionError):
        load(tmp_path)
    assert not {name for name in set(sys.modules) - before if name.startswith("tradewind_dag_")}


def test_every_name_of_the_package_can_be_had() -> None:
    for name in tradewind.sdk.__all__:
        assert getattr(tradewind.sdk, name) is not None


def test_authoring_loads_no_heavy_library() -> None:
    code = (
        "import sys\nfrom tradewind.sdk import DAG, dag, task, BaseOperator\n"
        "print([m for m in ('asyncio', 'jinja2', 'pendulum', 'jsonschema', 'sqlalchemy')"
        " if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
