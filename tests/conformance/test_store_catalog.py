"""Publishing DAG files: versions, sources, files, and what the leader is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from tests.conformance.store_world import NOW, at
from tradewind.errors import NotFound
from tradewind.model.schedule import AssetLeaf, AssetTriggered, CronTrigger
from tradewind.model.spec import AssetRef, DagSpec, TaskSpec
from tradewind.store import catalog, inbox, tables
from tradewind.store.catalog import PublishedFile
from tradewind.store.connect import Database
from tradewind.store.read import dags, scheduling


def a_dag(dag_id: str = "d", *tasks: str, **fields: Any) -> DagSpec:
    return DagSpec(
        dag_id=dag_id, tasks=tuple(TaskSpec(task_id=t) for t in tasks or ("a",)), **fields
    )


def a_file(*specs: DagSpec, path: str = "d.py", source: str = "s1", **fields: Any) -> PublishedFile:
    base: dict[str, Any] = {
        "dag_file": path,
        "source_hash": source,
        "tree_hash": "t1",
        "specs": specs,
        "parsed_at": NOW,
    }
    return PublishedFile(**(base | fields))


def publish(db: Database, *files: PublishedFile, **options: Any) -> list[str]:
    return catalog.publish(db, files, NOW, **options)


def told(db: Database) -> list[str]:
    return [e.payload["dag_id"] for e in inbox.pending(db, 100) if e.kind == "dag_published"]


def number(db: Database, dag_id: str = "d") -> int:
    version = scheduling.latest_version(db, dag_id)
    assert version is not None
    return version.number


def test_a_new_dag_is_there_and_told(db: Database) -> None:
    spec = a_dag(
        "d",
        "a",
        "b",
        schedule=CronTrigger(expressions=("0 5 * * *",)),
        start_date=at(-3600),
        catchup=True,
        max_active_runs=3,
        tags=("x", "y"),
        description="what \x00 it does",
    )
    assert publish(db, a_file(spec)) == ["d"]
    version = scheduling.latest_version(db, "d")
    assert version is not None
    assert (version.number, version.spec, version.dag_file) == (1, spec, "d.py")
    assert (version.source_hash, version.tree_hash) == ("s1", "t1")
    calendar = scheduling.calendar(db, "d")
    assert calendar is not None
    assert calendar.schedule == spec.schedule
    assert (calendar.start_date, calendar.catchup, calendar.max_active_runs) == (at(-3600), True, 3)
    assert (calendar.active, calendar.paused) == (True, False)
    assert scheduling.calendars(db) == [calendar]
    assert told(db) == ["d"]
    row = dags.dag(db, "d")
    assert row is not None
    assert row.tags == ("x", "y")


def test_the_same_again_is_nothing_new(db: Database) -> None:
    publish(db, a_file(a_dag()))
    assert publish(db, a_file(a_dag(), parsed_at=at(9))) == []
    assert number(db) == 1
    assert told(db) == ["d"]
    row = dags.dag(db, "d")
    assert row is not None
    assert row.last_parsed_at == at(9)


def test_another_structure_is_a_new_version(db: Database) -> None:
    publish(db, a_file(a_dag("d", "a")))
    assert publish(db, a_file(a_dag("d", "a", "b"), source="s2")) == ["d"]
    assert number(db) == 2
    publish(db, a_file(a_dag("d", "a"), source="s1"))
    assert number(db) == 3


def test_another_source_alone_is_no_new_version_but_the_live_one(db: Database) -> None:
    publish(db, a_file(a_dag()))
    first = scheduling.latest_version(db, "d")
    assert publish(db, a_file(a_dag(), source="s2", tree_hash="t2")) == ["d"]
    live = scheduling.latest_version(db, "d")
    assert first is not None
    assert live is not None
    assert (live.version_id, live.number) == (first.version_id, 1)
    assert (live.source_hash, live.tree_hash) == ("s2", "t2")
    assert scheduling.live_sources(db) == {"d": "s2"}


def test_a_run_finds_the_source_it_is_pinned_to(db: Database) -> None:
    publish(db, a_file(a_dag(), path="old.py"))
    catalog.remove_files(db, ["old.py"], NOW)
    publish(db, a_file(a_dag(), path="new.py", source="s2", tree_hash="t2"))
    live = scheduling.latest_version(db, "d")
    assert live is not None
    assert live.dag_file == "new.py"
    pinned = scheduling.version(db, live.version_id, "s1")
    assert (pinned.dag_file, pinned.source_hash, pinned.tree_hash) == ("old.py", "s1", "t1")
    current = scheduling.version(db, live.version_id, "s2")
    assert (current.dag_file, current.source_hash, current.tree_hash) == ("new.py", "s2", "t2")


def test_another_schedule_forgets_when_the_next_run_was_due(db: Database) -> None:
    publish(db, a_file(a_dag(schedule=CronTrigger(expressions=("0 5 * * *",)))))
    with db.write() as conn:
        conn.exec_driver_sql("UPDATE dag SET paused = (1 = 1)")
        conn.execute(catalog._dag.update().values(next_due=at(5), last_run_after=at(-5)))
    publish(db, a_file(a_dag(schedule=CronTrigger(expressions=("0 6 * * *",)))))
    calendar = scheduling.calendar(db, "d")
    assert calendar is not None
    assert calendar.next_due is None
    assert calendar.last_run_after == at(-5)
    assert calendar.paused


@pytest.mark.parametrize(
    ("of_dag", "of_installation", "paused"),
    [(None, False, False), (None, True, True), (True, False, True), (False, True, False)],
)
def test_a_new_dag_is_paused_as_it_or_the_installation_says(
    db: Database, of_dag: bool | None, of_installation: bool, paused: bool
) -> None:
    publish(db, a_file(a_dag(is_paused_upon_creation=of_dag)), paused_at_creation=of_installation)
    calendar = scheduling.calendar(db, "d")
    assert calendar is not None
    assert calendar.paused is paused


def test_pausing_tells_the_leader(db: Database) -> None:
    publish(db, a_file(a_dag()))
    with db.write() as conn:
        catalog.set_paused(conn, "d", NOW, paused=True)
    calendar = scheduling.calendar(db, "d")
    assert calendar is not None
    assert calendar.paused
    assert inbox.pending(db, 10)[-1].kind == "dag_paused"
    with pytest.raises(NotFound, match="nobody"), db.write() as conn:
        catalog.set_paused(conn, "nobody", NOW, paused=True)


def test_a_dag_that_left_its_file_is_inactive_and_keeps_its_history(db: Database) -> None:
    publish(db, a_file(a_dag("d"), a_dag("e")))
    assert publish(db, a_file(a_dag("e"))) == ["d"]
    gone = scheduling.calendar(db, "d")
    assert gone is not None
    assert not gone.active
    assert [c.dag_id for c in scheduling.calendars(db)] == ["e"]
    assert number(db, "d") == 1
    assert publish(db, a_file(a_dag("d"), a_dag("e"))) == ["d"]
    assert number(db, "d") == 1


def test_an_import_error_keeps_the_last_good_version(db: Database) -> None:
    publish(db, a_file(a_dag("d"), a_dag("e")))
    broken = a_file(source="s2", import_error="SyntaxError: \x00", warnings=("w",))
    assert publish(db, broken) == []
    assert [c.dag_id for c in scheduling.calendars(db)] == ["d", "e"]
    (file,) = dags.files(db, broken=True)
    assert file.import_error == "SyntaxError: \N{REPLACEMENT CHARACTER}"
    assert (file.failed_at, file.warnings) == (NOW, ("w",))
    publish(db, msgspec.structs.replace(broken, parsed_at=at(60)))
    (file,) = dags.files(db, broken=True)
    assert (file.failed_at, file.parsed_at) == (NOW, at(60))
    publish(db, a_file(a_dag("d"), a_dag("e")))
    assert dags.files(db, broken=True) == []


def test_a_file_that_is_gone_takes_its_dags_along(db: Database) -> None:
    publish(db, a_file(a_dag("d")), a_file(a_dag("e"), path="e.py"))
    assert catalog.remove_files(db, ["d.py", "unknown.py"], NOW) == ["d"]
    assert [c.dag_id for c in scheduling.calendars(db)] == ["e"]
    assert [f.path for f in dags.files(db)] == ["e.py"]


def test_a_renamed_file_is_published_first_and_keeps_its_dags(db: Database) -> None:
    publish(db, a_file(a_dag("d"), path="old.py"))
    assert publish(db, a_file(a_dag("d"), path="new.py", source="s2")) == ["d"]
    assert catalog.remove_files(db, ["old.py"], NOW) == []
    calendar = scheduling.calendar(db, "d")
    assert calendar is not None
    assert calendar.active


def test_what_a_file_depends_on_comes_back(db: Database) -> None:
    depends = {"reads": {"variable/x": "abc"}, "unsteady": ["clock"]}
    publish(db, a_file(a_dag(), depends=depends))
    with db.read() as conn:
        (found,) = conn.execute(catalog._file.select().with_only_columns(catalog._file.c.depends))
    assert found.depends == depends


def test_a_version_of_nobody_is_not_found(db: Database) -> None:
    assert scheduling.latest_version(db, "nobody") is None
    assert scheduling.calendar(db, "nobody") is None
    with pytest.raises(NotFound):
        scheduling.version(db, 99)


def test_assets_of_tasks_and_schedules_are_known(db: Database) -> None:
    outlet = AssetRef("a", "s3://a", group="g")
    spec = DagSpec(
        dag_id="d",
        tasks=(TaskSpec(task_id="t", outlets=(outlet, AssetRef("al", alias=True))),),
        schedule=AssetTriggered(AssetLeaf(name="b")),
    )
    publish(db, a_file(spec))
    with db.read() as conn:
        refs = conn.exec_driver_sql("SELECT role, task_id, name, uri FROM asset_ref").all()
        assets = conn.exec_driver_sql("SELECT name, uri, asset_group FROM asset").all()
    assert sorted(tuple(r) for r in refs) == [
        ("outlet", "t", "a", "s3://a"),
        ("outlet", "t", "al", ""),
        ("schedule", "", "b", ""),
    ]
    assert [tuple(a) for a in assets] == [("a", "s3://a", "g")]
    catalog.remove_files(db, ["d.py"], NOW)
    with db.read() as conn:
        assert conn.exec_driver_sql("SELECT * FROM asset_ref").all() == []


def test_files_of_one_slice_may_hand_dags_over_in_any_order(db: Database) -> None:
    for first, second in (("a.py", "b.py"), ("b.py", "a.py")):
        publish(db, a_file(a_dag("d"), path="a.py"), a_file(a_dag("e"), path="b.py"))
        files = {
            "a.py": a_file(a_dag("f", tags=("t",)), path="a.py", source="s2"),
            "b.py": a_file(a_dag("d"), a_dag("e"), path="b.py", source="s2"),
        }
        publish(db, files[first], files[second])
        with db.read() as conn:
            found = conn.execute(select(tables.dag).where(tables.dag.c.active)).all()
        assert {row.dag_id: row.dag_file for row in found} == {
            "d": "b.py",
            "e": "b.py",
            "f": "a.py",
        }


def test_many_dags_of_many_files_get_each_their_own_version_and_tags(db: Database) -> None:
    files = [
        a_file(*(a_dag(f"d{n}_{i}", "x", tags=(f"t{i}",)) for i in range(3)), path=f"{n}.py")
        for n in range(20)
    ]
    publish(db, *files)
    changed = a_file(a_dag("d0_0", "x", "y", tags=("t0",)), path="0.py", source="s2")
    assert sorted(publish(db, changed, *files[1:])) == ["d0_0", "d0_1", "d0_2"]
    assert [number(db, f"d{n}_0") for n in range(3)] == [2, 1, 1]
    with db.read() as conn:
        tags = conn.execute(select(tables.dag_tag)).all()
        versions = conn.execute(select(tables.dag_version.c.version_id)).all()
    assert {(tag.dag_id, tag.tag) for tag in tags} == {
        (f"d{n}_{i}", f"t{i}") for n in range(20) for i in range(3)
    }
    assert len(versions) == 61
