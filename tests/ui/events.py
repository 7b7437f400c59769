"""Changes of task instances as the scheduler would write them."""

from __future__ import annotations

from sqlalchemy import insert

from tradewind.clock import SystemClock
from tradewind.store import tables
from tradewind.store.connect import Database


def run_pk_of(db: Database, dag_id: str) -> int:
    """Return the key of a DAG's latest run."""
    with db.read() as conn:
        found: int = conn.exec_driver_sql(
            "SELECT run_pk FROM dag_run WHERE dag_id = ? ORDER BY run_after DESC LIMIT 1", (dag_id,)
        ).scalar_one()
    return found


def change(db: Database, run_pk: int, changes: list[tuple[str, str]]) -> None:
    """Write states of tasks, each with its event, in one transaction."""
    ti = tables.task_instance
    with db.write() as conn:
        for task_id, state in changes:
            conn.execute(
                ti.update()
                .where(ti.c.run_pk == run_pk, ti.c.task_id == task_id)
                .values(state=state)
            )
        conn.execute(
            insert(tables.ti_event),
            [
                {
                    "at": SystemClock().now(),
                    "subject": "task",
                    "run_pk": run_pk,
                    "task_id": task_id,
                    "map_index": -1,
                    "try_number": 1,
                    "from_state": "none",
                    "to_state": state,
                    "actor": "test",
                }
                for task_id, state in changes
            ],
        )
