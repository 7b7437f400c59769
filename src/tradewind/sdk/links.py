"""BaseOperatorLink: links to other systems, shown beside a task."""

from __future__ import annotations

from typing import Any


class BaseOperatorLink:
    """Derive from it, set `name` and write `get_link`; name it in `operator_extra_links`."""

    name: str = ""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the URL for one task instance; "" for none.

        Args:
            operator: the task.
            ti_key: names the task instance: dag_id, task_id, run_id, try_number, map_index.
        """
        raise NotImplementedError(f"{type(self).__name__} has no get_link()")
