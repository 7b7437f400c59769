from __future__ import annotations

from datetime import UTC, datetime

from tradewind.model.spec import DagSpec
from tradewind.store import catalog, code
from tradewind.store.catalog import PublishedFile
from tradewind.store.connect import open_database
from tradewind.store.read import dag_files, scheduling

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def test_objects_come_back_by_name(database_url: str) -> None:
    db = open_database(database_url)
    blobs = {f"b{number}": bytes([number]) * 3000 for number in range(250)}
    code.put_blobs(db, blobs)
    code.put_trees(db, {"t1": b"tree"}, NOW)
    assert code.known_objects(db, ["b1", "t1", "none", *blobs]) == {*blobs, "t1"}
    assert code.get_objects(db, ["b7", "t1", "none"]) == {"b7": blobs["b7"], "t1": b"tree"}
    assert len(code.get_objects(db, list(blobs))) == 250
    db.close()


def test_an_object_is_written_once(database_url: str) -> None:
    db = open_database(database_url)
    code.put_blobs(db, {"b": b"first"})
    code.put_blobs(db, {"b": b"second", "c": b"new"})
    code.put_trees(db, {"t": b"first"}, NOW)
    code.put_trees(db, {"t": b"second"}, NOW)
    assert code.get_objects(db, ["b", "c", "t"]) == {"b": b"first", "c": b"new", "t": b"first"}
    db.close()


def test_the_live_tree_moves_and_versions_keep_theirs(database_url: str) -> None:
    db = open_database(database_url)
    file = PublishedFile(
        dag_file="a.py",
        source_hash="s",
        tree_hash="t1",
        specs=(DagSpec(dag_id="a"),),
        parsed_at=NOW,
    )
    catalog.publish(db, [file], NOW)
    code.move_live_tree(db, ["a.py", "b.py"], "t2")
    latest = scheduling.latest_version(db, "a")
    assert latest is not None
    assert latest.tree_hash == "t2"
    assert scheduling.version(db, latest.version_id).tree_hash == "t1"
    db.close()


def test_what_was_published_before(database_url: str) -> None:
    db = open_database(database_url)
    for name in ("a", "b"):
        file = PublishedFile(
            dag_file=f"{name}.py", source_hash="s", specs=(DagSpec(dag_id=name),), parsed_at=NOW
        )
        catalog.publish(db, [file], NOW)
    assert dag_files.owners(db) == {"a": "a.py", "b": "b.py"}
    catalog.remove_files(db, ["a.py"], NOW)
    assert dag_files.owners(db) == {"b": "b.py"}
    assert dag_files.published_files(db) == ["b.py"]
    db.close()
