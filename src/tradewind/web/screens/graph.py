"""The graph of a DAG: tasks, groups and edges by index; where they stand is the browser's work."""

from __future__ import annotations

from typing import Any

from tradewind.errors import NotFound
from tradewind.store.read.scheduling import latest_version, version
from tradewind.web.screens.desk import Asked, Desk
from tradewind.web.screens.grid import structure


def graph(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return the graph of the latest version, or of the one that `run` is pinned to.

    edges: [upstream's index, downstream's index]; labels: [upstream, downstream, text].
    """
    if asked.text("run"):
        run = asked.run(desk)
        found = version(desk.db, run.version_id, run.source_hash)
    else:
        latest = latest_version(desk.db, asked.dag_id())
        if latest is None:
            raise NotFound(f"there is no DAG {asked.dag_id()!r}")
        found = latest
    spec = found.spec
    return {
        "version": found.number,
        **structure(spec),
        "edges": [[up, down] for down, task in enumerate(spec.tasks) for up in task.upstream],
        "labels": [[e.upstream, e.downstream, e.label] for e in spec.edge_labels],
        "names": {task.task_id: task.display_name for task in spec.tasks if task.display_name},
    }
