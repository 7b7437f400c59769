"""A naive full recomputation of what every task instance should be.

It reads the spec and the rows, nothing else: no counters, no gates, no memory. Slow and plain
on purpose; the engine has to agree with it after every step. `verdicts` looks at each instance
that waits and says what should become of it; `check` compares.
"""

from __future__ import annotations

from collections.abc import Collection
from math import prod

from tradewind.model.event import Past, Step
from tradewind.model.ids import TaskKey
from tradewind.model.run import TaskInstance
from tradewind.model.spec import (
    DagSpec,
    ExpandSpec,
    MapConcat,
    MapLiteral,
    MapSource,
    MapXCom,
    MapZip,
    TaskSpec,
)
from tradewind.model.state import (
    FAILED_STATES,
    SUCCESS_STATES,
    TERMINAL_STATES,
    RunState,
    TaskState,
)
from tradewind.testing.simulation.ledger import Ledger, require

Path = tuple[int, ...]

_WAIT, _RUN, _SKIP, _FAIL = "wait", "run", "skip", "fail"


class Oracle:
    """What the rows of one run say should happen."""

    def __init__(self, spec: DagSpec, rows: dict[TaskKey, TaskInstance], past: Past) -> None:
        self.spec = spec
        self.past = past
        self.rows = [ti for ti in rows.values() if ti.state is not TaskState.REMOVED]
        self.by_task: dict[str, list[TaskInstance]] = {}
        for ti in self.rows:
            self.by_task.setdefault(ti.task_id, []).append(ti)
        self.groups = {g.group_id: g for g in spec.groups}
        self.index = {t.task_id: i for i, t in enumerate(spec.tasks)}

    # ---- structure ----------------------------------------------------------------------

    def levels(self, task: TaskSpec) -> list[tuple[str, ExpandSpec]]:
        """Return the mapping levels of a task, outermost first."""
        found: list[tuple[str, ExpandSpec]] = []
        group_id = task.group_id
        while group_id is not None:
            group = self.groups[group_id]
            if group.expand is not None:
                found.insert(0, (group_id, group.expand))
            group_id = group.parent
        if task.expand is not None:
            found.append((f"task {task.task_id}", task.expand))
        return found

    def shared(self, one: TaskSpec, other: TaskSpec) -> int:
        """Return how many mapped groups enclose both tasks."""
        depth = 0
        for a, b in zip(self.levels(one), self.levels(other), strict=False):
            if a[0] != b[0]:
                break
            depth += 1
        return depth

    def seen(self, upstream: TaskSpec, by: TaskSpec, path: Path) -> list[TaskInstance]:
        """Return the instances of an upstream that an instance with this path looks at."""
        prefix = path[: self.shared(upstream, by)]
        found: list[TaskInstance] = []
        for ti in self.by_task.get(upstream.task_id, []):
            length = min(len(ti.map_path), len(prefix))
            if ti.map_path[:length] == prefix[:length]:
                found.append(ti)
        exact = [ti for ti in found if len(ti.map_path) >= len(prefix)]
        waiting = [ti for ti in found if len(ti.map_path) < len(prefix)]
        # A placeholder that is being expanded stands for what has no row yet.
        return exact or waiting

    # ---- rules --------------------------------------------------------------------------

    def verdict(self, ti: TaskInstance) -> str:
        """Return what the upstreams make of a waiting instance."""
        task = self.spec.tasks[self.index[ti.task_id]]
        if self._not_chosen(task, ti):
            return _SKIP
        if task.trigger_rule == "always":
            return _RUN
        verdict = _RUN
        for rule, upstream in (
            (task.trigger_rule.value, [self.spec.tasks[i] for i in task.upstream]),
            ("setups", self._binding_setups(task)),
        ):
            seen = [u for up in upstream for u in self.seen(up, task, ti.map_path)]
            one = self._judge(rule, task, ti, seen)
            if one in {_SKIP, _FAIL}:
                # Both may decide; then the setups' word counts.
                verdict = one
            elif one == _WAIT and verdict == _RUN:
                verdict = _WAIT
        return verdict

    def _judge(self, rule: str, task: TaskSpec, ti: TaskInstance, seen: list[TaskInstance]) -> str:
        if not seen:
            return _RUN
        states = [u.state for u in seen]
        done = all(s in TERMINAL_STATES for s in states)
        good, skipped = TaskState.SUCCESS in states, TaskState.SKIPPED in states
        bad, failed = any(s in FAILED_STATES for s in states), TaskState.FAILED in states
        after = _RUN if done else _WAIT
        last = _FAIL if bad else _SKIP
        return {
            "setups": _FAIL if bad else _SKIP if skipped else after,
            "all_success": _FAIL if bad else _SKIP if skipped else after,
            "all_failed": _SKIP if good or skipped else after,
            "all_done": after,
            "all_done_min_one_success": _SKIP if skipped else after if good or not done else _FAIL,
            "all_done_setup_success": self._by_setups(task, ti) if done else _WAIT,
            "one_success": _RUN if good else last if done else _WAIT,
            "one_failed": _RUN if bad else _SKIP if done else _WAIT,
            "one_done": _RUN if good or failed else _SKIP if done else _WAIT,
            "none_failed": _FAIL if bad else after,
            "none_failed_min_one_success": _FAIL if bad else after if good or not done else _SKIP,
            "none_skipped": _SKIP if skipped else after,
            "all_skipped": _SKIP if good or bad else after,
        }[rule]

    def _by_setups(self, task: TaskSpec, ti: TaskInstance) -> str:
        setups = [self.spec.tasks[up] for up in task.upstream if self.spec.tasks[up].is_setup]
        states = [u.state for up in setups for u in self.seen(up, task, ti.map_path)]
        if not states or TaskState.SUCCESS in states:
            return _RUN
        return _SKIP if all(s is TaskState.SKIPPED for s in states) else _FAIL

    def _not_chosen(self, task: TaskSpec, ti: TaskInstance) -> bool:
        for chooser in self.spec.tasks:
            above = self.index[chooser.task_id] in self._ancestors(task)
            if not chooser.can_skip_downstream or not above:
                continue
            seen = self.seen(chooser, task, ti.map_path)
            if not seen or any(c.state not in TERMINAL_STATES for c in seen):
                continue
            succeeded = [c for c in seen if c.state is TaskState.SUCCESS]
            direct = self.index[chooser.task_id] in task.upstream
            if succeeded and all(
                ("*" in c.skips and not task.is_teardown) or (direct and task.task_id in c.skips)
                for c in succeeded
            ):
                return True
        return False

    def _ancestors(self, task: TaskSpec) -> set[int]:
        found: set[int] = set()
        for up in task.upstream:
            found |= {up} | self._ancestors(self.spec.tasks[up])
        return found

    def _binding_setups(self, task: TaskSpec) -> list[TaskSpec]:
        """Return the indirect setups of a task: above it, and with no teardown above it only."""
        if task.is_teardown:
            return []
        found: list[TaskSpec] = []
        me = self.index[task.task_id]
        for up in sorted(self._ancestors(task)):
            setup = self.spec.tasks[up]
            if not setup.is_setup or up in task.upstream:
                continue
            teardowns = [t for t in self.spec.tasks if t.is_teardown and up in t.upstream]
            if not teardowns or any(me in self._ancestors(t) for t in teardowns):
                found.append(setup)
        return found

    # ---- mapping ------------------------------------------------------------------------

    def width(self, task: TaskSpec, path: Path) -> int | str:
        """Return how many instances a stub becomes, or why that is not known."""
        _, expand = self.levels(task)[len(path)]
        outer = [name for name, _ in self.levels(task)[: len(path)]]
        parts = [self._length(source, outer, path) for _, source in expand.sources]
        unknown = [p for p in parts if isinstance(p, str)]
        for worst in (_FAIL, _SKIP, _WAIT):
            if worst in unknown:
                return worst
        return prod(p for p in parts if isinstance(p, int))

    def _length(self, source: MapSource, outer: list[str], path: Path) -> int | str:
        if isinstance(source, MapLiteral):
            return source.length
        if isinstance(source, MapZip | MapConcat):
            parts = [self._length(part, outer, path) for part in source.parts]
            for worst in (_FAIL, _SKIP, _WAIT):
                if worst in parts:
                    return worst
            known = [p for p in parts if isinstance(p, int)]
            if isinstance(source, MapConcat):
                return sum(known)
            return max(known) if source.longest else min(known)
        assert isinstance(source, MapXCom)
        return self._returned(self.spec.tasks[source.task], outer, path)

    def _returned(self, task: TaskSpec, outer: list[str], path: Path) -> int | str:
        depth = 0
        for (name, _), mine in zip(self.levels(task), outer, strict=False):
            if name != mine:
                break
            depth += 1
        prefix = path[:depth]
        seen = [
            ti
            for ti in self.by_task.get(task.task_id, [])
            if ti.map_path[: len(prefix)] == prefix[: len(ti.map_path)]
        ]
        if len(self.levels(task)) > depth and any(len(ti.map_path) > depth for ti in seen):
            if any(ti.state not in TERMINAL_STATES for ti in seen):
                return _WAIT
            return sum(ti.returned for ti in seen)
        if not seen:
            return _SKIP
        ti = seen[0]
        if ti.state not in TERMINAL_STATES:
            return _WAIT
        if ti.state is TaskState.SKIPPED:
            return _SKIP
        if ti.state is not TaskState.SUCCESS or ti.mapped_length is None:
            return _FAIL
        return ti.mapped_length

    # ---- the previous run ---------------------------------------------------------------

    def past_allows(self, task: TaskSpec) -> bool:
        """Tell whether the previous run lets a task run."""
        if not self.past.exists or not (task.depends_on_past or task.wait_for_downstream):
            return True
        before = self.past.tasks.get(task.task_id)
        if before is None or before.state is None:
            return task.ignore_first_depends_on_past
        ended_well = before.state in SUCCESS_STATES
        return ended_well and (before.downstream_done or not task.wait_for_downstream)


