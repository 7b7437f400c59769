from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from tradewind.errors import NotFound
from tradewind.wire import snapshot
from tradewind.wire.snapshot import (
    DamagedSnapshot,
    Entry,
    Kind,
    Leaf,
    Snapshot,
    Tree,
    build,
    is_live,
    leaves,
    materialise,
    object_name,
    pack,
)


class Store:
    """Objects in memory."""

    def __init__(self) -> None:
        self.packed: dict[str, bytes] = {}

    def blob(self, data: bytes) -> str:
        self.packed[object_name(data)] = pack(data)
        return object_name(data)

    def trees(self, found: Snapshot) -> str:
        self.packed.update({name: pack(data) for name, data in found.trees.items()})
        return found.root

    def fetch(self, names: Sequence[str]) -> Mapping[str, bytes]:
        return {name: self.packed[name] for name in names if name in self.packed}


@pytest.fixture
def store() -> Store:
    return Store()


def sample(store: Store) -> str:
    return store.trees(
        build(
            {
                "a.py": Leaf(Kind.FILE, store.blob(b"a")),
                "lib/run.sh": Leaf(Kind.PROGRAM, store.blob(b"#!")),
                "lib/deep/b.py": Leaf(Kind.FILE, store.blob(b"b")),
                "big.bin": Leaf(Kind.LEFT_OUT),
                "none.py": Leaf(Kind.ABSENT),
            }
        )
    )


def test_equal_folders_have_equal_names_and_an_edit_changes_only_its_path() -> None:
    one = {"x/a.py": Leaf(Kind.FILE, "1"), "y/b.py": Leaf(Kind.FILE, "2")}
    first, second = build(one), build(dict(reversed(one.items())))
    assert first.root == second.root
    edited = build({**one, "x/a.py": Leaf(Kind.FILE, "3")})
    assert edited.root != first.root
    assert len(edited.trees.keys() & first.trees.keys()) == 1, "y is shared"


def test_every_path_comes_back(store: Store) -> None:
    assert dict(leaves(sample(store), store.fetch)).keys() == {
        "a.py",
        "lib/run.sh",
        "lib/deep/b.py",
        "big.bin",
        "none.py",
    }


def test_a_folder_is_written_out_whole(store: Store, tmp_path: Path) -> None:
    live, target = tmp_path / "live", tmp_path / "cache/tree"
    live.mkdir()
    (live / "big.bin").write_bytes(b"data")
    (live / "not_in_it.py").write_text("x")
    root = sample(store)
    materialise(root, target, store.fetch, live=live)
    assert (target / "lib/deep/b.py").read_bytes() == b"b"
    assert (target / "lib/run.sh").stat().st_mode & 0o100
    assert (target / "big.bin").is_symlink()
    assert (target / "big.bin").read_bytes() == b"data"
    assert not (target / "not_in_it.py").exists()
    assert not (target / "none.py").exists()
    materialise(root, target, lambda _: pytest.fail("it is there already"))
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["tree"]


def test_a_missing_object_leaves_nothing_behind(store: Store, tmp_path: Path) -> None:
    root = sample(store)
    del store.packed[object_name(b"b")]
    with pytest.raises(NotFound, match="not stored"):
        materialise(root, tmp_path / "tree", store.fetch)
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_is_not_what_its_name_says_is_refused(store: Store, tmp_path: Path) -> None:
    root = sample(store)
    store.packed[object_name(b"b")] = pack(b"evil")
    with pytest.raises(DamagedSnapshot, match="another content"):
        materialise(root, tmp_path / "tree", store.fetch)
    store.packed[object_name(b"b")] = b"not packed"
    with pytest.raises(DamagedSnapshot, match="cannot be unpacked"):
        materialise(root, tmp_path / "tree", store.fetch)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a\0b"])
def test_no_entry_leads_out_of_the_folder(store: Store, tmp_path: Path, name: str) -> None:
    tree = Tree((Entry(name, Kind.FILE, store.blob(b"x")),))
    data = msgspec.msgpack.encode(tree)
    with pytest.raises(DamagedSnapshot, match="has an entry"):
        materialise(store.blob(data), tmp_path / "tree", store.fetch)


def test_a_blob_is_no_tree(store: Store) -> None:
    with pytest.raises(DamagedSnapshot, match="is no tree"):
        list(leaves(store.blob(b"hello"), store.fetch))


def test_a_tree_that_goes_on_too_deep_is_refused(store: Store) -> None:
    path = "/".join(["d"] * 100) + "/a.py"
    root = store.trees(build({path: Leaf(Kind.FILE, store.blob(b"x"))}))
    with pytest.raises(DamagedSnapshot, match="deeper"):
        list(leaves(root, store.fetch))


def test_a_closure_is_live_while_its_files_are_the_same(store: Store, tmp_path: Path) -> None:
    (tmp_path / "dag.py").write_bytes(b"dag")
    closure = store.trees(
        build(
            {
                "dag.py": Leaf(Kind.FILE, store.blob(b"dag")),
                "extra.py": Leaf(Kind.ABSENT),
            }
        )
    )
    assert is_live(closure, tmp_path, store.fetch)
    (tmp_path / "other.py").write_bytes(b"does not matter")
    assert is_live(closure, tmp_path, store.fetch)
    (tmp_path / "extra.py").write_bytes(b"now it is there")
    assert not is_live(closure, tmp_path, store.fetch)
    (tmp_path / "extra.py").unlink()
    (tmp_path / "dag.py").write_bytes(b"edited")
    assert not is_live(closure, tmp_path, store.fetch)
    (tmp_path / "dag.py").unlink()
    assert not is_live(closure, tmp_path, store.fetch)


def test_a_file_replaced_by_a_folder() -> None:
    found = build({"lib": Leaf(Kind.LEFT_OUT), "lib/a.py": Leaf(Kind.FILE, "1")})
    assert len(found.trees) == 2
    assert snapshot.build({}).trees
