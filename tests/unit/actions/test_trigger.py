from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from tests.unit.actions.catalog import NOW, FixedClock, bell, dag, drain, published, unpublished
from tradewind.actions.params import ParamsInvalid, check_params
from tradewind.actions.pause import pause
from tradewind.actions.trigger import trigger
from tradewind.errors import AlreadyExists, NotFound, UserError
from tradewind.model.run import Run, TaskInstance
from tradewind.model.schedule import CronInterval, Custom
from tradewind.model.spec import ParamSpec
from tradewind.model.state import RunState, RunType, TaskState
from tradewind.store import rows, tables
from tradewind.store.connect import Database, open_database
from tradewind.store.read import scheduling
from tradewind.store.signal import Signal


def go(db: Database, dag_id: str = "etl", **how: Any) -> Run:
    return trigger(db, bell(db), FixedClock(), dag_id, **how)


def test_a_run_is_stored_with_its_event(db: Database) -> None:
    published(db, dag())
    run = go(db, conf={"x": 1}, note="why", user="jo")
    assert scheduling.run(db, run.run_pk) == run
    assert (run.state, run.run_type, run.run_after) == (RunState.QUEUED, RunType.MANUAL, NOW)
    assert (run.conf, run.note, run.triggering_user) == ({"x": 1}, "why", "jo")
    assert run.source_hash == "s1"
    assert run.logical_date is run.interval_start is run.interval_end is None
    assert run.run_id.startswith(f"manual__{NOW.isoformat()}_")
    assert [(e.kind, e.run_pk) for e in drain(db)] == [("run_created", run.run_pk)]


def test_the_leader_is_woken(sqlite_url: str) -> None:
    db = open_database(sqlite_url)
    published(db, dag())
    ear = Signal(db, listen=True)
    trigger(db, bell(db), FixedClock(), "etl")
    assert ear.drain()
    ear.close()
    db.close()


def test_a_logical_date_brings_the_schedules_interval(db: Database) -> None:
    published(db, dag(schedule=CronInterval(expression="0 0 * * *")))
    at = datetime(2026, 3, 9, 15, tzinfo=UTC)
    run = go(db, logical_date=at)
    assert run.run_id == f"manual__{at.isoformat()}"
    assert run.interval_start == datetime(2026, 3, 8, tzinfo=UTC)
    assert run.interval_end == datetime(2026, 3, 9, tzinfo=UTC)
    explicit = go(db, logical_date=at + timedelta(hours=1), interval=(at, at))
    assert (explicit.interval_start, explicit.interval_end) == (at, at)


def test_a_dag_whose_runs_are_always_dated_gets_the_date(db: Database) -> None:
    published(db, dag(schedule=CronInterval(expression="0 0 * * *"), always_dated=True))
    run = go(db)
    assert run.logical_date == NOW
    assert run.run_id == f"manual__{NOW.isoformat()}"
    assert run.interval_end == NOW.replace(hour=0)
    later = go(db, run_after=NOW + timedelta(days=1))
    assert later.logical_date == NOW + timedelta(days=1)


def test_a_custom_timetable_is_not_asked(db: Database) -> None:
    published(db, dag(schedule=Custom(classpath="mine.Timetable")))
    at = datetime(2026, 3, 9, tzinfo=UTC)
    assert go(db, logical_date=at).interval_end == at


def test_a_run_exists_once(db: Database) -> None:
    published(db, dag())
    at = datetime(2026, 3, 9, tzinfo=UTC)
    go(db, run_id="mine", logical_date=at)
    drain(db)
    with pytest.raises(AlreadyExists, match="run 'mine'"):
        go(db, run_id="mine")
    with pytest.raises(AlreadyExists, match="2026-03-09"):
        go(db, run_id="other", logical_date=at)
    assert drain(db) == []


def test_a_run_can_be_started_over(db: Database) -> None:
    published(db, dag())
    first = go(db, run_id="mine")
    assert go(db, run_id="mine", reset=True) == first


