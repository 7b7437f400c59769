"""The shapes that are measured."""

from tradewind.sdk import DAG, task


def fibo(n: int) -> int:
    return n if n < 2 else fibo(n - 1) + fibo(n - 2)


with DAG("bench_chain", max_active_tasks=64):
    previous = None
    for number in range(40):

        @task(task_id=f"t{number}")
        def link() -> int:
            return fibo(10)

        current = link()
        if previous is not None:
            previous >> current
        previous = current

with DAG("bench_wide", max_active_tasks=64):

    @task
    def root() -> None:
        pass

    first = root()
    for number in range(200):

        @task(task_id=f"w{number}")
        def nothing() -> None:
            pass

        first >> nothing()

with DAG("bench_expand", max_active_tasks=64):

    @task
    def elements() -> list[int]:
        return list(range(200))

    @task
    def each(element: int) -> None:
        pass

    each.expand(element=elements())