def check(ledger: Ledger, step: Step, past: Past, held: Collection[TaskKey] = ()) -> None:
    """Compare the engine's decisions with the oracle's.

    Args:
        ledger: the rows.
        step: what was decided.
        past: the previous run.
        held: tasks of which an earlier attempt may still be on its way out.

    Raises:
        Broken: an instance that should have moved did not, or moved where it should not.
    """
    oracle = Oracle(ledger.spec, ledger.rows, past)
    if ledger.run.state is RunState.RUNNING:
        for ti in oracle.rows:
            if ti.state is TaskState.NONE and ti.in_run not in held:
                _must_wait(oracle, ti, ledger.spec.tasks[oracle.index[ti.task_id]])
    for change in step.changes:
        before, after = change.before, change.after
        if before.state is TaskState.NONE and ledger.rows[after.in_run] == after:
            _must_be(oracle, before, after)


def _must_wait(oracle: Oracle, ti: TaskInstance, task: TaskSpec) -> None:
    verdict = oracle.verdict(ti)
    levels = oracle.levels(task)
    if len(ti.map_path) < len(levels):
        expanding = any(t.map_path for t in oracle.by_task[ti.task_id])
        if expanding or len(levels) > 1:
            return None  # stubs without rows: the ledger cannot see them; `maps` checks the result
        width = oracle.width(task, ti.map_path)
        group = levels[len(ti.map_path)][0] == task.group_id or task.expand is None
        known = isinstance(width, int)
        if verdict == _WAIT:
            require(width == _WAIT or (known and not group), f"{ti.in_run} should be expanded")
        elif verdict == _RUN:
            require(width == _WAIT, f"{ti.in_run} should be expanded into {width}")
        return _past_holds(oracle, ti, task, verdict)
    if verdict == _WAIT:
        return None
    return _past_holds(oracle, ti, task, verdict)


