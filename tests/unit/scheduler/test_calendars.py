"""When the next run is due stands in the database before it comes."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from tests.unit.scheduler.town import Found, Town, dag
from tradewind.actions.pause import pause
from tradewind.model.schedule import DeltaInterval, RelativeDelta
from tradewind.model.spec import TaskSpec
from tradewind.store.catalog import PublishedFile, publish
from tradewind.store.read import scheduling
from tradewind.testing.simulation.network import EPOCH

HOURLY = dag(
    TaskSpec(task_id="a", no_op=True),
    schedule=DeltaInterval(delta=RelativeDelta(seconds=3600)),
    start_date=EPOCH,
)


def next_due_s(town: Town) -> float | None:
    calendar = scheduling.calendar(town.db, "d")
    assert calendar is not None
    at = calendar.next_due
    return None if at is None else (at - EPOCH).total_seconds()


def test_a_new_dag_shows_its_first_run_before_it_comes(found: Found) -> None:
    town = found(HOURLY)
    assert next_due_s(town) == 3600
    town.after(3600)
    assert next_due_s(town) == 7200


def test_another_schedule_shows_at_once(found: Found) -> None:
    town = found(HOURLY)
    often = replace(HOURLY, schedule=DeltaInterval(delta=RelativeDelta(seconds=600)))
    file = PublishedFile(dag_file="sim.py", source_hash="s2", specs=(often,), parsed_at=EPOCH)
    publish(town.db, [file], town.cluster.clock.now())
    town.cluster.signal.ring()
    town.after(6)
    assert next_due_s(town) == 600


def test_the_end_of_a_schedule_shows(found: Found) -> None:
    town = found(replace(HOURLY, end_date=EPOCH + timedelta(seconds=3000)))
    town.after(4000)
    assert next_due_s(town) is None


def test_a_paused_dag_shows_its_next_run_when_it_goes_on(found: Found) -> None:
    town = found(replace(HOURLY, is_paused_upon_creation=True))
    assert next_due_s(town) is None
    pause(town.db, town.cluster.signal, town.cluster.clock, "d", paused=False)
    town.after(1)
    assert next_due_s(town) == 3600
