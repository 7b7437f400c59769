"""Every trigger rule against every mix of three upstreams, beside a plain reading of the rule."""

from __future__ import annotations

import itertools

import pytest

from tradewind.engine.rules import CATEGORY, FAIL, JUDGES, RUN, SKIP, WAIT, setups_verdict
from tradewind.model.state import TaskState, TriggerRule

ENDS = (TaskState.SUCCESS, TaskState.SKIPPED, TaskState.FAILED, TaskState.UPSTREAM_FAILED)
MIXES = list(itertools.combinations_with_replacement(ENDS, 3))
R, S, F = RUN, SKIP, FAIL


def expected(rule: TriggerRule, states: tuple[TaskState, ...]) -> int:
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
        assert JUDGES[rule](counted(*states)) == expected(rule, states), states


@pytest.mark.parametrize("rule", [r for r in TriggerRule if r is not TriggerRule.ALWAYS])
@pytest.mark.parametrize("states", [(), *((s,) for s in ENDS), *MIXES])
def test_an_early_decision_is_never_taken_back(
    rule: TriggerRule, states: tuple[TaskState, ...]
) -> None:
    early = JUDGES[rule](counted(*states, TaskState.RUNNING))
    if early == RUN:
        assert {JUDGES[rule](counted(*states, end)) for end in ENDS} == {RUN}
    elif early != WAIT:
        # all_success with a skip and a failure follows whichever came first.
        assert RUN not in {JUDGES[rule](counted(*states, end)) for end in ENDS}


def test_early_decisions() -> None:
    running = TaskState.RUNNING
    assert JUDGES[TriggerRule.ALL_SUCCESS](counted(TaskState.FAILED, running)) == F
    assert JUDGES[TriggerRule.ALL_SUCCESS](counted(TaskState.SKIPPED, running)) == S
    assert JUDGES[TriggerRule.ONE_SUCCESS](counted(TaskState.SUCCESS, running)) == R
    assert JUDGES[TriggerRule.ONE_DONE](counted(TaskState.UPSTREAM_FAILED, running)) == WAIT
    assert JUDGES[TriggerRule.ALL_DONE](counted(TaskState.SUCCESS, running)) == WAIT


@pytest.mark.parametrize(
    ("setups", "verdict"),
    [
        ((), R),
        ((TaskState.SUCCESS, TaskState.FAILED), R),
        ((TaskState.SKIPPED, TaskState.SKIPPED), S),
        ((TaskState.SKIPPED, TaskState.FAILED), F),
    ],
)
def test_a_teardown_asks_its_setups(setups: tuple[TaskState, ...], verdict: int) -> None:
    assert setups_verdict(counted(*setups)) == verdict


def counted(*states: TaskState) -> list[int]:
    counts = [0] * 6
    for state in states:
        counts[CATEGORY[state]] += 1
    return counts
