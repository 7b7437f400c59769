"""What an author is told when a DAG file is not right: the DAG, the task, the argument, the fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tradewind.errors import DagError
from tradewind.sdk.build import to_spec
from tradewind.sdk.loading import load_dag_file

HEAD = """
from datetime import datetime, timedelta
from tradewind.sdk import *
with DAG("d", schedule=None) as made:
    @task
    def source(): ...
    @task
    def use(x, y=0): ...
"""

CASES: dict[str, tuple[str, list[str]]] = {
    "unknown trigger rule": (
        "    EmptyOperator(task_id='t', trigger_rule='all_sucess')",
        ["DAG 'd'", "task 't'", "trigger_rule", "did you mean 'all_success'?", "all_done"],
    ),
    "unknown weight rule": (
        "    EmptyOperator(task_id='t', weight_rule='down')",
        ["DAG 'd'", "task 't'", "weight_rule", "downstream, upstream, absolute"],
    ),
    "cycle": (
        "    a, b = EmptyOperator(task_id='a'), EmptyOperator(task_id='b')\n    a >> b >> a",
        ["DAG 'd'", "circle", "a → b → a", "remove one of these dependencies"],
    ),
    "duplicate task id": (
        "    EmptyOperator(task_id='a')\n    EmptyOperator(task_id='a')",
        ["DAG 'd'", "a task 'a' already", "another task_id"],
    ),
    "task id with a space": (
        "    EmptyOperator(task_id='my task')",
        ["DAG 'd'", "'my task'", "like 'my_task'"],
    ),
    "bad cron": ("DAG('e', schedule='0 25 * * *')", ["DAG 'e'", "schedule", "0 25 * * *"]),
    "unknown preset": ("DAG('e', schedule='@dayly')", ["DAG 'e'", "schedule", "@dayly"]),
    "schedule of a wrong type": ("DAG('e', schedule=5)", ["DAG 'e'", "schedule: must be None"]),
    "unknown argument of a DAG": (
        "DAG('e', schedul=None)",
        ["DAG 'e'", "unknown argument 'schedul'", "did you mean 'schedule'?"],
    ),
    "unknown argument of an operator": (
        "    BashOperator(task_id='t', bash_comand='true')",
        ["DAG 'd'", "task 't'", "'bash_comand'", "did you mean 'bash_command'?"],
    ),
    "unknown argument of @task": (
        "    @task(retrys=1)\n    def t(): ...\n    t()",
        ["DAG 'd'", "task 't'", "'retrys'", "did you mean 'retries'?"],
    ),
    "missing argument": (
        "    BashOperator(task_id='t')",
        ["DAG 'd'", "task 't'", "needs the argument 'bash_command'"],
    ),
    "positional argument": ("    BashOperator('t', 'true')", ["DAG 'd'", "by keyword"]),
    "retries of a wrong type": (
        "    EmptyOperator(task_id='t', retries='many')",
        ["DAG 'd'", "task 't'", "retries", "must be an integer", "'many'"],
    ),
    "retry_delay of a wrong type": (
        "    EmptyOperator(task_id='t', retry_delay='5m')",
        ["DAG 'd'", "task 't'", "retry_delay", "timedelta or a number of seconds"],
    ),
    "execution_timeout of a wrong type": (
        "    EmptyOperator(task_id='t', execution_timeout=5)",
        ["DAG 'd'", "task 't'", "execution_timeout", "timedelta(minutes=5)"],
    ),
    "callback of a wrong type": (
        "    EmptyOperator(task_id='t', on_failure_callback=['tell me'])",
        ["DAG 'd'", "task 't'", "on_failure_callback", "functions or notifiers"],
    ),
    "start_date of a wrong type": (
        "DAG('e', start_date=7)",
        ["DAG 'e'", "start_date", "must be a datetime"],
    ),
    "end before start": (
        "DAG('e', start_date=datetime(2026, 2, 1), end_date=datetime(2026, 1, 1))",
        ["DAG 'e'", "end_date", "before start_date"],
    ),
    "tags as a string": ("DAG('e', tags='a')", ["DAG 'e'", "tags", "like ['a']"]),
    "arguments of a task's function": (
        "    use()",
        ["DAG 'd'", "task 'use'", "'x'"],
    ),
    "one too many": ("    use(1, z=2)", ["DAG 'd'", "task 'use'", "'z'"]),
    "expand over a number": (
        "    use.expand(x=3)",
        ["DAG 'd'", "task 'use'", "expand(x=...) takes a list"],
    ),
    "expand over an unknown parameter": (
        "    use.expand(z=[1])",
        ["DAG 'd'", "task 'use'", "no parameter 'z'"],
    ),
    "expand over nothing": ("    use.expand()", ["DAG 'd'", "task 'use'", "at least one"]),
    "partial and expand of the same": (
        "    use.partial(x=1).expand(x=[1])",
        ["DAG 'd'", "task 'use'", "'x'", "is in partial() already"],
    ),
    "a rule behind a setup": (
        "    s = source().as_setup()\n    s >> EmptyOperator(task_id='t', trigger_rule='always')",
        ["DAG 'd'", "task 't'", "trigger_rule", "all_success"],
    ),
    "a sensor's mode": (
        "    PythonSensor(task_id='t', python_callable=print, mode='push')",
        ["DAG 'd'", "task 't'", "mode", "poke or reschedule", "'push'"],
    ),
    "a param of the wrong type on a schedule": (
        "DAG('e', schedule='@daily', params={'n': Param('x', type='integer')})",
        ["DAG 'e'", "param 'n'", "integer"],
    ),
    "catchup without a start": ("DAG('e', schedule='@daily', catchup=True)", ["DAG 'e'", "start"]),
    "two DAGs of one id": ("a = DAG('e')\nb = DAG('e')", ["two DAGs", "'e'", "another dag_id"]),
    "a task in two DAGs": (
        "    t = EmptyOperator(task_id='t')\nt.dag = DAG('e')",
        ["task 't'", "DAG 'd'", "'e'", "make a second task"],
    ),
    "edges between DAGs": (
        "    a = source()\nwith DAG('e'):\n    b = EmptyOperator(task_id='b')\na >> b",
        ["'source'", "'b'", "'d'", "'e'"],
    ),
    "a pool without slots": (
        "    EmptyOperator(task_id='t', pool_slots=0)",
        ["DAG 'd'", "task 't'", "pool_slots", "at least 1"],
    ),
}


def publish(file: Path) -> None:
    for dag in load_dag_file(str(file), str(file.parent)).dags.values():
        to_spec(dag)


@pytest.mark.parametrize("case", CASES)
def test_the_message_names_dag_task_argument_and_fix(case: str, tmp_path: Path) -> None:
    text, parts = CASES[case]
    file = tmp_path / f"dag_{case.replace(' ', '_').replace(chr(39), '')[:20]}.py"
    file.write_text(HEAD + text + "\n")
    with pytest.raises((DagError, TypeError)) as caught:
        publish(file)
    message = str(caught.value)
    assert [part for part in parts if part not in message] == [], message
    assert isinstance(caught.value, DagError), f"{type(caught.value)}: {message}"
    assert "\n" not in message.strip()
    assert len(message) < 400


def test_a_partial_without_expand_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "open.py"
    file.write_text(HEAD + "    BashOperator.partial(task_id='t')\n")
    found: Any = load_dag_file(str(file), str(tmp_path))
    assert any("task 't'" in w and ".expand()" in w for w in found.warnings)
