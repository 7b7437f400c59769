"""/metrics: every line parses, and the figures are those of the database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.conformance.store_world import a_run
from tests.unit.actions.catalog import NOW
from tests.unit.web.history import History
from tests.unit.web.world import Client, World
from tradewind.model.account import Role
from tradewind.model.run import Pool
from tradewind.model.state import TaskState
from tradewind.store import components, pools
from tradewind.store.connect import Database
from tradewind.web.metrics import tally
from tradewind.web.metrics.exposition import Family, Sample, render


def scrape(client: Client) -> dict[str, Metric]:
    answer = client.get("/metrics")
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def value(found: dict[str, Metric], name: str, **labels: str) -> float:
    # The parser gives every counter the ending that OpenMetrics wants.
    names = {name, f"{name}_total"}
    samples = [s for family in found.values() for s in family.samples if s.name in names]
    (sample,) = [s for s in samples if s.labels == labels]
    return sample.value


def test_what_there_is_now(world: World, past: History) -> None:
    components.register(world.db, "scheduler", NOW - timedelta(seconds=5))
    components.register(world.db, "dag_processor", NOW - timedelta(seconds=90))
    with world.db.write() as conn:
        pools.set_pool(conn, Pool(name="big", slots=1))
    run = past.leader.start_run(a_run("r2", "etl", version_id=past.runs["etl"].version_id))
    past.leader.claim(past.leader.queue(past.leader.create(run, "a")))
    past.leader.queue(past.leader.create(run, "b"))
    found = scrape(world.anybody())
    assert value(found, "tradewind_component_up", component="scheduler") == 1
    assert value(found, "tradewind_component_up", component="dag_processor") == 0
    assert value(found, "tradewind_heartbeat_age_seconds", component="scheduler") == 5
    assert value(found, "airflow_pool_open_slots", pool="big") == 0
    assert value(found, "airflow_pool_running_slots", pool="big") == 1
    assert value(found, "airflow_executor_running_tasks", executor="LocalExecutor") == 1
    assert value(found, "airflow_executor_queued_tasks", executor="LocalExecutor") == 1
    assert value(found, "airflow_executor_open_slots", executor="LocalExecutor") == 30
    assert value(found, "airflow_ti_running", dag_id="etl") == 1
    assert value(found, "airflow_ti_queued", dag_id="etl") == 1
    assert value(found, "airflow_scheduler_dagruns_running") == 3
    assert value(found, "airflow_dagbag_size") == 2
    assert value(found, "airflow_dag_processing_import_errors") == 0


def test_counters_hold_what_happened_since_the_first_look(world: World, past: History) -> None:
    client, leader, run = world.anybody(), past.leader, past.runs["etl"]
    assert value(scrape(client), "airflow_ti_successes") == 0
    leader.run_once(run, "b", 3)
    leader.finish(leader.claim(leader.queue(leader.create(run, "a", 3))), TaskState.FAILED)
    past.end(run)
    for _ in range(2):  # a second look counts nothing twice
        found = scrape(client)
        assert value(found, "airflow_ti_successes") == 1
        assert value(found, "airflow_ti_failures") == 1
        assert value(found, "airflow_operator_successes", operator="BashOperator") == 1
        assert value(found, "airflow_operator_failures", operator="PythonOperator") == 1
        assert value(found, "airflow_ti_start", dag_id="etl", task_id="b") == 1
        ended = {"dag_id": "etl", "task_id": "a", "state": "failed"}
        assert value(found, "airflow_ti_finish", **ended) == 1
        assert value(found, "airflow_task_duration_count", dag_id="etl", task_id="b") == 1


def test_a_heartbeat_rises_while_its_part_lives(world: World) -> None:
    part = components.register(world.db, "triggerer", NOW)
    name, client = "airflow_triggerer_heartbeat", world.anybody()
    assert [value(scrape(client), name, type="counter") for _ in range(2)] == [1, 1]
    components.beat(world.db, part, NOW + timedelta(seconds=2))
    assert value(scrape(client), name, type="counter") == 2


def test_ids_without_end_do_not_make_series_without_end() -> None:
    counts = tally.Counts("x", "X.", "task_id")
    for index in range(tally.MAX_SERIES + 10):
        counts.add(f"t{index}")
    samples = {s.labels["task_id"]: s.value for s in counts.family().samples}
    assert len(samples) == tally.MAX_SERIES + 1
    assert samples[tally.OTHER] == 10


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb", 'ü="\\n"'])
def test_any_text_fits_into_a_label(text: str) -> None:
    (family,) = text_string_to_metric_families(
        render([Family("x", "gauge", f"Help {text}", (Sample(1.5, {"l": text}),))])
    )
    assert family.samples[0].labels == {"l": text}
    assert family.samples[0].value == 1.5


def test_a_setting_says_who_may_look(lite: Database, tmp_path: Path) -> None:
    world = World(lite, tmp_path / "home", api__metrics_access="signed_in")
    assert world.anybody().get("/metrics").status == 401
    assert world.person("vi", Role.VIEWER).get("/metrics").status == 200
    assert world.person("no", Role.OP, {"etl": True}).get("/metrics").status == 403
    world = World(lite, tmp_path / "home", api__metrics_access="off")
    assert world.token("vi").get("/metrics").status == 404
