"""Cleaning, checking, exporting and loading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from tests.conformance.store_world import NOW, Leader, a_run, at
from tests.servers import PostgresServer
from tradewind.clock import SystemClock
from tradewind.errors import ConfigError, UserError
from tradewind.model.event import RunChange
from tradewind.model.run import Run, TaskInstance
from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.model.state import RunState
from tradewind.store import audit, catalog, components, inbox, tables, xcoms
from tradewind.store.catalog import PublishedFile
from tradewind.store.checking import faults
from tradewind.store.cleaning import SLICE_ROWS, clean
from tradewind.store.connect import Database, open_database
from tradewind.store.export import export, load
from tradewind.store.migrate import HEAD, migrate
from tradewind.store.read import scheduling
from tradewind.store.sealing import new_key
from tradewind.store.secrets import open_secrets
from tradewind.store.shelf import Shelf
from tradewind.store.turn import (
    AssetEventWrite,
    CallbackWrite,
    InboxDone,
    RenderedWrite,
    XComWrite,
)

OLD = at(-10_000)
KEY = new_key()


@pytest.fixture
def leader(db: Database) -> Leader:
    return Leader(db)


def count(db: Database, name: str) -> int:
    with db.read() as conn:
        counted = select(func.count()).select_from(tables.metadata.tables[name])
        return int(conn.execute(counted).scalar_one())


def ended_run(leader: Leader, run_id: str, ended_at: Any = OLD, tasks: int = 1) -> Run:
    """Make a finished run with everything that a run can have."""
    run = leader.start_run(a_run(run_id, run_after=ended_at))
    for index in range(tasks):
        ti = leader.run_once(run, "a", index)
        assert ti.attempt_id is not None
        leader.apply(
            xcoms=[XComWrite(ti=ti.key, attempt_id=ti.attempt_id, key="k", value=b"123")],
            rendered=[RenderedWrite(ti=ti.key, attempt_id=ti.attempt_id, fields=b"{}")],
        )
    owed = CallbackWrite(dedup=run_id, run_pk=run.run_pk, kind="success")
    done = msgspec.structs.replace(run, state=RunState.SUCCESS, ended_at=ended_at)
    leader.apply(callbacks=[owed], run_changes=[RunChange(run, done)])
    return done


def publish(db: Database, *task_ids: str, now: Any = NOW) -> int:
    spec = DagSpec(dag_id="d", tasks=tuple(TaskSpec(task_id=t) for t in task_ids))
    file = PublishedFile(
        dag_file="d.py", source_hash="-".join(task_ids), specs=(spec,), parsed_at=now
    )
    catalog.publish(db, [file], now)
    version = scheduling.latest_version(db, "d")
    assert version is not None
    return version.version_id


class SteppingClock(SystemClock):
    """Goes on by as much as it is told with each look, and otherwise stands still."""

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._at = 0.0

    def monotonic(self) -> float:
        self._at += self._step_s
        return self._at


# ---- cleaning ---------------------------------------------------------------------------------


def test_old_runs_go_with_everything_of_theirs(db: Database, leader: Leader) -> None:
    old = ended_run(leader, "old", tasks=3)
    recent = ended_run(leader, "recent", ended_at=at(-10))
    live = leader.start_run(a_run("live", run_after=OLD))
    told: list[tuple[str, int]] = []
    planned = clean(db, at(-100), dry_run=True)
    removed = clean(db, at(-100), progress=lambda name, rows: told.append((name, rows)))
    assert planned == removed
    assert removed["dag_run"] == 1
    assert removed["task_instance"] == removed["xcom"] == removed["rendered"] == 3
    assert removed["attempt"] == 3
    assert removed["callback"] == 1
    assert sum(rows for _, rows in told) == sum(removed.values())
    assert scheduling.run(db, old.run_pk) is None
    assert scheduling.run(db, recent.run_pk) == recent
    assert scheduling.run(db, live.run_pk) == live
    assert count(db, "task_instance") == 1
    assert clean(db, at(-100)) == {}


def test_the_latest_run_of_a_dag_is_kept_unless_told_otherwise(
    db: Database, leader: Leader
) -> None:
    ended_run(leader, "first", ended_at=at(-9000))
    last = ended_run(leader, "last", ended_at=at(-8000))
    leader.start_run(a_run("elsewhere", dag_id="other"))
    clean(db, at(-100))
    assert scheduling.run(db, last.run_pk) is not None
    assert count(db, "dag_run") == 2
    clean(db, at(-100), keep_latest=False)
    assert count(db, "dag_run") == 1


def test_the_newest_event_is_never_removed(db: Database, leader: Leader) -> None:
    run = ended_run(leader, "only")
    assert clean(db, at(-100), keep_latest=False) == {}
    assert scheduling.run(db, run.run_pk) is not None


def test_large_runs_go_in_slices(db: Database, leader: Leader) -> None:
    run = leader.start_run(a_run("old", run_after=OLD))
    keys = range(2 * SLICE_ROWS + 1)
    leader.apply(created=[TaskInstance(run_pk=run.run_pk, task_id="a", map_index=i) for i in keys])
    ended = msgspec.structs.replace(run, state=RunState.SUCCESS, ended_at=OLD)
    leader.apply(run_changes=[RunChange(run, ended)])
    leader.start_run(a_run("newer", run_after=at(0)))
    slices: list[int] = []

    def tell(_: str, rows: int) -> None:
        slices.append(rows)

    removed = clean(db, at(-100), progress=tell, clock=SteppingClock(0.0))
    assert removed["task_instance"] == len(keys)
    assert max(slices) == SLICE_ROWS
    assert count(db, "task_instance") == 0


def test_slices_that_take_long_become_smaller(db: Database, leader: Leader) -> None:
    run = leader.start_run(a_run("old", run_after=OLD))
    keys = range(3 * SLICE_ROWS)
    leader.apply(created=[TaskInstance(run_pk=run.run_pk, task_id="a", map_index=i) for i in keys])
    ended = msgspec.structs.replace(run, state=RunState.SUCCESS, ended_at=OLD)
    leader.apply(run_changes=[RunChange(run, ended)])
    leader.start_run(a_run("newer", run_after=at(0)))
    told: list[tuple[str, int]] = []
    clean(
        db,
        at(-100),
        progress=lambda name, rows: told.append((name, rows)),
        clock=SteppingClock(0.1),
    )
    slices = [rows for name, rows in told if name == "task_instance"]
    assert slices[1:4] == [250, 125, 62]
    assert sum(slices) == len(keys)


def test_small_runs_go_together(db: Database, leader: Leader) -> None:
    for number in range(20):
        ended_run(leader, f"old{number}")
    leader.start_run(a_run("newer", run_after=at(0)))
    slices: list[tuple[str, int]] = []
    clean(db, at(-100), progress=lambda name, rows: slices.append((name, rows)))
    assert slices.count(("dag_run", 20)) == 1


def test_traces_go_when_nobody_needs_them(db: Database, leader: Leader) -> None:
    first = publish(db, "a", now=OLD)
    second = publish(db, "a", "b", now=OLD)
    publish(db, "c", now=OLD)
    leader.start_run(a_run("uses_second", version_id=second))
    with db.write() as conn:
        done = inbox.append(conn, "x", None, {}, OLD)
        waiting = inbox.append(conn, "y", None, {}, OLD)
        audit.record(conn, "old", actor="me", now=OLD)
        audit.record(conn, "new", actor="me", now=NOW)
    leader.apply(now=OLD, inbox_done=[InboxDone(seq=done)])
    components.register(db, "scheduler", OLD)
    leader.apply(asset_events=[AssetEventWrite(name="a", uri="", at=OLD)])
    removed = clean(db, at(-100))
    assert removed["inbox"] == 1
    assert waiting in {e.seq for e in inbox.pending(db, 10)}
    assert [e.action for e in audit.entries(db)[0]] == ["new"]
    assert (removed["component"], removed["asset_event"]) == (1, 1)
    assert removed["dag_version"] == removed["dag_source"] == 1
    with db.read() as conn:
        left = set(conn.execute(select(tables.dag_version.c.version_id)).scalars())
    assert first not in left
    assert second in left


def test_values_kept_elsewhere_go_with_their_run(
    db: Database, leader: Leader, tmp_path: Path
) -> None:
    db.shelf = Shelf(str(tmp_path / "xcoms"), limit_bytes=1)
    run = ended_run(leader, "old")
    leader.start_run(a_run("newer", run_after=at(0)))
    assert xcoms.listed(db, run.run_pk)[0].kept_at is not None
    assert list((tmp_path / "xcoms").rglob("*.json"))
    clean(db, at(-100))
    assert not list((tmp_path / "xcoms").rglob("*.json"))


# ---- checking -----------------------------------------------------------------------------------


def test_a_sound_database_has_no_faults(db: Database, leader: Leader) -> None:
    version_id = publish(db, "a")
    run = leader.start_run(a_run(version_id=version_id))
    leader.run_once(run)
    leader.claim(leader.queue(leader.create(run, "b")))
    assert faults(db) == []


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("DELETE FROM dag_run", "task_instance belong to no run"),
        ("DELETE FROM dag_version", "of a version that is not there"),
        ("UPDATE attempt SET state = 'done'", "without a live attempt; clear it"),
        ("UPDATE task_instance SET state = 'success'", "is live although its task a"),
    ],
)
def test_faults_are_told(db: Database, leader: Leader, damage: str, says: str) -> None:
    run = leader.start_run(a_run(version_id=publish(db, "a")))
    leader.queue(leader.create(run))
    with db.write() as conn:
        conn.exec_driver_sql(damage)
    assert any(says in fault for fault in faults(db)), faults(db)


# ---- moving house -------------------------------------------------------------------------------


@pytest.fixture
def other_kind(db: Database, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty migrated database of the other kind."""
    url = f"sqlite:///{tmp_path / 'other.db'}"
    if db.dialect == "sqlite":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.url(server.create())
    other = open_database(url)
    migrate(other)
    yield other
    other.close()


