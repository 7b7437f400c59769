"""Trigger rules: what a task's upstreams say about it.

Pure counting. The outcomes are Airflow's, including when a rule decides early: a failed
upstream decides all_success at once, one_success fires with the first success.
"""

from __future__ import annotations

from enum import Enum

from tradewind.model.state import TaskState, TriggerRule

SUCCESS, SKIPPED, FAILED, UPSTREAM_FAILED, REMOVED = range(5)
"""Columns of a node's counts of upstream states."""

COLUMN: dict[TaskState, int] = {
    TaskState.SUCCESS: SUCCESS,
    TaskState.SKIPPED: SKIPPED,
    TaskState.FAILED: FAILED,
    TaskState.UPSTREAM_FAILED: UPSTREAM_FAILED,
    TaskState.REMOVED: REMOVED,
}


EARLY = frozenset(
    {
        TriggerRule.ONE_SUCCESS,
        TriggerRule.ONE_DONE,
        TriggerRule.ALL_FAILED,
        TriggerRule.ALL_SKIPPED,
        TriggerRule.ALWAYS,
    }
)
"""Rules that a success can decide before every upstream has ended."""


class Verdict(Enum):
    """What a rule says."""

    WAIT = "wait"
    READY = "ready"
    SKIP = "skip"
    UPSTREAM_FAILED = "upstream_failed"


_WAIT, _READY, _SKIP, _FAIL = (
    Verdict.WAIT,
    Verdict.READY,
    Verdict.SKIP,
    Verdict.UPSTREAM_FAILED,
)


def judge(  # noqa: C901, PLR0911, PLR0912  one branch a rule
    rule: TriggerRule, counts: list[int], total: int, setup: tuple[int, int, int] = (0, 0, 0)
) -> Verdict:
    """Return what a rule says.

    Args:
        rule: the task's trigger rule.
        counts: upstream instances by state, in the columns above.
        total: all upstream instances.
        setup: of the upstream setups: how many, how many succeeded, how many were skipped
            (for all_done_setup_success).
    """
    success, skipped, failed, upstream_failed, removed = counts
    bad = failed + upstream_failed
    done = success + skipped + bad + removed
    finished = done >= total
    if rule is TriggerRule.ALL_SUCCESS:
        if bad:
            return _FAIL
        if skipped:
            return _SKIP
        return _READY if success + removed >= total else _WAIT
    if total == 0 or rule is TriggerRule.ALWAYS:
        return _READY
    if rule is TriggerRule.ALL_DONE:
        return _READY if finished else _WAIT
    if rule is TriggerRule.NONE_FAILED:
        if bad:
            return _FAIL
        return _READY if finished else _WAIT
    if rule is TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS:
        if bad:
            return _FAIL
        if not finished:
            return _WAIT
        return _READY if success else _SKIP
    if rule is TriggerRule.ONE_SUCCESS:
        if success:
            return _READY
        if not finished:
            return _WAIT
        return _SKIP if skipped + removed == done else _FAIL
    if rule is TriggerRule.ONE_FAILED:
        if bad:
            return _READY
        return _SKIP if finished else _WAIT
    if rule is TriggerRule.ONE_DONE:
        if success + failed:
            return _READY
        return _SKIP if finished else _WAIT
    if rule is TriggerRule.ALL_FAILED:
        if success or skipped:
            return _SKIP
        return _READY if bad + removed >= total else _WAIT
    if rule is TriggerRule.NONE_SKIPPED:
        if skipped:
            return _SKIP
        return _READY if finished else _WAIT
    if rule is TriggerRule.ALL_SKIPPED:
        if success or bad:
            return _SKIP
        return _READY if skipped + removed >= total else _WAIT
    if rule is TriggerRule.ALL_DONE_MIN_ONE_SUCCESS:
        if not finished:
            return _WAIT
        if skipped:
            return _SKIP
        return _READY if success else _FAIL
    # all_done_setup_success: teardowns
    if not finished:
        return _WAIT
    setups, setups_succeeded, setups_skipped = setup
    if setups == 0 or setups_succeeded:
        return _READY
    return _SKIP if setups_skipped >= setups else _FAIL
