"""What a worker repeats because a scheduler died before it answered is done once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.unit.scheduler.town import Town, dag, scripted
from tradewind.model.outcome import Succeeded
from tradewind.model.state import TaskState
from tradewind.store import tables
from tradewind.wire.messages import AssetEventOut, Finish, Request, TriggerRun

SPEC = dag(scripted())


@pytest.fixture
def town(tmp_path: Path, sqlite_template: Path) -> Iterator[Town]:
    made = Town(tmp_path, sqlite_template, SPEC)
    yield made
    made.cluster.close()


def test_a_task_starts_another_run_once(town: Town) -> None:
    town.trigger()
    town.after(1)
    (launch,) = town.executor.launches
    town.claim(launch)
    asks = Request(
        seq=7, attempt_id=launch.attempt_id, nonce="n", call=TriggerRun(dag_id="d", conf={"x": 1})
    )
    first = town.say(asks)
    assert first.error is None
    town.fail_over()
    assert town.say(asks).body == first.body
    with town.db.read() as conn:
        started = conn.execute(
            select(tables.dag_run.c.run_id).where(tables.dag_run.c.triggered_by == "operator")
        ).scalars()
        assert list(started) == [first.body["run_id"]]


def test_an_asset_event_is_written_once(town: Town) -> None:
    run = town.trigger()
    town.after(1)
    (launch,) = town.executor.launches
    town.claim(launch)
    finish = Finish(
        seq=8,
        attempt_id=launch.attempt_id,
        nonce="n",
        outcome=Succeeded(),
        asset_events=(AssetEventOut(name="orders", uri="s3://orders"),),
    )
    assert town.say(finish).error is None
    assert town.say(finish).error is None
    town.fail_over()
    assert town.say(finish).error is None
    assert town.tis(run)["a"].state is TaskState.SUCCESS
    with town.db.read() as conn:
        assert conn.execute(select(func.count()).select_from(tables.asset_event)).scalar() == 1
