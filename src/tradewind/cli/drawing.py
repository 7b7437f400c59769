"""Draw a DAG as text, Mermaid or Graphviz."""

from __future__ import annotations

from tradewind.model.spec import DagSpec, TaskSpec

MAX_DRAWN = 2_000
"""Beyond this nobody reads a drawing."""


def tree(spec: DagSpec) -> str:
    """Return the tasks below those they wait for; a task with several parents is drawn once."""
    children: dict[int, list[int]] = {}
    for index, task in enumerate(spec.tasks):
        for upstream in task.upstream:
            children.setdefault(upstream, []).append(index)
    lines: list[str] = []
    drawn: set[int] = set()
    roots = [index for index, task in enumerate(spec.tasks) if not task.upstream]
    # A stack, not recursion: a chain may be longer than Python's stack.
    todo = [(index, "", "") for index in reversed(roots)]
    while todo and len(lines) < MAX_DRAWN:
        index, prefix, branch = todo.pop()
        again = index in drawn
        lines.append(f"{prefix}{branch}{_label(spec.tasks[index])}{' …' if again else ''}")
        if again:
            continue
        drawn.add(index)
        below = prefix + {"": "", "├── ": "│   ", "└── ": "    "}[branch]
        following = children.get(index, [])
        marks = ["├── "] * (len(following) - 1) + ["└── "]
        todo += reversed([(i, below, m) for i, m in zip(following, marks, strict=False)])
    return "\n".join(lines) or f"DAG {spec.dag_id} has no tasks"


def mermaid(spec: DagSpec) -> str:
    """Return a Mermaid flowchart."""
    lines = ["flowchart LR"]
    lines += [f'  t{i}["{_quoted(task.task_id)}"]' for i, task in enumerate(spec.tasks)]
    lines += [f"  t{u} --> t{i}" for i, task in enumerate(spec.tasks) for u in task.upstream]
    return "\n".join(lines)


def dot(spec: DagSpec) -> str:
    """Return a Graphviz graph."""
    lines = [f'digraph "{_quoted(spec.dag_id)}" {{', "  rankdir=LR;", "  node [shape=box];"]
    lines += [f'  t{i} [label="{_quoted(task.task_id)}"];' for i, task in enumerate(spec.tasks)]
    lines += [f"  t{u} -> t{i};" for i, task in enumerate(spec.tasks) for u in task.upstream]
    return "\n".join([*lines, "}"])


def _label(task: TaskSpec) -> str:
    mapped = " [ ]" if task.expand is not None else ""
    rule = "" if task.trigger_rule.value == "all_success" else f" ({task.trigger_rule.value})"
    return f"{task.task_id}{mapped}  <{task.operator}>{rule}"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', "'")
