"""`airflow.operators.smooth`: Airflow's joke."""

from __future__ import annotations

from typing import Any

from tradewind.sdk.operator import BaseOperator


class SmoothOperator(BaseOperator):
    """Log a link to a song."""

    ui_color = "#e8f7e4"
    yt_link = "https://www.youtube.com/watch?v=4TYv2PhG89A"

    def execute(self, context: Any) -> None:
        """Log the link."""
        del context
        self.log.info("Enjoy Sade - Smooth Operator: %s", self.yt_link)
