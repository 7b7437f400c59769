"""Operators of one's own: template fields of every shape, links, hooks, mixins, super calls."""
from airflow.models import BaseOperator, BaseOperatorLink
from airflow.models.taskinstance import TaskInstance
from airflow.sdk import DAG
from airflow.utils.context import Context


class Link(BaseOperatorLink):
    name = "Shop"

    def get_link(self, operator, *, ti_key):
        return "https://example.com"


class Base(BaseOperator):
    template_fields = ["sql", "options"]
    template_ext = (".sql",)
    template_fields_renderers = {"sql": "sql"}
    ui_color = "#abcdef"
    operator_extra_links = (Link(),)

    def __init__(self, sql, options=None, conn_id="default", **kwargs) -> None:
        super().__init__(**kwargs)
        self.sql = sql
        self.options = options or {}
        self.conn_id = conn_id

    def pre_execute(self, context):
        self.before = "before"

    def execute(self, context: Context):
        ti: TaskInstance = context["ti"]
        return [self.sql, self.options, self.conn_id, self.before, ti.task.task_type]


class Derived(Base):
    def __init__(self, *, limit: int = 5, **kwargs):
        super().__init__(**kwargs)
        self.options["limit"] = limit


with DAG("operators", schedule=None, default_args={"conn_id": "mine", "limit": 7}):
    Derived(task_id="a", sql="select '{{ ds }}'", options={"x": ["{{ 1 + 1 }}", ("{{ 3 }}",)]})

EXPECTED = {
    "operators": {
        "tasks": {
            "a": {
                "operator": "Derived",
                "template_fields": ["sql", "options"],
                "ui_color": "#abcdef",
                "extra_links": ["Shop"],
            }
        },
        "at": "2026-03-01",
        "run": "success",
        "xcoms": {
            "a": ["select '2026-03-01'", {"x": ["2", ("3",)], "limit": 7}, "mine", "before", "Derived"]
        },
    }
}
