"""What `tradewind migrate import` reads, in a database that Airflow itself made."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.compat.test_corpus import FOLDER
from tests.differential.airflow_side import AirflowSide
from tradewind.store.airflow_db import FernetKeys, open_airflow
from tradewind.store.airflow_db.schedules import scheduled


def test_a_database_that_airflow_made(airflow_side: AirflowSide) -> None:
    uri = "postgres://me:p%40ss@db.example:5433/shop?sslmode=require"
    airflow_side.ask("keep", conn_id="shop", uri=uri, key="city", value="Delft")
    asked = {"at": "2026-03-07T00:00:00+00:00", "now": "2026-04-02T00:00:00+00:00"}
    path = str(FOLDER / "bash_operator.py")
    ran = airflow_side.ask("run", path=path, dag_id="bash", conf={"n": 1}, **asked)
    source = open_airflow(airflow_side.database_url)
    keys = FernetKeys(airflow_side.fernet_key)
    assert source.generation == "3"
    (shop,) = source.connections(keys)
    assert (shop.conn_type, shop.host, shop.port) == ("postgres", "db.example", 5433)
    assert (shop.login, shop.password, shop.schema) == ("me", "p@ss", "shop")
    assert shop.extra == '{"sslmode": "require"}'
    assert [(v.key, v.value) for v in source.variables(keys)] == [("city", "Delft")]
    assert [pool.name for pool in source.pools()] == ["default_pool"]
    found = {run.run_id: run for some in source.runs() for run in some if run.dag_id == "bash"}
    run = found[ran["run_id"]]
    assert (run.state, run.conf) == (ran["run"], {"n": 1})
    assert run.logical_date == datetime(2026, 3, 7, tzinfo=UTC)
    assert {task.task_id: task.tries[-1].state for task in run.tasks} == ran["states"]
    dags = scheduled(source, run.logical_date, run.run_after)
    assert "bash" in {dag.dag_id for dag in dags if not dag.runs}  # a manual run is no schedule's
    source.close()
