"""Retry policies: whether a failed try is retried, and when, by what it raised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from importlib import import_module
from typing import Any


class RetryAction(StrEnum):
    """What to do about a failure."""

    RETRY = "retry"
    FAIL = "fail"
    DEFAULT = "default"


@dataclass(frozen=True)
class RetryDecision:
    """What a policy says about a failure.

    Args:
        action: RETRY (while tries remain), FAIL for good, or DEFAULT: as without a policy.
        retry_delay: waits this long instead of the task's own delay.
        reason: for the log.
    """

    action: RetryAction = RetryAction.DEFAULT
    retry_delay: timedelta | None = None
    reason: str | None = None


class RetryPolicy:
    """Derive from it and write `evaluate`; give it to a task as `retry_policy`."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
    ) -> RetryDecision:
        """Return what to do about a failure.

        Args:
            exception: what the task raised.
            try_number: which try failed, from 1.
            max_tries: how many retries the task has.
            context: the template context.
        """
        raise NotImplementedError(f"{type(self).__name__} has no evaluate()")


@dataclass(frozen=True)
class RetryRule:
    """One rule of an `ExceptionRetryPolicy`.

    Args:
        exception: a class, or its dotted path.
        action: what to do.
        retry_delay: waits this long instead of the task's own delay.
        reason: for the log.
        match_subclasses: whether exceptions derived from it match too.
    """

    exception: type[BaseException] | str
    action: RetryAction = RetryAction.RETRY
    retry_delay: timedelta | None = None
    reason: str | None = None
    match_subclasses: bool = True

    def matches(self, exception: BaseException) -> bool:
        """Tell whether the rule is about this exception."""
        wanted = self.exception
        classes = type(exception).__mro__ if self.match_subclasses else (type(exception),)
        if isinstance(wanted, type):
            return wanted in classes
        names = {f"{c.__module__}.{c.__qualname__}" for c in classes}
        names |= {name.removeprefix("builtins.") for name in names}
        return wanted in names or _alias(wanted) in classes


def _alias(path: str) -> Any:
    """Return what a dotted path names, which may be another name of the class; else None."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name, None) if module else None
    except ImportError:
        return None


class ExceptionRetryPolicy(RetryPolicy):
    """The first rule that matches the exception decides.

    Args:
        rules: asked in order.
        default: when none matches.
    """

    def __init__(
        self, rules: Sequence[RetryRule], default: RetryAction = RetryAction.DEFAULT
    ) -> None:
        self.rules = list(rules)
        self.default = default

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
    ) -> RetryDecision:
        """Return what the first matching rule says."""
        del try_number, max_tries, context
        for rule in self.rules:
            if rule.matches(exception):
                return RetryDecision(rule.action, rule.retry_delay, rule.reason)
        return RetryDecision(self.default)
