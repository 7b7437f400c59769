"""What `@task.virtualenv`, `@task.external_python` and their branches make."""

from __future__ import annotations

from tradewind.sdk.operators.virtualenv import (
    BranchExternalPythonOperator,
    BranchPythonVirtualenvOperator,
    ExternalPythonOperator,
    PythonVirtualenvOperator,
)


class VirtualenvDecoratedOperator(PythonVirtualenvOperator):
    """Call the decorated function in a virtual environment."""

    custom_operator_name = "@task.virtualenv"


class ExternalPythonDecoratedOperator(ExternalPythonOperator):
    """Call the decorated function in another Python."""

    custom_operator_name = "@task.external_python"


class BranchVirtualenvDecoratedOperator(BranchPythonVirtualenvOperator):
    """Call the decorated function in a virtual environment and go on with what it returns."""

    custom_operator_name = "@task.branch_virtualenv"


class BranchExternalPythonDecoratedOperator(BranchExternalPythonOperator):
    """Call the decorated function in another Python and go on with what it returns."""

    custom_operator_name = "@task.branch_external_python"
