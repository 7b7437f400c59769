"""What an author writes; pyright strict and mypy strict must have nothing to say about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tradewind.sdk import (
    DAG,
    Asset,
    BaseOperator,
    BashOperator,
    EmptyOperator,
    Label,
    Param,
    TaskGroup,
    chain,
    dag,
    setup,
    task,
    task_group,
    teardown,
)


class Greet(BaseOperator):
    template_fields = ("name",)

    def __init__(self, *, name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name

    def execute(self, context: Any) -> str:
        return f"Hello {self.name}"


@task
def extract(day: str) -> list[int]:
    return [len(day)]


@task(retries=3, retry_delay=timedelta(minutes=1), task_id="double")
def transform(value: int) -> int:
    return value * 2


@task.branch
def choose() -> str:
    return "left"


@setup
def make() -> None: ...


@teardown(on_failure_fail_dagrun=True)
def drop() -> None: ...


@task_group
def each(value: int) -> None:
    transform(value)


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["a"],
    params={"n": Param(1)},
)
def pipeline(day: str = "today") -> None:
    numbers = extract(day)
    transform.override(task_id="other").expand(value=numbers)
    each.expand(value=numbers.map(str))
    with make() >> drop():
        EmptyOperator(task_id="work")


pipeline()

with DAG("classic", schedule=[Asset("a")], catchup=False) as classic:
    left = BashOperator(task_id="left", bash_command="true", pool="p")
    right = Greet(task_id="right", name="you", trigger_rule="all_done")
    with TaskGroup("group") as group:
        EmptyOperator(task_id="inside")
    choose() >> Label("go") >> [left, right] >> group
    chain(left, [right, EmptyOperator(task_id="x")])
