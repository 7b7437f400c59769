"""EmptyOperator: a task without work."""

from __future__ import annotations

from typing import Any

from tradewind.sdk.operator import BaseOperator


class EmptyOperator(BaseOperator):
    """Do nothing: a place where dependencies meet. Done without a process."""

    ui_color = "#e8f7e4"
    inherits_from_empty_operator = True

    def execute(self, context: Any) -> None:
        """Do nothing."""
