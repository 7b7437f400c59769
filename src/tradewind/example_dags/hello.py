"""A first DAG: two functions and a shell command."""

from tradewind.sdk import DAG, BashOperator, task

with DAG("hello", description="Greets a few people.", tags=["example"]):

    @task
    def names() -> list[str]:
        return ["Ada", "Grace", "Edsger"]

    @task
    def greet(people: list[str]) -> str:
        for person in people:
            print(f"Hello, {person}!")
        return f"greeted {len(people)}"

    greeted = greet(names())
    report = BashOperator(task_id="report", bash_command="echo 'run {{ run_id }} is done'")
    greeted >> report
