"""What DAG authors import.

Names are imported when they are first used, so that a file pays only for what it takes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradewind.sdk.connection import Connection as Connection
    from tradewind.sdk.context import get_current_context as get_current_context
    from tradewind.sdk.dag_definition import DAG as DAG
    from tradewind.sdk.dag_definition import dag as dag
    from tradewind.sdk.decorators import setup as setup
    from tradewind.sdk.decorators import task as task
    from tradewind.sdk.decorators import task_group as task_group
    from tradewind.sdk.decorators import teardown as teardown
    from tradewind.sdk.edges import Label as Label
    from tradewind.sdk.edges import chain as chain
    from tradewind.sdk.edges import chain_linear as chain_linear
    from tradewind.sdk.edges import cross_downstream as cross_downstream
    from tradewind.sdk.operator import BaseOperator as BaseOperator
    from tradewind.sdk.operators.bash import BashOperator as BashOperator
    from tradewind.sdk.operators.branch import BranchPythonOperator as BranchPythonOperator
    from tradewind.sdk.operators.branch import ShortCircuitOperator as ShortCircuitOperator
    from tradewind.sdk.operators.empty import EmptyOperator as EmptyOperator
    from tradewind.sdk.operators.python import PythonOperator as PythonOperator
    from tradewind.sdk.taskgroup import TaskGroup as TaskGroup
    from tradewind.sdk.variable import Variable as Variable
    from tradewind.sdk.xcom_arg import XComArg as XComArg

_WHERE = {
    "BaseOperator": "operator",
    "BashOperator": "operators.bash",
    "BranchPythonOperator": "operators.branch",
    "Connection": "connection",
    "DAG": "dag_definition",
    "EmptyOperator": "operators.empty",
    "Label": "edges",
    "PythonOperator": "operators.python",
    "ShortCircuitOperator": "operators.branch",
    "TaskGroup": "taskgroup",
    "Variable": "variable",
    "XComArg": "xcom_arg",
    "chain": "edges",
    "chain_linear": "edges",
    "cross_downstream": "edges",
    "dag": "dag_definition",
    "get_current_context": "context",
    "setup": "decorators",
    "task": "decorators",
    "task_group": "decorators",
    "teardown": "decorators",
}


def __getattr__(name: str) -> Any:
    """Import a name's module at its first use."""
    where = _WHERE.get(name)
    if where is None:
        raise AttributeError(f"tradewind.sdk has no {name!r}")
    value = getattr(import_module(f"tradewind.sdk.{where}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the names."""
    return sorted(_WHERE)
