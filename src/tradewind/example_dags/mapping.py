"""One task instance for each element that another task returned."""

from tradewind.sdk import DAG, task

with DAG("mapping", description="Squares numbers side by side.", tags=["example"]):

    @task
    def numbers() -> list[int]:
        return list(range(8))

    @task
    def square(number: int) -> int:
        return number * number

    @task
    def total(squares: list[int]) -> int:
        return sum(squares)

    total(square.expand(number=numbers()))
