"""ShortCircuitOperator with and without ignore_downstream_trigger_rules; the decorator."""
from airflow.sdk import DAG, chain, task
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import ShortCircuitOperator

with DAG("short_circuit", schedule=None):
    goes_on = ShortCircuitOperator(task_id="goes_on", python_callable=lambda: True)
    stops = ShortCircuitOperator(task_id="stops", python_callable=lambda: False)
    gentle = ShortCircuitOperator(
        task_id="gentle", python_callable=lambda: False, ignore_downstream_trigger_rules=False
    )
    chain(goes_on, EmptyOperator(task_id="a"))
    chain(stops, EmptyOperator(task_id="b"), EmptyOperator(task_id="c", trigger_rule="all_done"))
    chain(gentle, EmptyOperator(task_id="d"), EmptyOperator(task_id="e", trigger_rule="all_done"))

    @task.short_circuit
    def nothing():
        return []

    nothing() >> EmptyOperator(task_id="f")

EXPECTED = {
    "short_circuit": {
        "run": "success",
        "states": {"b": "skipped", "c": "skipped", "d": "skipped", "f": "skipped"},
    }
}
