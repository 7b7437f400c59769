"""What `@task` makes."""

from __future__ import annotations

from tradewind.sdk.operators.python import PythonOperator


class PythonDecoratedOperator(PythonOperator):
    """Call the decorated function."""

    custom_operator_name = "@task"
