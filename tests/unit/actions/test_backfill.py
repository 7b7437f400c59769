from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.unit.actions.catalog import NOW, FixedClock, Leader, bell, dag, drain, published
from tradewind.actions.backfill import MAX_RUNS, Backfill, Reprocess, backfill, plan_backfill
from tradewind.actions.params import ParamsInvalid
from tradewind.actions.trigger import trigger
from tradewind.errors import NotFound, UserError
from tradewind.model.event import RunChange
from tradewind.model.run import Run
from tradewind.model.schedule import (
    AssetLeaf,
    AssetOrTime,
    AssetTriggered,
    CronInterval,
    CronTrigger,
    DeltaTrigger,
    NoSchedule,
    RelativeDelta,
    ScheduleSpec,
)
from tradewind.model.spec import ParamSpec
from tradewind.model.state import RunState, RunType
from tradewind.store.connect import Database
from tradewind.store.read import scheduling

DAILY = CronTrigger(expressions=("0 0 * * *",))


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def planned(db: Database, first: datetime, last: datetime, how: Reprocess = "none") -> Backfill:
    return plan_backfill(db, FixedClock(), "etl", first, last, reprocess=how)


def dates(plan: Backfill) -> list[datetime | None]:
    return [time.logical_date for time in plan.create]


def test_every_date_of_the_span_gets_a_run(db: Database) -> None:
    published(db, dag(schedule=DAILY))
    plan = planned(db, day(1), day(3))
    assert dates(plan) == [day(1), day(2), day(3)]
    assert drain(db) == []

    done = backfill(db, bell(db), FixedClock(), plan, conf={"x": 1}, actor="jo")
    events = drain(db)
    assert [e.kind for e in events] == ["run_created"] * 3
    runs = [scheduling.run(db, e.run_pk or 0) for e in events]
    assert [r.logical_date for r in runs if r] == [day(1), day(2), day(3)]
    first = runs[0]
    assert first is not None
    assert (first.run_type, first.state) == (RunType.BACKFILL, RunState.QUEUED)
    assert first.run_id == f"backfill__{day(1).isoformat()}"
    assert (first.backfill_id, first.conf) == (done.backfill_id, {"x": 1})
    assert (first.triggered_by, first.triggering_user) == ("backfill", "jo")


def test_intervals_end_in_the_past(db: Database) -> None:
    published(db, dag(schedule=CronInterval(expression="0 0 * * *")))
    assert dates(planned(db, day(8), NOW))[-1] == day(9)


def test_the_dags_own_dates_bound_it(db: Database) -> None:
    published(db, dag(schedule=DAILY, start_date=day(3), end_date=day(4)))
    assert dates(planned(db, day(1), day(9))) == [day(3), day(4)]


def test_the_clock_part_of_a_mixed_schedule_counts(db: Database) -> None:
    published(db, dag(schedule=AssetOrTime(DAILY, AssetLeaf(name="x"))))
    assert len(planned(db, day(1), day(2)).create) == 2


def existing_run(db: Database, state: RunState) -> Run:
    run = trigger(db, bell(db), FixedClock(), "etl", logical_date=day(2))
    leader = Leader(db)
    leader.answer()
    running = msgspec.structs.replace(run, state=RunState.RUNNING)
    ended = msgspec.structs.replace(run, state=state)
    leader.commit(run_changes=[RunChange(run, running)])
    if state is not RunState.RUNNING:
        leader.commit(run_changes=[RunChange(running, ended)])
    return run


@pytest.mark.parametrize(
    ("how", "state", "again"),
    [
        ("none", RunState.FAILED, False),
        ("failed", RunState.FAILED, True),
        ("failed", RunState.SUCCESS, False),
        ("completed", RunState.SUCCESS, True),
        ("completed", RunState.RUNNING, False),
    ],
)
def test_existing_runs_run_again_as_asked(
    db: Database, how: Reprocess, state: RunState, again: bool
) -> None:
    published(db, dag(schedule=DAILY))
    run = existing_run(db, state)
    plan = planned(db, day(1), day(3), how)
    assert dates(plan) == [day(1), day(3)]
    assert [r.run_id for r in plan.again] == ([run.run_id] if again else [])
    assert [r.run_id for r in plan.kept] == ([] if again else [run.run_id])


def test_a_backfill_twice_has_nothing_to_do(db: Database) -> None:
    published(db, dag(schedule=DAILY))
    backfill(db, bell(db), FixedClock(), planned(db, day(1), day(3)))
    with pytest.raises(UserError, match="nothing to do"):
        backfill(db, bell(db), FixedClock(), planned(db, day(1), day(3)))


@pytest.mark.parametrize("schedule", [NoSchedule(), AssetTriggered(AssetLeaf(name="x"))])
def test_a_schedule_without_dates_is_refused(db: Database, schedule: ScheduleSpec) -> None:
    published(db, dag(schedule=schedule))
    with pytest.raises(UserError, match="has no dates"):
        planned(db, day(1), day(2))


def test_mistakes_in_dates_are_named(db: Database) -> None:
    published(db, dag(schedule=DeltaTrigger(delta=RelativeDelta(seconds=1))))
    with pytest.raises(UserError, match="before it starts"):
        planned(db, day(2), day(1))
    with pytest.raises(UserError, match="future"):
        planned(db, day(2), NOW + timedelta(days=1))
    with pytest.raises(UserError, match=f"more than {MAX_RUNS}"):
        planned(db, day(1), day(2))
    with pytest.raises(NotFound):
        plan_backfill(db, FixedClock(), "nope", day(1), day(2))


def test_params_are_checked_before_anything_is_written(db: Database) -> None:
    published(db, dag(schedule=DAILY, params={"n": ParamSpec(required=True)}))
    with pytest.raises(ParamsInvalid):
        backfill(db, bell(db), FixedClock(), planned(db, day(1), day(2)))
    assert drain(db) == []
