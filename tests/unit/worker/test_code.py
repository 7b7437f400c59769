from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tradewind.errors import DagError
from tradewind.wire import snapshot
from tradewind.worker import code
from tradewind.worker.code import Pin, Place


class Objects:
    """What the server has stored."""

    def __init__(self) -> None:
        self.packed: dict[str, bytes] = {}

    def keep(self, folder: Path, *names: str) -> str:
        leaves = {}
        for name in names:
            data = (folder / name).read_bytes()
            self.packed[snapshot.object_name(data)] = snapshot.pack(data)
            leaves[name] = snapshot.Leaf(snapshot.Kind.FILE, snapshot.object_name(data))
        built = snapshot.build(leaves)
        self.packed.update({n: snapshot.pack(data) for n, data in built.trees.items()})
        return built.root

    def fetch(self, names: Sequence[str]) -> dict[str, bytes]:
        return {name: self.packed[name] for name in names if name in self.packed}


class Folder:
    def __init__(self, root: Path) -> None:
        self.dags, self.trees = root / "dags", root / "trees"
        self.dags.mkdir()
        (self.dags / "dag.py").write_text("VALUE = 1")
        (self.dags / "beside.sql").write_text("select 1")
        self.live = Place(str(self.dags / "dag.py"), str(self.dags))
        self.objects = Objects()
        source = self.objects.keep(self.dags, "dag.py")
        self.pin = Pin(source, self.objects.keep(self.dags, "dag.py", "beside.sql"), in_place=True)

    def find(self, pin: Pin | None = None) -> Place:
        return code.find(self.live, pin or self.pin, self.trees, self.objects.fetch)

    def edit(self) -> None:
        (self.dags / "dag.py").write_text("VALUE = 2")
        (self.dags / "beside.sql").write_text("select 2")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_unchanged_code_runs_in_place(folder: Folder) -> None:
    assert folder.find() == folder.live
    assert not folder.trees.exists()
    (folder.dags / "beside.sql").write_text("not what its import read")
    assert folder.find() == folder.live


@pytest.mark.parametrize("in_place", [True, False])
def test_after_an_edit_the_pinned_code_runs(folder: Folder, *, in_place: bool) -> None:
    folder.edit()
    place = folder.find(folder.pin._replace(in_place=in_place))
    assert Path(place.path).read_text() == "VALUE = 1"
    assert (Path(place.folder) / "beside.sql").read_text() == "select 1"
    assert folder.find() == place


def test_code_that_cannot_be_had_is_said_to_be_so(folder: Folder) -> None:
    pin = folder.pin._replace(in_place=False)
    folder.objects.packed.clear()
    assert folder.find() == folder.live, "the DAG processor said that it is live"
    with pytest.raises(DagError, match="Clear the run to go on with the latest version"):
        folder.find(pin)


def test_runs_from_before_snapshots_run_what_is_there(folder: Folder) -> None:
    assert folder.find(Pin("s", "", in_place=False)) == folder.live


def test_trees_that_nobody_holds_are_removed(folder: Folder) -> None:
    for number in range(5):
        tree = folder.trees / str(number)
        tree.mkdir(parents=True)
        os.utime(tree, (number, number))
    held = code.hold(str(folder.trees / "0"))
    (folder.trees / ".draft").mkdir()
    code.prune(folder.trees, kept=2)
    assert sorted(t.name for t in folder.trees.iterdir()) == [".draft", "0", "3", "4"]
    os.close(held)
    code.prune(folder.trees, kept=2)
    assert sorted(t.name for t in folder.trees.iterdir()) == [".draft", "3", "4"]
