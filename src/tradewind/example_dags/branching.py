"""A branch that follows one of two ways, and a join after it."""

from tradewind.sdk import DAG, EmptyOperator, Label, task

with DAG("branching", description="Chooses between two ways.", tags=["example"]):

    @task.branch
    def choose(run_id: str) -> str:
        return "left" if len(run_id) % 2 else "right"

    left, right = EmptyOperator(task_id="left"), EmptyOperator(task_id="right")
    join = EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
    chosen = choose()
    chosen >> Label("odd") >> left >> join
    chosen >> Label("even") >> right >> join