def test_everything_moves_to_the_other_kind_of_database(
    db: Database, leader: Leader, other_kind: Database, tmp_path: Path
) -> None:
    publish(db, "a")
    run = ended_run(leader, "r1")
    open_secrets(db, [KEY], {}).set_variable("k", "secret")
    written = export(db, tmp_path / "export")
    assert written["dag_run"] == 1
    assert "secret" not in (tmp_path / "export" / "variable.jsonl").read_text()
    assert load(other_kind, tmp_path / "export") == written
    assert scheduling.run_rows(other_kind, run.run_pk) == scheduling.run_rows(db, run.run_pk)
    assert scheduling.latest_version(other_kind, "d") == scheduling.latest_version(db, "d")
    assert open_secrets(other_kind, [KEY], {}).get_variable("k") == "secret"
    second = tmp_path / "again"
    export(other_kind, second)
    for path in second.iterdir():
        assert path.read_bytes() == (tmp_path / "export" / path.name).read_bytes()
    # Keys go on from where they were.
    created = Leader(other_kind).start_run(a_run("r2"))
    assert created.run_pk > run.run_pk


def test_an_export_does_not_overwrite_anything(db: Database, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UserError, match="not empty"):
        export(db, tmp_path)


def test_what_is_no_export_or_no_empty_database_is_refused(
    db: Database, leader: Leader, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="not an export"):
        load(db, tmp_path)
    export(db, tmp_path / "export")
    leader.start_run()
    with pytest.raises(ConfigError, match="not empty"):
        load(db, tmp_path / "export")
    about = tmp_path / "export" / "about.json"
    about.write_text(about.read_text().replace(f'"{HEAD}"', '"0000"'))
    with pytest.raises(UserError, match="revision 0000"):
        load(db, tmp_path / "export")
