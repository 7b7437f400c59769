"""EmptyOperator: a task without work, done without a process."""

from __future__ import annotations

from typing import Any

from tradewind.sdk.operator import BaseOperator


class EmptyOperator(BaseOperator):
    """Do nothing: a place where dependencies meet."""

    ui_color = "#e8f7e4"

    def execute(self, context: Any) -> None:
        """Do nothing."""
