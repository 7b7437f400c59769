"""SkipMixin and pre_execute and post_execute hooks."""
from airflow.models import BaseOperator, SkipMixin
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator

seen = []


class Picks(BaseOperator, SkipMixin):
    def execute(self, context):
        self.skip_all_except(context["ti"], "one")


with DAG("mixin", schedule=None):
    Picks(task_id="picks") >> [EmptyOperator(task_id="one"), EmptyOperator(task_id="two")]
    hooked = PythonOperator(
        task_id="hooked",
        python_callable=lambda: 1,
        pre_execute=lambda context: seen.append("pre"),
        post_execute=lambda context, result: seen.append(result),
    )
    hooked >> PythonOperator(task_id="show", python_callable=lambda: seen)

EXPECTED = {
    "mixin": {"run": "success", "states": {"two": "skipped"}, "xcoms": {"show": ["pre", 1]}}
}