def _past_holds(oracle: Oracle, ti: TaskInstance, task: TaskSpec, verdict: str) -> None:
    stub = len(ti.map_path) < len(oracle.levels(task))
    if verdict == _RUN and stub:
        return
    if verdict == _SKIP:
        require(
            task.wait_for_past_depends_before_skipping and not oracle.past_allows(task),
            f"{ti.in_run} should be skipped",
        )
    elif verdict == _RUN:
        require(not oracle.past_allows(task), f"{ti.in_run} should run")
    else:
        require(verdict == _WAIT, f"{ti.in_run} should {verdict}")


_EXPECTED = {
    TaskState.SCHEDULED: _RUN,
    TaskState.SUCCESS: _RUN,
    TaskState.SKIPPED: _SKIP,
    TaskState.UPSTREAM_FAILED: _FAIL,
}


def _must_be(oracle: Oracle, before: TaskInstance, after: TaskInstance) -> None:
    """Check a decided instance: its rule says so on the states as they are now."""
    task = oracle.spec.tasks[oracle.index[after.task_id]]
    expected = _EXPECTED.get(after.state)
    if expected is None or _by_order(after):
        return
    verdict = oracle.verdict(before)
    if len(before.map_path) < len(oracle.levels(task)) and verdict in {_RUN, _WAIT}:
        # A stub: what it maps over decides too.
        width = oracle.width(task, before.map_path)
        verdict = _SKIP if width == 0 else width if isinstance(width, str) else verdict
    require(verdict == expected, f"10/11: {after.in_run} is {after.state}, should {verdict}")
    if expected == _RUN:
        require(oracle.past_allows(task), f"10: {after.in_run} runs against its past")


def _by_order(ti: TaskInstance) -> bool:
    reason = ti.reason or ""
    return reason.startswith(("marked", "fail_fast", "the run took"))
