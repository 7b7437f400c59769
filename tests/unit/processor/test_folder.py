from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from tradewind.errors import Unavailable
from tradewind.processor.folder import Folder
from tradewind.wire.snapshot import MAX_BLOB, Kind

DAG = "from tradewind.sdk import DAG\nDAG('x')\n"


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_py", ".py").replace("_txt", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(folder: Folder) -> set[str]:
    return set(folder.scan().dag_files())


def test_only_files_that_may_hold_dags_are_dag_files(tmp_path: Path) -> None:
    write(tmp_path, a_py=DAG, sub__b_py="import airflow\n@DAG", c_py="x = 1", d_txt=DAG)
    folder = Folder(tmp_path)
    assert names(folder) == {"a.py", "sub/b.py"}
    assert set(folder.scan().items) == {"a.py", "sub/b.py", "c.py", "d.txt"}


def test_without_safe_mode_every_python_file_counts(tmp_path: Path) -> None:
    write(tmp_path, c_py="x = 1")
    assert names(Folder(tmp_path, safe_mode=False)) == {"c.py"}


def test_hidden_and_cache_folders_are_not_searched(tmp_path: Path) -> None:
    for name in (".git", "__pycache__", ".venv"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text(DAG)
    assert names(Folder(tmp_path)) == set()


def test_ignore_files_apply_below_their_folder(tmp_path: Path) -> None:
    write(tmp_path, a_py=DAG, sub__b_py=DAG, sub__c_py=DAG, lib__d_py=DAG)
    (tmp_path / ".airflowignore").write_text("lib/\n")
    (tmp_path / "sub/.tradewindignore").write_text("c.py\n")
    folder = Folder(tmp_path)
    assert names(folder) == {"a.py", "sub/b.py"}
    assert folder.scan().ignored == {"lib", "sub/c.py"}


def test_a_wrong_ignore_file_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    write(tmp_path, a_py=DAG)
    (tmp_path / ".airflowignore").write_text("(\n")
    scan = Folder(tmp_path, ignore_syntax="regexp").scan()
    assert "a.py" in scan.items
    assert "is not a pattern" in scan.problems[".airflowignore"]


def test_members_at_the_top_of_a_zip_are_dag_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        archive.writestr("one.py", DAG)
        archive.writestr("helper.py", "x = 1")
        archive.writestr("deep/two.py", DAG)
    folder = Folder(tmp_path)
    assert folder.scan().dag_files() == {"pack.zip/one.py": "pack.zip"}


def test_a_zip_that_breaks_keeps_its_members_and_tells(tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.py", DAG)
    folder = Folder(tmp_path)
    folder.scan()
    path.write_bytes(b"no zip at all")
    scan = folder.scan()
    assert set(scan.dag_files()) == {"pack.zip/one.py"}
    assert "zip" in scan.problems["pack.zip"]
    assert folder.scan().problems == scan.problems, "an unchanged problem stays"


def test_an_unchanged_stamp_is_believed_unless_suspected(tmp_path: Path) -> None:
    write(tmp_path, a_py=DAG)
    path = tmp_path / "a.py"
    folder = Folder(tmp_path)
    first = folder.scan()
    assert folder.scan().items["a.py"] is first.items["a.py"]
    again = folder.scan(suspects={"a.py"})
    assert again.items["a.py"] is not first.items["a.py"]
    assert again.content("a.py") == first.content("a.py")
    path.write_text(DAG + "# more\n")
    assert folder.scan().content("a.py") != first.content("a.py")


def test_large_files_are_left_out_but_noticed(tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    with path.open("wb") as handle:
        handle.truncate(MAX_BLOB + 1)
    folder = Folder(tmp_path)
    first = folder.scan()
    assert first.items["data.bin"].kind is Kind.LEFT_OUT
    os.utime(path, ns=(1, 1))
    assert folder.scan().content("data.bin") != first.content("data.bin")


def test_ignored_files_that_somebody_reads_are_in_the_picture(tmp_path: Path) -> None:
    write(tmp_path, lib__helper_py="x = 1")
    (tmp_path / ".airflowignore").write_text("lib\n")
    folder = Folder(tmp_path)
    assert "lib/helper.py" not in folder.scan().items
    assert "lib/helper.py" in folder.include(["lib/helper.py", "lib/none.py"]).items
    scan = folder.scan(also=["lib/helper.py", "lib/none.py"])
    assert scan.content("lib/helper.py") is not None
    assert scan.content("lib/none.py") is None


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    write(tmp_path, sub__a_py=DAG)
    (tmp_path / "sub/loop").symlink_to(tmp_path / "sub")
    assert names(Folder(tmp_path)) == {"sub/a.py"}


def test_fifos_and_broken_links_are_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    assert Folder(tmp_path).scan().items == {}


def test_a_folder_that_is_not_there_is_no_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="is not there"):
        Folder(tmp_path / "none").scan()


def test_names_in_a_folder_have_a_fingerprint(tmp_path: Path) -> None:
    write(tmp_path, sql__a_txt="1")
    folder = Folder(tmp_path)
    first = folder.scan().listings["sql"]
    write(tmp_path, sql__a_txt="2")
    (tmp_path / "sql/__pycache__").mkdir()
    assert folder.scan().listings["sql"] == first
    write(tmp_path, sql__b_txt="1")
    assert folder.scan().listings["sql"] != first


def test_paths_inside_and_outside(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    link = tmp_path / "link"
    link.symlink_to(real)
    folder = Folder(link)
    assert folder.relative(str(link / "a/b.py")) == "a/b.py"
    assert folder.relative(str(real / "b.py")) == "b.py"
    assert folder.relative(str(link)) == ""
    assert folder.relative(str(tmp_path / "link2/b.py")) is None
