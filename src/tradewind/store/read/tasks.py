"""Task instances of a run and their attempts, as lists and pages show them."""

from __future__ import annotations

from sqlalchemy import select

from tradewind.model.ids import UNMAPPED, TiKey
from tradewind.model.run import Attempt, TaskInstance
from tradewind.store import rows, tables
from tradewind.store.connect import Database

_ti, _attempt = tables.task_instance, tables.attempt


def instances(db: Database, run_pk: int, task_id: str | None = None) -> list[TaskInstance]:
    """Return the task instances of a run, or those of one of its tasks, in the order of start.

    Without what stood for a mapped task before it had instances.
    """
    statement = select(_ti).where(_ti.c.run_pk == run_pk)
    if task_id is not None:
        statement = statement.where(_ti.c.task_id == task_id)
    with db.read() as conn:
        found = [rows.to_ti(row) for row in conn.execute(statement).mappings()]
    mapped = {ti.task_id for ti in found if ti.map_index > UNMAPPED}
    found = [ti for ti in found if not (ti.is_placeholder and ti.task_id in mapped)]
    # Those that have not started come last.
    never = max((ti.started_at for ti in found if ti.started_at), default=None)
    return sorted(
        found,
        key=lambda ti: (ti.started_at is None, ti.started_at or never, ti.task_id, ti.map_index),
    )


def attempts(db: Database, ti: TiKey) -> list[Attempt]:
    """Return the attempts of a task instance, the first one first."""
    statement = select(_attempt).where(*rows.ti_is(_attempt, ti)).order_by(_attempt.c.fence)
    with db.read() as conn:
        return [rows.to_attempt(row) for row in conn.execute(statement).mappings()]


def rendered_fields(db: Database, ti: TiKey) -> bytes | None:
    """Return the template fields that a task instance rendered last, as JSON."""
    table = tables.rendered
    statement = select(table.c.fields).where(*rows.ti_is(table, ti))
    with db.read() as conn:
        found = conn.execute(statement).scalar_one_or_none()
    return bytes(found) if found is not None else None
