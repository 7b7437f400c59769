"""What the scheduler decides of tasks whose ends are dictated, beside Airflow's scheduler.

First every trigger rule over every combination of upstream states, then DAGs as Hypothesis draws
them: any rules and edges, setups with their teardowns, mapped tasks and mapped task groups.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.differential import ours
from tests.differential.airflow_side import AirflowSide, Refused
from tradewind.errors import DagError

pytestmark = pytest.mark.timeout(600)
SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
HEAD = """
from airflow.sdk import DAG, BaseOperator, TaskGroup, task_group

class Work(BaseOperator):
    def __init__(self, *, value=None, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    def execute(self, context):
        return self.value

with DAG("generated", schedule=None) as dag:
"""
RULES = (
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "all_skipped",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "always",
)
"""Every rule but `all_done_setup_success`, which only a teardown has, and always has."""

ENDS = ("success", "failed", "skipped")
_HASTY = {"one_success", "one_failed", "one_done", "always"}
PATIENT = tuple(rule for rule in RULES if rule not in {*_HASTY, "all_skipped"})
"""Rules for a mapped task. Under the hasty ones Airflow expands it before it knows the length
(differences-from-airflow.md); under all_skipped the order of a set of Python's decides what a
failed source makes of it."""
IN_GROUPS = tuple(rule for rule in RULES if rule != "always")
"""Rules for a task in a mapped group: Airflow refuses `always` there."""

THREE_UPSTREAMS = (
    HEAD
    + f"""
    for name in "abc":
        Work(task_id="before_" + name) >> Work(task_id="up_" + name)
    for rule in {RULES!r}:
        Work(task_id="z_" + rule, trigger_rule=rule).set_upstream(
            [dag.get_task("up_" + name) for name in "abc"]
        )
"""
)
ONE_MAPPED_UPSTREAM = (
    HEAD
    + f"""
    up = Work.partial(task_id="up").expand(value=[1, 2, 3])
    for rule in {RULES!r}:
        up >> Work(task_id="z_" + rule, trigger_rule=rule)
"""
)
BELOW_A_SETUP = (
    HEAD
    + f"""
    first = Work(task_id="a_setup").as_setup()
    second = Work(task_id="b_setup").as_setup()
    up = Work(task_id="c_up")
    end = Work(task_id="zz_teardown").as_teardown(setups=[first, second])
    [first, second] >> up
    for rule in {RULES!r}:
        up >> Work(task_id="z_" + rule, trigger_rule=rule) >> end
"""
)


def compare(side: AirflowSide, source: str, outcomes: dict[str, str], **lengths: int) -> None:
    """Let both decide, and compare."""
    theirs = side.ask("decide", source=source, outcomes=outcomes, lengths=lengths)
    assert ours.decide(source, outcomes, lengths) == theirs


def test_every_rule_over_every_mix_of_three(airflow_side: AirflowSide) -> None:
    for mix in itertools.product((*ENDS, "upstream_failed"), repeat=3):
        outcomes = {
            f"before_{name}" if state == "upstream_failed" else f"up_{name}": (
                "failed" if state == "upstream_failed" else state
            )
            for name, state in zip("abc", mix, strict=True)
        }
        compare(airflow_side, THREE_UPSTREAMS, outcomes)


def test_every_rule_over_every_mix_of_mapped_instances(airflow_side: AirflowSide) -> None:
    for mix in itertools.product(ENDS, repeat=3):
        outcomes = {f"up[{index}]": state for index, state in enumerate(mix)}
        compare(airflow_side, ONE_MAPPED_UPSTREAM, outcomes)


def test_every_rule_below_setups(airflow_side: AirflowSide) -> None:
    for one, other, up in itertools.product(ENDS, repeat=3):
        outcomes = {"a_setup": one, "b_setup": other, "c_up": up}
        compare(airflow_side, BELOW_A_SETUP, outcomes)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, dict[str, str], dict[str, int]]:
    """Draw a DAG file, how its tasks end, and how long the lists are that they return."""
    lines: list[str] = []
    outcomes: dict[str, str] = {}
    lengths: dict[str, int] = {}
    size = draw(st.integers(2, 7))
    kinds = [
        draw(st.sampled_from(["plain", "plain", "plain", "mapped", "setup", "group"]))
        for _ in range(size)
    ]
    for i, kind in enumerate(kinds):
        name = f"t{i}"
        rule = draw(st.sampled_from(RULES))
        above = [j for j in range(i) if draw(st.booleans())]
        if kind == "mapped" and any(kinds[j] == "plain" for j in range(i)):
            source = draw(st.sampled_from([j for j in range(i) if kinds[j] == "plain"]))
            lengths[f"t{source}"] = draw(st.integers(0, 3))
            rule = draw(st.sampled_from(PATIENT))
            lines.append(
                f"{name} = Work.partial(task_id='{name}', trigger_rule={rule!r})"
                f".expand(value=t{source}.output)"
            )
        elif kind == "setup":
            lines.append(f"{name} = Work(task_id='{name}').as_setup()")
        elif kind == "group":
            rule, other = (draw(st.sampled_from(IN_GROUPS)) for _ in "ab")
            lines += group(name, rule, other, draw(st.integers(1, 3)))
        else:
            kinds[i] = "plain"
            lines.append(f"{name} = Work(task_id='{name}', trigger_rule={rule!r})")
        lines += [f"t{j} >> {name}" for j in above]
        members = [f"{name}.a", f"{name}.b"] if kind == "group" else [name]
        for member in members:
            for key in (member, *(f"{member}[{index}]" for index in range(3))):
                outcomes[key] = draw(st.sampled_from(("success", *ENDS)))
    for i, kind in enumerate(kinds):
        if kind == "setup":
            below = [j for j in range(i + 1, size) if draw(st.booleans())]
            # With on_failure_fail_dagrun failed work counts here alone (a listed difference).
            lines.append(f"x{i} = Work(task_id='x{i}').as_teardown(setups=t{i})")
            lines += [f"t{j} >> x{i}" for j in below]
            outcomes[f"x{i}"] = draw(st.sampled_from(ENDS))
    return HEAD + "".join(f"    {line}\n" for line in lines), outcomes, lengths


def group(name: str, rule: str, other: str, length: int) -> list[str]:
    """Return the lines of a mapped task group of two tasks."""
    return [
        f"@task_group(group_id='{name}')",
        f"def {name}_body(n):",
        f"    a = Work(task_id='a', value=n, trigger_rule={rule!r})",
        f"    b = Work(task_id='b', trigger_rule={other!r})",
        "    a >> b",
        f"{name} = {name}_body.expand(n={list(range(length))})",
    ]


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(files())
def test_drawn_dags(
    airflow_side: AirflowSide, drawn: tuple[str, dict[str, str], dict[str, int]]
) -> None:
    source, outcomes, lengths = drawn
    try:
        theirs = airflow_side.ask("decide", source=source, outcomes=outcomes, lengths=lengths)
    except Refused:  # what we refuse of a DAG, too
        event("refused")
        with pytest.raises(DagError):
            ours.decide(source, outcomes, lengths)
        return
    event(f"run {theirs['run']}")
    assert ours.decide(source, outcomes, lengths) == theirs
