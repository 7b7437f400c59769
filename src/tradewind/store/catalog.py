"""What the DAG processor publishes: DAGs, their versions, files and import errors.

A DAG has a new version only when its canonical structure changes (`spec_hash`). The hash of
the code it came from (`source_hash`) is kept beside it: a change of code alone moves the
DAG's live source without a new version. Every source that a version was seen with is kept in
`dag_source`, so that a run can be pinned to (version, source).

A DAG belongs to the file that published it last; which of two files may is the processor's
decision.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from tradewind.errors import NotFound
from tradewind.model.spec import DagSpec, encode_spec, spec_hash
from tradewind.store import assets, inbox, rows, tables
from tradewind.store.connect import Database
from tradewind.store.dialect import insert_or_ignore, insert_or_replace

_dag, _file, _version = tables.dag, tables.dag_file, tables.dag_version

_schedule_json = msgspec.json.Encoder(order="deterministic")
_SPEC_COMPRESSION = 1
"""Fast: a spec is text that repeats itself, and level 9 saves a tenth for ten times the work."""


class PublishedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed DAG file.

    specs: its DAGs. With import_error those that are missing keep their last good version.
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
    packed = {
        spec.dag_id: (spec_hash(spec), zlib.compress(encode_spec(spec), _SPEC_COMPRESSION))
        for file in files
        for spec in file.specs
    }
    changed: list[str] = []
    with db.write() as conn:
        for file in files:
            changed += _put_file(conn, file, packed, now, paused_at_creation)
        _tell(conn, changed, now)
    return changed


def remove_files(db: Database, paths: Sequence[str], now: datetime) -> list[str]:
    """Forget files that are gone; their DAGs become inactive and keep their history."""
    changed: list[str] = []
    with db.write() as conn:
        for path in paths:
            conn.execute(delete(_file).where(_file.c.path == path))
            changed.extend(_retire(conn, path, set()))
        _tell(conn, changed, now)
    return changed


def set_paused(conn: Connection, dag_id: str, now: datetime, *, paused: bool) -> None:
    """Pause or unpause a DAG within the caller's transaction.

    Raises:
        NotFound: there is no such DAG.
    """
    changed = conn.execute(update(_dag).where(_dag.c.dag_id == dag_id).values(paused=paused))
    if changed.rowcount == 0:
        raise NotFound(f"there is no DAG {dag_id!r}")
    inbox.append(conn, "dag_paused", None, {"dag_id": dag_id, "paused": paused}, now)


def _tell(conn: Connection, changed: Sequence[str], now: datetime) -> None:
    for dag_id in dict.fromkeys(changed):
        inbox.append(conn, "dag_published", None, {"dag_id": dag_id}, now)


# ---- files ------------------------------------------------------------------------------


def _put_file(
    conn: Connection,
    file: PublishedFile,
    packed: dict[str, tuple[str, bytes]],
    now: datetime,
    paused_at_creation: bool,
) -> list[str]:
    changed = [
        spec.dag_id
        for spec in file.specs
        if _put_dag(conn, file, spec, packed[spec.dag_id], now, paused_at_creation)
    ]
    if file.import_error is None:
        changed += _retire(conn, file.dag_file, {spec.dag_id for spec in file.specs})
    _put_file_row(conn, file)
    return changed


def _put_file_row(conn: Connection, file: PublishedFile) -> None:
    before = conn.execute(
        select(_file.c.import_error, _file.c.failed_at).where(_file.c.path == file.dag_file)
    ).first()
    failed_at = None
    if file.import_error is not None:
        same = before is not None and before.import_error == rows.plain(file.import_error)
        failed_at = before.failed_at if before is not None and same else file.parsed_at
    conn.execute(
        insert_or_replace(_file),
        {
            "path": file.dag_file,
            "source_hash": file.source_hash,
            "import_error": rows.plain(file.import_error),
            "failed_at": failed_at,
            "warnings": list(file.warnings),
            "parsed_at": file.parsed_at,
            "parse_duration_s": file.parse_duration_s,
            "depends": file.depends,
        },
    )


def _retire(conn: Connection, path: str, keep: set[str]) -> list[str]:
    here = conn.execute(
        select(_dag.c.dag_id).where(_dag.c.dag_file == path, _dag.c.active.is_(True))
    ).scalars()
    gone = [dag_id for dag_id in here if dag_id not in keep]
    for dag_id in gone:
        conn.execute(
            update(_dag).where(_dag.c.dag_id == dag_id).values(active=False, next_due=None)
        )
        assets.drop_references(conn, dag_id)
    return gone


# ---- DAGs -------------------------------------------------------------------------------


def _put_dag(
    conn: Connection,
    file: PublishedFile,
    spec: DagSpec,
    packed: tuple[str, bytes],
    now: datetime,
    paused_at_creation: bool,
) -> bool:
    old = conn.execute(select(_dag).where(_dag.c.dag_id == spec.dag_id)).mappings().first()
    version_id, number = _put_version(conn, file, spec, packed, now)
    values = _dag_values(file, spec) | {"version_id": version_id, "version_number": number}
    unchanged = (
        old is not None
        and old["active"]
        and old["version_id"] == version_id
        and old["source_hash"] == file.source_hash
        and old["dag_file"] == file.dag_file
    )
    if old is not None and unchanged and old["tree_hash"] == file.tree_hash:
        parsed = {key: values[key] for key in ("last_parsed_at", "parse_duration_s")}
        conn.execute(update(_dag).where(_dag.c.dag_id == spec.dag_id).values(parsed))
        return False
    if old is None:
        paused = spec.is_paused_upon_creation
        values["paused"] = paused_at_creation if paused is None else paused
        conn.execute(insert(_dag).values(dag_id=spec.dag_id, **values))
    else:
        if old["schedule"] != values["schedule"]:
            values |= dict.fromkeys(
                ("next_due", "next_logical", "next_interval_start", "next_interval_end")
            )
        conn.execute(update(_dag).where(_dag.c.dag_id == spec.dag_id).values(values))
    _put_tags(conn, spec)
    assets.put_references(conn, spec.dag_id, spec)
    return not unchanged


def _dag_values(file: PublishedFile, spec: DagSpec) -> dict[str, Any]:
    return {
        "dag_file": file.dag_file,
        "active": True,
        "source_hash": file.source_hash,
        "tree_hash": file.tree_hash,
        "schedule": _schedule_json.encode(spec.schedule).decode(),
        "timezone": spec.timezone,
        "start_date": spec.start_date,
        "end_date": spec.end_date,
        "catchup": spec.catchup,
        "max_active_runs": spec.max_active_runs,
        "max_active_tasks": spec.max_active_tasks,
        "display_name": rows.plain(spec.display_name),
        "description": rows.plain(spec.description),
        "owners": ", ".join(spec.owners),
        "last_parsed_at": file.parsed_at,
        "parse_duration_s": file.parse_duration_s,
    }


def _put_tags(conn: Connection, spec: DagSpec) -> None:
    table = tables.dag_tag
    held = set(conn.execute(select(table.c.tag).where(table.c.dag_id == spec.dag_id)).scalars())
    wanted = set(spec.tags)
    if held == wanted:
        return
    conn.execute(delete(table).where(table.c.dag_id == spec.dag_id))
    if wanted:
        conn.execute(insert(table), [{"dag_id": spec.dag_id, "tag": tag} for tag in wanted])


def _put_version(
    conn: Connection,
    file: PublishedFile,
    spec: DagSpec,
    packed: tuple[str, bytes],
    now: datetime,
) -> tuple[int, int]:
    digest, data = packed
    latest = conn.execute(
        select(_version.c.version_id, _version.c.number, _version.c.spec_hash)
        .where(_version.c.dag_id == spec.dag_id)
        .order_by(_version.c.number.desc())
        .limit(1)
    ).first()
    if latest is not None and latest.spec_hash == digest:
        version_id, number = int(latest.version_id), int(latest.number)
    else:
        number = latest.number + 1 if latest else 1
        row = {
            "dag_id": spec.dag_id,
            "number": number,
            "spec_hash": digest,
            "spec": data,
            "dag_file": file.dag_file,
            "source_hash": file.source_hash,
            "tree_hash": file.tree_hash,
            "created_at": now,
        }
        inserted = conn.execute(insert(_version).values(row).returning(_version.c.version_id))
        version_id = int(inserted.scalar_one())
    conn.execute(
        insert_or_ignore(tables.dag_source),
        {
            "version_id": version_id,
            "source_hash": file.source_hash,
            "dag_file": file.dag_file,
            "tree_hash": file.tree_hash,
            "seen_at": now,
        },
    )
    return version_id, number
