"""Connections of the environment: hooks, templates."""
from airflow import DAG
from airflow.hooks.base import BaseHook
from airflow.models import Connection
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator


def read():
    conn = BaseHook.get_connection("shop")
    made = Connection(conn_id="x", uri="postgres://u:p%40@h:5/db?sslmode=require")
    return [
        conn.conn_type, conn.host, conn.port, conn.login, conn.schema, conn.extra_dejson,
        made.password, made.extra_dejson["sslmode"],
    ]  # fmt: skip


with DAG("connections", schedule=None):
    PythonOperator(task_id="read", python_callable=read)
    BashOperator(task_id="template", bash_command="echo {{ conn.shop.host }}:{{ conn.shop.port }}")

EXPECTED = {
    "connections": {
        "run": "success",
        "xcoms": {
            "read": [
                "http", "shop.example", 8080, "me", "v1", {"timeout": "5"}, "p@", "require",
            ],
            "template": "shop.example:8080",
        },
    }
}
