"""Branches and short-circuits: choose what runs below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.operators.skipping import BranchMixIn, SkipMixin, stop_here

__all__ = [
    "BaseBranchOperator",
    "BranchMixIn",
    "BranchPythonOperator",
    "ShortCircuitOperator",
    "SkipMixin",
]


class BaseBranchOperator(BaseOperator, BranchMixIn):
    """Follow the tasks that `choose_branch` names; skip the others directly below.

    Derive from it and write `choose_branch`.
    """

    def choose_branch(self, context: Any) -> str | Iterable[str] | None:
        """Return the ids of the tasks (or groups) to follow; None follows nothing."""
        raise NotImplementedError(f"{type(self).__name__} has no choose_branch(self, context)")

    def execute(self, context: Any) -> Any:
        """Choose and skip the rest."""
        return self.do_branch(context, self.choose_branch(context))


class BranchPythonOperator(PythonOperator, BranchMixIn):
    """Follow the tasks whose ids the function returns; skip the others directly below.

    The function returns the id of a task or group, a list of them, or None to follow nothing.
    """

    def execute(self, context: Any) -> Any:
        """Call the function and skip what it did not choose."""
        return self.do_branch(context, self.call(context))


class ShortCircuitOperator(PythonOperator, SkipMixin):
    """Go on only if the function returns something true; else skip what is below.

    Args:
        ignore_downstream_trigger_rules: skip everything below. If False, only the tasks
            directly below are skipped, and trigger rules decide about the rest.
    """

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def execute(self, context: Any) -> Any:
        """Call the function and stop here if it says so."""
        result = self.call(context)
        if not result:
            stop_here(
                self, result=result, ignore_trigger_rules=self.ignore_downstream_trigger_rules
            )
        return result
