"""Random DAG specs: at least eight tasks, at least three features."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random  # noqa: TID251 (a seeded generator handed in by the simulator)

from msgspec.structs import replace

from tradewind.model.spec import (
    DagSpec,
    ExpandSpec,
    GroupSpec,
    MapConcat,
    MapLiteral,
    MapSource,
    MapXCom,
    MapZip,
    TaskSpec,
)
from tradewind.model.state import TriggerRule, WeightRule

LATE = datetime(2026, 4, 1, tzinfo=UTC)
"""After the logical date of every simulated run: a task that starts then has no instance."""

FEATURES = (
    "rules",
    "retries",
    "branch",
    "short_circuit",
    "setup",
    "mapped",
    "mapped_group",
    "nested",
    "no_op",
    "past",
    "pools",
    "limits",
    "fail_fast",
    "timeout",
    "dates",
)

_PLAIN_RULES = tuple(r for r in TriggerRule if r is not TriggerRule.ALL_DONE_SETUP_SUCCESS)


def random_dag(rng: Random, dag_id: str = "sim") -> tuple[DagSpec, frozenset[str]]:
    """Return a DAG and the features that it has."""
    features = frozenset(rng.sample(FEATURES, rng.randint(3, 7)))
    return _Builder(rng, dag_id, features).build(), features


class _Builder:
    def __init__(self, rng: Random, dag_id: str, features: frozenset[str]) -> None:
        self.rng = rng
        self.dag_id = dag_id
        self.features = features
        self.tasks: list[TaskSpec] = []
        self.groups: list[GroupSpec] = []

    def build(self) -> DagSpec:
        for _ in range(self.rng.randint(3, 6)):
            self._plain()
        for feature in sorted(self.features):
            grow = getattr(self, f"_grow_{feature}", None)
            if grow is not None:
                grow()
        while len(self.tasks) < 8 or self.rng.random() < 0.5:
            self._plain()
        self._obey_setups()
        return DagSpec(
            dag_id=self.dag_id,
            tasks=tuple(self.tasks),
            groups=tuple(self.groups),
            fail_fast="fail_fast" in self.features,
            dagrun_timeout_s=2_000.0 if "timeout" in self.features else None,
            max_active_tasks=self.rng.choice([2, 4, 16]) if "limits" in self.features else 16,
            callbacks=("success", "failure"),
        )

    # ---- tasks --------------------------------------------------------------------------

    def _add(self, upstream: list[int] | None = None, **fields: object) -> int:
        rng = self.rng
        index = len(self.tasks)
        if upstream is None:
            upstream = rng.sample(range(index), min(index, rng.choice([0, 1, 1, 2, 3])))
        task = TaskSpec(
            task_id=f"t{index}",
            upstream=tuple(sorted(set(upstream))),
            callbacks=("success", "failure", "retry", "skipped"),
            weight_rule=rng.choice(list(WeightRule)),
            priority_weight=rng.randint(1, 4),
        )
        self.tasks.append(replace(task, **fields))
        return index

    def _plain(self) -> int:
        rng, fields = self.rng, dict[str, object]()
        if "rules" in self.features and rng.random() < 0.5:
            fields["trigger_rule"] = rng.choice(_PLAIN_RULES)
        if "retries" in self.features:
            fields["retries"] = rng.randint(0, 2)
            fields["retry_delay_s"] = rng.choice([0.0, 10.0])
            fields["retry_backoff"] = rng.choice([0.0, 2.0])
        if "no_op" in self.features and rng.random() < 0.3:
            fields["no_op"] = True
        if "past" in self.features and rng.random() < 0.3:
            fields["depends_on_past"] = True
            fields["wait_for_downstream"] = rng.random() < 0.3
            fields["wait_for_past_depends_before_skipping"] = rng.random() < 0.3
        if "pools" in self.features and rng.random() < 0.7:
            fields["pool"] = rng.choice(["small", "small", "big"])
            fields["pool_slots"] = rng.randint(1, 2)
        if "limits" in self.features and rng.random() < 0.3:
            fields["max_active_tis_per_dagrun"] = 1
        # A mapped group's inner tasks are reached through its last one only.
        outer = [i for i, t in enumerate(self.tasks) if t.group_id is None or rng.random() < 0.5]
        upstream = rng.sample(outer, min(len(outer), rng.choice([0, 1, 1, 2, 3])))
        return self._add(upstream, **fields)

    # ---- features -----------------------------------------------------------------------

    def _grow_branch(self) -> None:
        branch = self._add(can_skip_downstream=True)
        left, right = self._add([branch]), self._add([branch])
        self._add([left, right, branch], trigger_rule=self.rng.choice(_PLAIN_RULES))

    def _grow_short_circuit(self) -> None:
        stop = self._add(can_skip_downstream=True)
        middle = self._add([stop])
        self._add([middle], trigger_rule=self.rng.choice(_PLAIN_RULES))

    def _grow_setup(self) -> None:
        setup = self._add(is_setup=True)
        work = self._add([setup])
        # Its own rule might let it run; the setup that it depends on indirectly must not.
        more = self._add([work], trigger_rule=self.rng.choice(_PLAIN_RULES))
        self._add(
            [setup, more],
            is_teardown=True,
            on_failure_fail_dagrun=self.rng.random() < 0.5,
            trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS,
        )

    def _grow_mapped(self) -> None:
        source = self._source()
        mapped = self._add([source], expand=self._expand(source))
        self._add([mapped], expand=ExpandSpec(sources=(("x", MapXCom(mapped)),)))
        self._add([mapped], trigger_rule=self.rng.choice(_PLAIN_RULES))

    def _grow_mapped_group(self) -> None:
        self._group(nested=False)

    def _grow_nested(self) -> None:
        self._group(nested=True)

    def _grow_dates(self) -> None:
        # A task that starts after the logical date has no instance in this run.
        self._add(start_date=None if self.rng.random() < 0.5 else LATE)

    def _group(self, *, nested: bool) -> None:
        rng = self.rng
        source = self._source()
        group_id = f"g{len(self.groups)}"
        self.groups.append(GroupSpec(group_id=group_id, expand=self._expand(source)))
        first = self._add([source], group_id=group_id)
        second = self._add(
            [first], group_id=group_id, can_skip_downstream="branch" in self.features
        )
        third = self._add([second], group_id=group_id)
        last = self._add(
            [first, third], group_id=group_id, trigger_rule=rng.choice(_PLAIN_RULES[1:])
        )
        if nested:
            inner = self._add(
                [first],
                group_id=group_id,
                expand=ExpandSpec(sources=(("x", MapXCom(first)),)),
            )
            inner_id = f"{group_id}.in"
            self.groups.append(
                GroupSpec(group_id=inner_id, parent=group_id, expand=self._expand(second))
            )
            deep = self._add([second], group_id=inner_id)
            deepest = self._add([deep], group_id=inner_id)
            last = self._add([inner, deepest], group_id=group_id, trigger_rule=TriggerRule.ALL_DONE)
        self._add([last], trigger_rule=rng.choice(_PLAIN_RULES))

    def _source(self) -> int:
        """Add a task to map over, often at the top: it must succeed for anything to follow."""
        return self._add([] if self.rng.random() < 0.6 else None)

    def _expand(self, source: int) -> ExpandSpec:
        rng = self.rng
        xcom: MapSource = MapXCom(source)
        literal: MapSource = MapLiteral(rng.randint(1, 3))
        shapes: list[tuple[tuple[str, MapSource], ...]] = [
            (("x", xcom),),
            (("", xcom),),
            (("x", xcom), ("y", literal)),
            (("x", MapZip((xcom, literal), longest=rng.random() < 0.5)),),
            (("x", MapConcat((literal, xcom))),),
        ]
        return ExpandSpec(sources=rng.choice(shapes))

    def _obey_setups(self) -> None:
        """Direct children of a setup may only use all_success (the parser refuses others)."""
        for i, task in enumerate(self.tasks):
            if not task.is_teardown and any(self.tasks[up].is_setup for up in task.upstream):
                self.tasks[i] = replace(task, trigger_rule=TriggerRule.ALL_SUCCESS)
