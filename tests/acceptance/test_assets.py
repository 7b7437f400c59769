"""Assets in a running deployment: from a task's outlet to the runs that its event makes."""

from __future__ import annotations

import functools
import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from tests.acceptance.deployment import Deployment, deployed
from tradewind.model.run import Run
from tradewind.store import tables

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

DAGS = """
import asyncio
from tradewind.sdk import (
    DAG, Asset, AssetAlias, AssetOrTimeSchedule, AssetWatcher, BaseEventTrigger, BashOperator,
    CronTriggerTimetable, TriggerEvent, task,
)

orders = Asset("orders", uri="s3://shop/orders")
prices = Asset("prices")
stock = Asset("stock")
fresh = AssetAlias("fresh")

with DAG("make_orders"):
    @task(outlets=[orders])
    def make(*, outlet_events, params):
        outlet_events[orders].extra = {"rows": params["rows"]}
        return params["rows"]

    make()

with DAG("make_prices"):
    @task(outlets=[prices])
    def make():
        pass

    make()

with DAG("fails_to_make"):
    @task(outlets=[orders])
    def make():
        raise ValueError("no orders today")

    make()

with DAG("both", schedule=orders & prices):
    @task
    def look(*, triggering_asset_events, dag_run, **context):
        return {
            "events": {a.name: [e.extra for e in es] for a, es in triggering_asset_events.items()},
            "from": triggering_asset_events[orders][0].source_task_instance.xcom_pull(),
            "run_type": str(dag_run.run_type),
            "no_date": "logical_date" not in context or context["logical_date"] is None,
        }

    look()
    BashOperator(
        task_id="template",
        bash_command="echo {% for asset, events in triggering_asset_events.items() %}"
                     "{{ asset.name }}={{ events[0].source_dag_id }} {% endfor %}",
    )

with DAG("either", schedule=orders | stock):
    @task
    def look(*, triggering_asset_events):
        return sorted(a.name for a in triggering_asset_events)

    look()

with DAG("timed", schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 0 1 1 *", timezone="UTC"), assets=stock)):
    BashOperator(task_id="t", bash_command="true")

with DAG("make_through_alias"):
    @task(outlets=[fresh])
    def make(*, outlet_events):
        outlet_events[fresh].add(Asset("late"), extra={"through": "alias"})

    make()

with DAG("on_alias", schedule=fresh):
    @task
    def look(*, triggering_asset_events):
        return {a.name: [e.extra for e in es] for a, es in triggering_asset_events.items()}

    look()

with DAG("on_late", schedule=Asset("late")):
    BashOperator(task_id="t", bash_command="true")

with DAG("make_stock"):
    @task(outlets=[stock])
    def make():
        pass

    make()

class Arrives(BaseEventTrigger):
    # An event for each file of a folder; a file is removed when its event is kept.

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def serialize(self):
        return f"{__name__}.Arrives", {"folder": self.folder}

    async def run(self):
        note("watching", os.getpid())
        while True:
            for file in sorted(Path(self.folder).glob("*.order")):
                yield TriggerEvent({"file": file.name})
                file.unlink()
            await asyncio.sleep(0.02)

arrivals = Asset("arrivals", watchers=[
    AssetWatcher(name="files", trigger=Arrives(os.environ["NOTES"] + "/arrivals")),
])

with DAG("on_arrival", schedule=arrivals):
    @task
    def look(*, triggering_asset_events):
        return [e.extra["payload"]["file"] for e in triggering_asset_events[arrivals]]

    look()

with DAG("reads"):
    @task(inlets=[orders, fresh])
    def read(*, inlet_events):
        return {
            "last": inlet_events[orders][-1].extra,
            "newest_first": [e.extra for e in inlet_events[orders].ascending(False).limit(1)],
            "source": inlet_events[orders][-1].source_dag_id,
            "alias": [e.extra for e in inlet_events[fresh]],
        }

    read()
"""
DAG_IDS = (
    "make_orders",
    "make_prices",
    "make_stock",
    "fails_to_make",
    "both",
    "either",
    "timed",
    "make_through_alias",
    "on_alias",
    "on_late",
    "on_arrival",
    "reads",
)


