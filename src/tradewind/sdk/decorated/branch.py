"""What `@task.branch` and `@task.short_circuit` make."""

from __future__ import annotations

from tradewind.sdk.operators.branch import BranchPythonOperator, ShortCircuitOperator


class BranchDecoratedOperator(BranchPythonOperator):
    """Call the decorated function and go on with the tasks that it returns."""

    custom_operator_name = "@task.branch"


class ShortCircuitDecoratedOperator(ShortCircuitOperator):
    """Call the decorated function and go on only if it returns something."""

    custom_operator_name = "@task.short_circuit"
