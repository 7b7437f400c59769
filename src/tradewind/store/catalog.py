"""What the DAG processor publishes: DAGs, their versions, files and import errors.

A DAG has a new version only when its canonical structure changes (`spec_hash`). The hash of
the code it came from (`source_hash`) is kept beside it: a change of code alone moves the
DAG's live source without a new version.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from tradewind.errors import NotFound
from tradewind.model.spec import DagSpec, encode_spec, spec_hash
from tradewind.store import inbox, tables
from tradewind.store.connect import Database

_schedule_json = msgspec.json.Encoder(order="deterministic")


class PublishedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed DAG file.

    specs: its DAGs; empty together with import_error, which keeps the last good versions.
    depends: what the file read while it was parsed (files, variables, connections), as the
        processor needs it again after a restart.
    """

    dag_file: str
    source_hash: str
    tree_hash: str = ""
    specs: tuple[DagSpec, ...] = ()
    import_error: str | None = None
    warnings: tuple[str, ...] = ()
    parsed_at: datetime
    parse_duration_s: float = 0.0
    depends: dict[str, Any] = {}


def publish(
    db: Database,
    files: Sequence[PublishedFile],
    now: datetime,
    *,
    paused_at_creation: bool = False,
) -> list[str]:
    """Store parsed files in one transaction and tell the leader of every DAG that changed.

    Returns:
        the ids of the DAGs that are new or changed.
    """
    changed: list[str] = []
    with db.write() as conn:
        for file in files:
            _put_file(conn, file)
            if file.import_error is not None:
                continue
            for spec in file.specs:
                if _put_dag(conn, file, spec, now, paused_at_creation):
                    changed.append(spec.dag_id)
            changed.extend(_retire(conn, file.dag_file, {s.dag_id for s in file.specs}))
        for dag_id in changed:
            inbox.append(conn, "dag_published", None, {"dag_id": dag_id}, now)
    return changed


def remove_files(db: Database, paths: Sequence[str], now: datetime) -> list[str]:
    """Forget files that are gone; their DAGs become inactive and keep their history."""
    changed: list[str] = []
    with db.write() as conn:
        for path in paths:
            conn.execute(tables.dag_file.delete().where(tables.dag_file.c.path == path))
            changed.extend(_retire(conn, path, set()))
        for dag_id in changed:
            inbox.append(conn, "dag_published", None, {"dag_id": dag_id}, now)
    return changed


def set_paused(conn: Connection, dag_id: str, now: datetime, *, paused: bool) -> None:
    """Pause or unpause a DAG within the caller's transaction.

    Raises:
        NotFound: there is no such DAG.
    """
    table = tables.dag
    changed = conn.execute(update(table).where(table.c.dag_id == dag_id).values(paused=paused))
    if changed.rowcount == 0:
        raise NotFound(f"there is no DAG {dag_id!r}")
    inbox.append(conn, "dag_paused", None, {"dag_id": dag_id, "paused": paused}, now)


def _put_file(conn: Connection, file: PublishedFile) -> None:
    table = tables.dag_file
    values = {
        "source_hash": file.source_hash,
        "import_error": file.import_error,
        "warnings": list(file.warnings),
        "parsed_at": file.parsed_at,
        "parse_duration_s": file.parse_duration_s,
        "depends": file.depends,
    }
    changed = conn.execute(update(table).where(table.c.path == file.dag_file).values(values))
    if changed.rowcount == 0:
        conn.execute(insert(table).values(path=file.dag_file, **values))


def _put_dag(
    conn: Connection, file: PublishedFile, spec: DagSpec, now: datetime, paused_at_creation: bool
) -> bool:
    table = tables.dag
    old = conn.execute(select(table).where(table.c.dag_id == spec.dag_id)).mappings().one_or_none()
    version_id, is_new = _put_version(conn, file, spec, now)
    values = _dag_values(file, spec, version_id)
    if old is None:
        paused = spec.is_paused_upon_creation
        values["paused"] = paused_at_creation if paused is None else paused
        conn.execute(insert(table).values(dag_id=spec.dag_id, **values))
        return True
    if old["schedule"] != values["schedule"]:
        values |= {"next_due": None, "next_logical": None}
    conn.execute(update(table).where(table.c.dag_id == spec.dag_id).values(values))
    return (
        is_new
        or not old["active"]
        or old["version_id"] != version_id
        or old["source_hash"] != file.source_hash
        or old["dag_file"] != file.dag_file
    )


def _dag_values(file: PublishedFile, spec: DagSpec, version_id: int) -> dict[str, Any]:
    return {
        "dag_file": file.dag_file,
        "active": True,
        "version_id": version_id,
        "source_hash": file.source_hash,
        "tree_hash": file.tree_hash,
        "schedule": _schedule_json.encode(spec.schedule).decode(),
        "start_date": spec.start_date,
        "end_date": spec.end_date,
        "catchup": spec.catchup,
        "max_active_runs": spec.max_active_runs,
        "display_name": spec.display_name,
        "description": spec.description,
        "owners": ", ".join(spec.owners),
        "tags": list(spec.tags),
        "last_parsed_at": file.parsed_at,
        "parse_duration_s": file.parse_duration_s,
    }


def _put_version(
    conn: Connection, file: PublishedFile, spec: DagSpec, now: datetime
) -> tuple[int, bool]:
    table = tables.dag_version
    latest = conn.execute(
        select(table.c.version_id, table.c.number, table.c.spec_hash)
        .where(table.c.dag_id == spec.dag_id)
        .order_by(table.c.number.desc())
        .limit(1)
    ).one_or_none()
    digest = spec_hash(spec)
    if latest is not None and latest.spec_hash == digest:
        return int(latest.version_id), False
    version_id = conn.execute(
        insert(table)
        .values(
            dag_id=spec.dag_id,
            number=latest.number + 1 if latest else 1,
            spec_hash=digest,
            spec=zlib.compress(encode_spec(spec), 1),
            dag_file=file.dag_file,
            source_hash=file.source_hash,
            tree_hash=file.tree_hash,
            created_at=now,
        )
        .returning(table.c.version_id)
    ).scalar_one()
    return int(version_id), True


def _retire(conn: Connection, path: str, keep: set[str]) -> list[str]:
    table = tables.dag
    here = conn.execute(
        select(table.c.dag_id).where(table.c.dag_file == path, table.c.active.is_(True))
    ).scalars()
    gone = [dag_id for dag_id in here if dag_id not in keep]
    for dag_id in gone:
        conn.execute(update(table).where(table.c.dag_id == dag_id).values(active=False))
    return gone
