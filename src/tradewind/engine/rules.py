"""Trigger rules: from counts of upstream states to a verdict.

A rule looks only at how many direct upstream task instances are pending, succeeded, skipped,
failed, upstream_failed. Removed instances and tasks that have no instance in this run do not
count at all; a task without any upstream instance may run under every rule.

The rules are eager where the outcome can no longer change: one failed upstream decides
all_success at once, one success decides one_success. With one skipped and one failed upstream,
all_success follows whichever ended first, because a decided task is not decided again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tradewind.model.state import TaskState, TriggerRule

# ---- categories: indexes into the counts ------------------------------------------------

PENDING = 0
SUCCESS = 1
SKIPPED = 2
FAILED = 3
UPSTREAM_FAILED = 4
GONE = 5
"""Not counted: removed, or replaced by its expansion."""

CATEGORIES = 5
"""Counts kept per gate: PENDING … UPSTREAM_FAILED."""

CATEGORY: dict[TaskState, int] = {
    **dict.fromkeys(TaskState, PENDING),
    TaskState.SUCCESS: SUCCESS,
    TaskState.SKIPPED: SKIPPED,
    TaskState.FAILED: FAILED,
    TaskState.UPSTREAM_FAILED: UPSTREAM_FAILED,
    TaskState.REMOVED: GONE,
}

# ---- verdicts ---------------------------------------------------------------------------

WAIT = 0
RUN = 1
SKIP = 2
FAIL = 3
"""The task becomes upstream_failed."""

SETUPS = "setups"
"""The pseudo-rule over indirect setups: all must succeed, or the task shares their fate."""

Counts = Sequence[int]
Judge = Callable[[Counts], int]


def _all_success(c: Counts) -> int:
    if c[FAILED] or c[UPSTREAM_FAILED]:
        return FAIL
    if c[SKIPPED]:
        return SKIP
    return WAIT if c[PENDING] else RUN


def _all_failed(c: Counts) -> int:
    if c[SUCCESS] or c[SKIPPED]:
        return SKIP
    return WAIT if c[PENDING] else RUN


def _all_done(c: Counts) -> int:
    return WAIT if c[PENDING] else RUN


def _all_done_min_one_success(c: Counts) -> int:
    if c[SKIPPED]:
        return SKIP
    if c[PENDING]:
        return WAIT
    return RUN if c[SUCCESS] else FAIL


def _one_success(c: Counts) -> int:
    if c[SUCCESS]:
        return RUN
    if c[PENDING]:
        return WAIT
    return FAIL if c[FAILED] or c[UPSTREAM_FAILED] else SKIP


def _one_failed(c: Counts) -> int:
    if c[FAILED] or c[UPSTREAM_FAILED]:
        return RUN
    return WAIT if c[PENDING] else SKIP


def _one_done(c: Counts) -> int:
    if c[SUCCESS] or c[FAILED]:
        return RUN
    return WAIT if c[PENDING] else SKIP


def _none_failed(c: Counts) -> int:
    if c[FAILED] or c[UPSTREAM_FAILED]:
        return FAIL
    return WAIT if c[PENDING] else RUN


def _none_failed_min_one_success(c: Counts) -> int:
    if c[FAILED] or c[UPSTREAM_FAILED]:
        return FAIL
    if c[PENDING]:
        return WAIT
    return RUN if c[SUCCESS] else SKIP


def _none_skipped(c: Counts) -> int:
    if c[SKIPPED]:
        return SKIP
    return WAIT if c[PENDING] else RUN


def _all_skipped(c: Counts) -> int:
    if c[SUCCESS] or c[FAILED] or c[UPSTREAM_FAILED]:
        return SKIP
    return WAIT if c[PENDING] else RUN


def _always(_c: Counts) -> int:
    return RUN


JUDGES: dict[str, Judge] = {
    TriggerRule.ALL_SUCCESS: _all_success,
    TriggerRule.ALL_FAILED: _all_failed,
    TriggerRule.ALL_DONE: _all_done,
    TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: _all_done_min_one_success,
    # Its setups are looked at by `setups_verdict` once everything is done.
    TriggerRule.ALL_DONE_SETUP_SUCCESS: _all_done,
    TriggerRule.ONE_SUCCESS: _one_success,
    TriggerRule.ONE_FAILED: _one_failed,
    TriggerRule.ONE_DONE: _one_done,
    TriggerRule.NONE_FAILED: _none_failed,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: _none_failed_min_one_success,
    TriggerRule.NONE_SKIPPED: _none_skipped,
    TriggerRule.ALL_SKIPPED: _all_skipped,
    TriggerRule.ALWAYS: _always,
    SETUPS: _all_success,
}


def setups_verdict(setups: Counts) -> int:
    """Judge a teardown whose upstreams are all done, by the counts of its setups alone.

    One setup that succeeded is enough; with none, the teardown shares their fate.
    """
    total = sum(setups)
    if not total or setups[SUCCESS]:
        return RUN
    return SKIP if setups[SKIPPED] == total else FAIL
