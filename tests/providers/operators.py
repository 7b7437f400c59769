"""A DAG of real operators of provider packages, run with dag.test(); prints states and XComs."""

from __future__ import annotations

import json
import sys
import warnings

from tradewind.compat.airflow import install

warnings.simplefilter("ignore")
install()

from airflow.providers.common.sql.operators.generic_transfer import GenericTransfer  # noqa: E402
from airflow.providers.common.sql.operators.sql import (  # noqa: E402
    BranchSQLOperator,
    SQLColumnCheckOperator,
    SQLExecuteQueryOperator,
    SQLTableCheckOperator,
    SQLValueCheckOperator,
)
from airflow.providers.common.sql.sensors.sql import SqlSensor  # noqa: E402
from airflow.providers.http.hooks.http import HttpHook  # noqa: E402
from airflow.providers.http.notifications.http import HttpNotifier  # noqa: E402
from airflow.providers.http.operators.http import HttpOperator  # noqa: E402
from airflow.providers.http.sensors.http import HttpSensor  # noqa: E402
from airflow.providers.postgres.hooks.postgres import PostgresHook  # noqa: E402
from airflow.providers.sqlite.hooks.sqlite import SqliteHook  # noqa: E402
from airflow.providers.standard.operators.bash import BashOperator  # noqa: E402
from airflow.providers.standard.operators.empty import EmptyOperator  # noqa: E402
from airflow.sdk import DAG, AsyncCallback, BaseHook, SyncCallback, task  # noqa: E402

TABLE = "CREATE TABLE IF NOT EXISTS wind (place text, speed int)"

with DAG("providers", schedule=None, params={"least": 3}) as dag:
    tables = [
        SQLExecuteQueryOperator(
            task_id=f"fill_{conn}",
            conn_id=conn,
            sql=[TABLE, "DELETE FROM wind", "INSERT INTO wind VALUES ('bay', 7)"],
        )
        for conn in ("lite", "pg")
    ]
    move = GenericTransfer(
        task_id="move",
        sql="SELECT 'cape', 9",
        source_conn_id="lite",
        destination_conn_id="pg",
        destination_table="wind",
    )
    read = SQLExecuteQueryOperator(
        task_id="read",
        conn_id="pg",
        sql="SELECT place, speed FROM wind WHERE speed > {{ params.least }} AND place <> %(no)s "
        "ORDER BY speed",
        parameters={"no": "fen"},
    )
    checks = [
        SQLColumnCheckOperator(
            task_id="columns",
            conn_id="pg",
            table="wind",
            column_mapping={"speed": {"null_check": {"equal_to": 0}, "max": {"leq_to": 9}}},
        ),
        SQLTableCheckOperator(
            task_id="rows",
            conn_id="lite",
            table="wind",
            checks={"count": {"check_statement": "COUNT(*) = 1"}},
        ),
        SQLValueCheckOperator(
            task_id="value", conn_id="pg", sql="SELECT max(speed) FROM wind", pass_value=9
        ),
        SqlSensor(task_id="seen", conn_id="pg", sql="SELECT count(*) FROM wind", poke_interval=1),
    ]
    branch = BranchSQLOperator(
        task_id="branch",
        conn_id="pg",
        sql="SELECT true",
        follow_task_ids_if_true="windy",
        follow_task_ids_if_false="calm",
    )

    @task.sql(conn_id="pg")
    def decorated(least: int) -> str:
        return f"SELECT count(*) FROM wind WHERE speed >= {least}"  # noqa: S608

    @task
    def hooks() -> dict[str, object]:
        postgres = PostgresHook(postgres_conn_id="pg")
        postgres.insert_rows("wind", [("fen", 1)], target_fields=["place", "speed"])
        http = BaseHook.get_connection("web").get_hook()
        assert type(http) is HttpHook
        return {
            "postgres": postgres.get_first("SELECT count(*) FROM wind")[0],
            "sqlite": SqliteHook(sqlite_conn_id="lite").get_records("SELECT * FROM wind"),
            "schema": postgres.dialect.get_column_names("public.wind"),
            "by type": type(BaseHook.get_hook("pg")).__name__,
            "works": list(postgres.test_connection()),
        }

    tables >> move >> read >> checks >> branch
    branch >> [EmptyOperator(task_id="windy"), EmptyOperator(task_id="calm")]
    read >> hooks()
    move >> decorated(8)

    HttpSensor(task_id="up", http_conn_id="web", endpoint="", poke_interval=1) >> [
        HttpOperator(
            task_id="post",
            http_conn_id="web",
            endpoint="echo",
            data=json.dumps({"n": "{{ params.least }}"}),
            headers={"Content-Type": "application/json"},
            response_filter=lambda response: response.json()["n"],
            response_check=lambda response: response.status_code == 200,
        ),
        HttpOperator(
            task_id="deferred", http_conn_id="web", method="GET", endpoint="", deferrable=True
        ),
        HttpOperator(task_id="refused", http_conn_id="web", method="GET", endpoint="nothing"),
    ]
    BashOperator(
        task_id="bash",
        bash_command="echo {{ conn.web.host }}",
        on_success_callback=HttpNotifier(
            http_conn_id="web", endpoint="told", json={"succeeded": "{{ ti.task_id }}"}
        ),
    )

if __name__ == "__main__":
    run = dag.test()
    states = {ti.task_id: str(ti.state) for ti in run.task_instances}
    reasons = {ti.task_id: ti.reason for ti in run.task_instances if ti.reason}
    late = {"dag": dag, "dag_run": {"dag_run_id": "r7"}, "deadline": {"id": "1"}}
    for callback in (AsyncCallback, SyncCallback):  # what a missed deadline calls
        told_late = {"late": "{{ dag_run.dag_run_id }}", "by": callback.__name__}
        callback(HttpNotifier, {"http_conn_id": "web", "endpoint": "told", "json": told_late}).call(
            late
        )
    pulled = {name: run.xcom(name) for name in states}
    told = {"states": states, "reasons": reasons, "xcoms": pulled}
    sys.stdout.write("\n" + json.dumps(told, default=str) + "\n")
