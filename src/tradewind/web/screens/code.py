"""The source of a DAG's file, as its versions had it."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import select

from tradewind.errors import NotFound
from tradewind.store import code as code_store
from tradewind.store import tables
from tradewind.store.read.scheduling import Version, latest_version, version
from tradewind.web.screens.desk import Asked, Desk, unix
from tradewind.wire import snapshot

_MOST_VERSIONS = 100
_LARGEST = 512 * 1024


def code(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return the versions of a DAG and the source of one of them (`number`; else the latest)."""
    dag_id = asked.dag_id()
    latest = latest_version(desk.db, dag_id)
    if latest is None:
        raise NotFound(f"there is no DAG {dag_id!r}")
    table = tables.dag_version
    _refuse_neighbours(desk, asked, latest.dag_file)
    with desk.db.read() as conn:
        versions = conn.execute(
            select(table.c.version_id, table.c.number, table.c.created_at)
            .where(table.c.dag_id == dag_id)
            .order_by(table.c.number.desc())
            .limit(_MOST_VERSIONS)
        ).all()
    number = asked.number("number", latest.number, 1_000_000)
    chosen = latest
    if number != latest.number:
        ids = {v.number: v.version_id for v in versions}
        if number not in ids:
            raise NotFound(f"DAG {dag_id!r} has no version {number}")
        chosen = version(desk.db, ids[number])
    return {
        "file": chosen.dag_file,
        "number": chosen.number,
        "versions": [{"number": v.number, "at": unix(v.created_at)} for v in versions],
        "source": _source(desk, chosen),
    }


def _refuse_neighbours(desk: Desk, asked: Asked, dag_file: str) -> None:
    """Refuse a file that also defines DAGs which the reader may not see."""
    if asked.only is None:
        return
    dag = tables.dag
    with desk.db.read() as conn:
        owned = set(conn.execute(select(dag.c.dag_id).where(dag.c.dag_file == dag_file)).scalars())
    if not owned <= asked.only:
        raise NotFound(f"{dag_file} also defines DAGs that you may not see")


def _source(desk: Desk, chosen: Version) -> str | None:
    fetch = partial(code_store.get_objects, desk.db)
    try:
        leaves = dict(snapshot.leaves(chosen.source_hash, fetch))
    except (NotFound, snapshot.DamagedSnapshot):
        return None
    # A file outside the DAG folder (the examples) is named in full, its leaf is not.
    leaf = leaves.get(chosen.dag_file) or next(
        (leaf for path, leaf in leaves.items() if chosen.dag_file.endswith(f"/{path}")), None
    )
    packed = fetch([leaf.hash]) if leaf is not None and leaf.hash else {}
    if leaf is None or leaf.hash not in packed:
        return None
    return snapshot.unpack(leaf.hash, packed[leaf.hash])[:_LARGEST].decode("utf-8", "replace")
