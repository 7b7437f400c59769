"""What people leave in the database: notes, favorites, wishes to parse a file, emptied queues."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.conformance.store_world import NOW, Leader, a_run, at
from tradewind.model.event import RunChange
from tradewind.model.ids import TiKey
from tradewind.model.run import Run
from tradewind.model.schedule import AssetLeaf, AssetTriggered
from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.model.state import RunState
from tradewind.store import catalog, favorites, parse_requests, task_notes
from tradewind.store.assets import unqueue
from tradewind.store.catalog import PublishedFile
from tradewind.store.cleaning import clean, remove_task
from tradewind.store.connect import Database
from tradewind.store.read import asset_queue, dag_list, task_list
from tradewind.store.read.asset_queue import Waiting
from tradewind.store.read.paging import Slice
from tradewind.store.turn import AssetEventWrite


@pytest.fixture
def leader(db: Database) -> Leader:
    return Leader(db)


def publish(db: Database, *dag_ids: str, file: str = "d.py", **fields: Any) -> None:
    specs = tuple(DagSpec(dag_id=d, tasks=(TaskSpec(task_id="t"),), **fields) for d in dag_ids)
    published = PublishedFile(dag_file=file, source_hash="s", specs=specs, parsed_at=NOW)
    catalog.publish(db, [published], NOW)


def end(leader: Leader, run: Run) -> None:
    ended = msgspec.structs.replace(run, state=RunState.SUCCESS, ended_at=at(-10_000))
    leader.apply(run_changes=[RunChange(run, ended)])


def note(db: Database, ti: TiKey) -> str | None:
    row = task_list.one(db, ti)
    assert row is not None
    return row.note


def write(db: Database, ti: TiKey, text: str | None) -> None:
    with db.write() as conn:
        task_notes.write(conn, [ti], text, actor="ada", now=NOW)


def test_a_note_is_written_changed_and_removed(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    first, second = (leader.run_once(run, "a", index).key for index in range(2))
    write(db, first, "one")
    write(db, first, "two\x00")
    assert (note(db, first), note(db, second)) == ("two\N{REPLACEMENT CHARACTER}", None)
    write(db, first, None)
    write(db, first, None)
    assert note(db, first) is None


def test_a_note_goes_with_its_run(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    write(db, leader.run_once(run).key, "x")
    end(leader, run)
    leader.start_run(a_run("newer"))
    assert clean(db, at(-100))["task_note"] == 1


def test_a_task_of_a_live_run_is_not_removed(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    kept, gone = leader.run_once(run, "a").key, leader.run_once(run, "b").key
    write(db, gone, "x")
    assert not remove_task(db, gone)
    end(leader, run)
    assert remove_task(db, gone)
    assert not remove_task(db, gone)
    assert task_list.one(db, gone) is None
    assert task_list.one(db, kept) is not None


def test_favorites_choose_among_dags(db: Database) -> None:
    publish(db, "a", "b")
    with db.write() as conn:
        favorites.add(conn, "ada", "a")
        favorites.add(conn, "ada", "a")
        favorites.add(conn, "bob", "b")
    for wanted, expected in ((True, ["a"]), (False, ["b"]), (None, ["a", "b"])):
        filter_ = dag_list.DagFilter(is_favorite=wanted)
        found, count = dag_list.find(db, filter_, Slice(limit=9), None, whose="ada")
        assert ([row.dag_id for row in found], count) == (expected, len(expected))
    with db.write() as conn:
        assert favorites.has(conn, "ada", "a")
        assert favorites.remove(conn, "ada", "a")
        assert not favorites.remove(conn, "ada", "a")
        assert not favorites.has(conn, "ada", "a")


def test_a_file_is_asked_for_once(db: Database) -> None:
    with db.write() as conn:
        for path in ("b.py", "a.py", "b.py"):
            parse_requests.ask(conn, path, NOW)
    assert sorted(parse_requests.take(db)) == ["a.py", "b.py"]
    assert parse_requests.take(db) == []


def test_queues_are_told_and_emptied_by_dag_asset_and_time(db: Database, leader: Leader) -> None:
    for asset in ("x", "y"):
        publish(db, f"of_{asset}", file=f"{asset}.py", schedule=AssetTriggered(AssetLeaf(asset)))
    for asset, seconds in (("x", 0), ("x", 10), ("y", 0)):
        leader.apply(asset_events=[AssetEventWrite(name=asset, uri="", at=at(seconds))])
    everything = asset_queue.queued(db, Waiting(), None)
    assert [(row.dag_id, row.at) for row in everything] == [("of_x", at(10)), ("of_y", at(0))]
    x = everything[0].asset_id
    assert asset_queue.queued(db, Waiting(), {"of_y"}) == everything[1:]
    assert asset_queue.queued(db, Waiting(asset_id=x), None) == everything[:1]
    assert asset_queue.queued(db, Waiting(dag_id="of_y", asset_id=x), None) == []
    early = asset_queue.queued(db, Waiting(asset_id=x, before=at(5)), None)
    assert [row.at for row in early] == [at(0)]
    with db.write() as conn:
        assert unqueue(conn, ["of_y"], asset_id=x) == 0
        assert unqueue(conn, ["of_x", "of_y"], asset_id=x, before=at(5)) == 1
        assert unqueue(conn, ["of_x", "of_y"]) == 2
    assert asset_queue.queued(db, Waiting(), None) == []