@pytest.fixture(scope="module")
def system(module_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    home = tmp_path_factory.mktemp("home")
    with deployed(home, module_url, DAGS, *DAG_IDS) as made:
        yield made


def make(system: Deployment, dag_id: str, **conf: Any) -> Run:
    run = system.trigger(dag_id, conf=conf)
    assert system.ended(run) == "success"
    return run


def orders(system: Deployment, rows: int) -> Run:
    return make(system, "make_orders", rows=rows)


def next_run(system: Deployment, dag_id: str, before: int) -> Run:
    """Wait for the run after so many, and for its success."""
    run = system.until(
        f"a run of {dag_id}",
        lambda: runs[before] if len(runs := system.runs(dag_id)) > before else None,
    )
    assert system.ended(run) == "success"
    return run


def test_and_waits_for_all_and_says_what_triggered_it(system: Deployment) -> None:
    before, waiting = len(system.runs("both")), orders_that_wait(system)
    orders(system, 7)
    assert len(system.runs("both")) == before
    make(system, "make_prices")
    run = next_run(system, "both", before)
    got = system.xcom(run, "look")
    assert got["events"]["orders"][-1] == {"rows": 7}
    assert len(got["events"]["orders"]) == waiting + 1
    assert got["events"]["prices"] == [{}]
    assert got["from"] is not None
    assert got["run_type"] in {"asset_triggered", "DagRunType.ASSET_TRIGGERED"}
    assert got["no_date"]
    assert any("orders=make_orders" in line for line in system.lines(run, "template"))
    assert run.logical_date is None
    assert run.run_id.startswith("asset_triggered__")


def orders_that_wait(system: Deployment) -> int:
    """Count the orders that wait already for the DAG that needs both."""
    queue, event, asset = tables.asset_queue, tables.asset_event, tables.asset
    statement = (
        select(event.c.event_id)
        .join(queue, queue.c.event_id == event.c.event_id)
        .join(asset, asset.c.asset_id == event.c.asset_id)
        .where(queue.c.dag_id == "both", asset.c.name == "orders")
    )
    with system.db.read() as conn:
        return len(conn.execute(statement).all())


def test_or_needs_one(system: Deployment) -> None:
    before = len(system.runs("either"))
    make(system, "make_stock")
    run = next_run(system, "either", before)
    assert system.xcom(run, "look") == ["stock"]


def test_asset_or_time_runs_on_the_asset(system: Deployment) -> None:
    before = len(system.runs("timed"))
    make(system, "make_stock")
    run = next_run(system, "timed", before)
    assert run.run_type == "asset_triggered"


def test_a_task_that_fails_makes_no_event(system: Deployment) -> None:
    before = len(events(system))
    run = system.trigger("fails_to_make")
    assert system.ended(run) == "failed"
    assert len(events(system)) == before


def test_an_event_through_an_alias_reaches_who_waits_for_either(system: Deployment) -> None:
    on_alias, on_late = len(system.runs("on_alias")), len(system.runs("on_late"))
    make(system, "make_through_alias")
    run = next_run(system, "on_alias", on_alias)
    assert system.xcom(run, "look") == {"late": [{"through": "alias"}]}
    next_run(system, "on_late", on_late)


def test_inlet_events_are_read(system: Deployment) -> None:
    orders(system, 11)
    make(system, "make_through_alias")
    run = make(system, "reads")
    got = system.xcom(run, "read")
    assert got["last"] == {"rows": 11}
    assert got["newest_first"] == [{"rows": 11}]
    assert got["source"] == "make_orders"
    assert got["alias"][-1] == {"through": "alias"}


def test_each_event_is_consumed_once_though_the_scheduler_is_killed(system: Deployment) -> None:
    for _ in range(3):
        runs = [system.trigger("make_orders", conf={"rows": n}) for n in range(4)]
        before = system.pid_of_scheduler()
        os.kill(before, signal.SIGKILL)
        system.until("another leads", functools.partial(_leads_another, system, before))
        for run in runs:
            assert system.ended(run) == "success"
    made = {event_id for event_id, dag_id in events(system) if dag_id == "make_orders"}
    system.until(
        "every event is consumed", lambda: made <= {e for e, d in consumed(system) if d == "either"}
    )
    assert max(Counter(consumed(system)).values()) == 1
    for run in system.runs("either"):
        assert system.ended(run) == "success"


def _leads_another(system: Deployment, before: int) -> bool:
    return system.pid_of_scheduler() != before


def events(system: Deployment) -> list[tuple[int, str]]:
    event = tables.asset_event
    with system.db.read() as conn:
        return [
            (row.event_id, row.source_dag_id)
            for row in conn.execute(select(event.c.event_id, event.c.source_dag_id))
        ]


def consumed(system: Deployment) -> list[tuple[int, str]]:
    table, run = tables.asset_consumed, tables.dag_run
    statement = select(table.c.event_id, run.c.dag_id).join(run, run.c.run_pk == table.c.run_pk)
    with system.db.read() as conn:
        return [(row.event_id, row.dag_id) for row in conn.execute(statement)]


def arrived(system: Deployment) -> list[str]:
    """Return the files that asset events were made of."""
    event, asset = tables.asset_event, tables.asset
    statement = (
        select(event.c.extra)
        .join(asset, asset.c.asset_id == event.c.asset_id)
        .where(asset.c.name == "arrivals")
        .order_by(event.c.event_id)
    )
    with system.db.read() as conn:
        return [extra["payload"]["file"] for extra in conn.execute(statement).scalars()]


def test_a_watchers_events_survive_the_death_of_triggerer_and_scheduler(
    system: Deployment,
) -> None:
    folder = system.notes / "arrivals"
    folder.mkdir()

    def bring(name: str) -> None:
        (folder / f"{name}.part").write_text("1")
        (folder / f"{name}.part").rename(folder / f"{name}.order")

    bring("first")
    system.until("the first file", lambda: arrived(system) == ["first.order"])
    names = [f"{number:02}" for number in range(30)]
    for number, name in enumerate(names):
        bring(name)
        if number == 10:
            os.kill(system.pid_of("triggerer"), signal.SIGKILL)
        if number == 20:
            os.kill(system.pid_of_scheduler(), signal.SIGKILL)
    wanted = {"first.order", *(f"{name}.order" for name in names)}
    system.until(
        f"all files: {arrived(system)}",
        lambda: set(arrived(system)) == wanted and not list(folder.glob("*.order")),
    )
    # Two deaths: at most the event that was being kept then is told by the next trigger again.
    assert len(arrived(system)) <= len(wanted) + 2
    seen = system.until(
        "runs that consumed all",
        lambda: (
            got if (got := looked_at(system)) >= wanted and not any_run_goes_on(system) else None
        ),
    )
    assert seen == wanted


def looked_at(system: Deployment) -> set[str]:
    runs = [run for run in system.runs("on_arrival") if run.state == "success"]
    return {name for run in runs for name in system.xcom(run, "look")}


def any_run_goes_on(system: Deployment) -> bool:
    return any(run.state != "success" for run in system.runs("on_arrival"))
