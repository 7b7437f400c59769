"""Chains: forty short tasks, and ten that compute."""

from tradewind.sdk import chain, dag, task


def fibo(n: int) -> int:
    return n if n <= 1 else fibo(n - 1) + fibo(n - 2)


def chain_of(dag_id: str, length: int, number: int) -> None:
    @dag(dag_id=dag_id, schedule=None, catchup=False, is_paused_upon_creation=False)
    def build() -> None:
        @task
        def step() -> int:
            return fibo(number)

        chain(*[step.override(task_id=f"t{i:03d}")() for i in range(length)])

    build()


chain_of("chain_40", 40, 10)
chain_of("chain_10", 10, 33)