@pytest.mark.parametrize("run_id", ["", "a/b", "..", "a b", "x" * 251])
def test_run_ids_that_would_break_paths_are_refused(db: Database, run_id: str) -> None:
    published(db, dag())
    with pytest.raises(UserError, match="is not allowed"):
        go(db, run_id=run_id)


def test_what_cannot_run_is_refused(db: Database) -> None:
    published(db, dag(), dag("nightly", allowed_run_types=("scheduled",)))
    with pytest.raises(NotFound, match="no DAG 'elt'"):
        go(db, "elt")
    with pytest.raises(UserError, match="only runs of type scheduled"):
        go(db, "nightly")
    unpublished(db)
    with pytest.raises(UserError, match=r"its file dags\.py no longer defines it"):
        go(db)


def test_a_paused_dag_takes_runs_unless_asked_not_to(db: Database) -> None:
    published(db, dag())
    pause(db, bell(db), FixedClock(), "etl", paused=True)
    [event] = drain(db)
    assert (event.kind, event.payload["dag_id"]) == ("dag_paused", "etl")
    assert go(db).state is RunState.QUEUED
    with pytest.raises(UserError, match="paused"):
        go(db, fail_when_paused=True)
    pause(db, bell(db), FixedClock(), "etl", paused=False)
    go(db, fail_when_paused=True)
    with pytest.raises(NotFound):
        pause(db, bell(db), FixedClock(), "nope", paused=True)


PARAMS = {
    "count": ParamSpec(default=3, schema={"type": "integer", "minimum": 1}),
    "day": ParamSpec(required=True, description="which day", schema={"format": "date"}),
    "names": ParamSpec(default=["a"], schema={"type": "array", "items": {"type": "string"}}),
}


def test_params_are_defaults_and_conf() -> None:
    spec = dag(params=PARAMS)
    values = check_params(spec, {"day": "2026-03-01", "extra": 1})
    assert values == {"count": 3, "day": "2026-03-01", "names": ["a"]}


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({}, r"needs a value for param 'day' \(which day\)"),
        ({"day": "soon"}, "param 'day': 'soon' is not a 'date'"),
        ({"day": "2026-03-01", "count": "3"}, "param 'count': '3' is not of type 'integer'"),
        ({"day": "2026-03-01", "count": 0}, "param 'count': 0 is less than the minimum of 1"),
        ({"day": "2026-03-01", "names": ["a", 2]}, r"param 'names'\[1\]: 2 is not of type"),
    ],
)
def test_params_that_do_not_fit_are_named(conf: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsInvalid, match=message):
        check_params(dag(params=PARAMS), conf)


def test_a_trigger_checks_params(db: Database) -> None:
    published(db, dag(params=PARAMS))
    with pytest.raises(ParamsInvalid):
        go(db)
    assert drain(db) == []


def test_a_repeated_request_starts_one_run(db: Database) -> None:
    published(db, dag(), dag("other"))
    first = go(db, key="attempt nonce 1")
    drain(db)
    assert go(db, key="attempt nonce 1") == first
    assert drain(db) == []
    second = go(db, key="attempt nonce 2")
    assert second.run_pk != first.run_pk


def test_a_repeated_request_clears_a_run_once(db: Database) -> None:
    published(db, dag())
    run = go(db, run_id="r", key="attempt nonce 1")
    with db.write() as conn:
        conn.execute(
            insert(tables.task_instance),
            rows.ti_row(TaskInstance(run_pk=run.run_pk, task_id="a", state=TaskState.SUCCESS)),
        )
    drain(db)
    for _ in range(2):
        assert go(db, run_id="r", reset=True, key="attempt nonce 2").run_pk == run.run_pk
    assert [e.kind for e in drain(db)] == ["cleared"]
    with pytest.raises(AlreadyExists):
        go(db, run_id="r", key="attempt nonce 3")
