"""Every trigger rule against every mix of three upstreams, beside a plain reading of the rule."""

from __future__ import annotations

import itertools

import pytest

from tradewind.engine.rules import COLUMN, Verdict, judge
from tradewind.model.state import TaskState, TriggerRule

ENDS = (TaskState.SUCCESS, TaskState.SKIPPED, TaskState.FAILED, TaskState.UPSTREAM_FAILED)
MIXES = list(itertools.combinations_with_replacement(ENDS, 3))
R, S, F = Verdict.READY, Verdict.SKIP, Verdict.UPSTREAM_FAILED


def expected(rule: TriggerRule, states: tuple[TaskState, ...]) -> Verdict:
    good, skipped = states.count(TaskState.SUCCESS), states.count(TaskState.SKIPPED)
    bad, failed = len(states) - good - skipped, states.count(TaskState.FAILED)
    table = {
        TriggerRule.ALL_SUCCESS: F if bad else S if skipped else R,
        TriggerRule.ALL_FAILED: S if good or skipped else R,
        TriggerRule.ALL_DONE: R,
        TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: S if skipped else R if good else F,
        TriggerRule.ALL_DONE_SETUP_SUCCESS: R,
        TriggerRule.ONE_SUCCESS: R if good else F if bad else S,
        TriggerRule.ONE_FAILED: R if bad else S,
        TriggerRule.ONE_DONE: R if good or failed else S,
        TriggerRule.NONE_FAILED: F if bad else R,
        TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: F if bad else R if good else S,
        TriggerRule.NONE_SKIPPED: S if skipped else R,
        TriggerRule.ALL_SKIPPED: S if good or bad else R,
        TriggerRule.ALWAYS: R,
    }
    return table[rule]


@pytest.mark.parametrize("rule", list(TriggerRule))
def test_the_rule_at_the_end(rule: TriggerRule) -> None:
    for states in MIXES:
        counts = [0, 0, 0, 0, 0]
        for state in states:
            counts[COLUMN[state]] += 1
        assert judge(rule, counts, len(states)) is expected(rule, states), states


@pytest.mark.parametrize("rule", list(TriggerRule))
def test_nothing_above_is_ready(rule: TriggerRule) -> None:
    assert judge(rule, [0, 0, 0, 0, 0], 0) is R


def test_early_decisions() -> None:
    assert judge(TriggerRule.ALL_SUCCESS, [0, 0, 1, 0, 0], 3) is F
    assert judge(TriggerRule.ONE_SUCCESS, [1, 0, 0, 0, 0], 3) is R
    assert judge(TriggerRule.ALL_DONE, [2, 0, 0, 0, 0], 3) is Verdict.WAIT
