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
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, delete, func, insert, select, update

from tradewind.errors import NotFound
from tradewind.model.spec import DagSpec, encode_spec, spec_hash
from tradewind.store import assets, inbox, rows, tables
from tradewind.store.connect import Database
from tradewind.store.dialect import insert_or_ignore, insert_or_replace

_dag, _file, _version = tables.dag, tables.dag_file, tables.dag_version

_schedule_json = msgspec.json.Encoder(order="deterministic")
_SPEC_COMPRESSION = 1
"""Fast: a spec is text that repeats itself, and level 9 saves a tenth for ten times the work."""

_MOST_NAMES = 500
"""In one statement: both databases take many times as many."""


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
    with db.write() as conn:
        changed = _Publication(conn, files, now).put(packed, paused_at_creation=paused_at_creation)
        _tell(conn, changed, now)
    return changed


def remove_files(db: Database, paths: Sequence[str], now: datetime) -> list[str]:
    """Forget files that are gone; their DAGs become inactive and keep their history."""
    changed: list[str] = []
    with db.write() as conn:
        for path in paths:
            conn.execute(delete(_file).where(_file.c.path == path))
            here = select(_dag.c.dag_id).where(_dag.c.dag_file == path, _dag.c.active.is_(True))
            gone = list(conn.execute(here).scalars())
            _retire(conn, gone)
            changed.extend(gone)
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
    payloads = [{"dag_id": dag_id} for dag_id in dict.fromkeys(changed)]
    inbox.append_all(conn, "dag_published", payloads, now)


def _retire(conn: Connection, dag_ids: Sequence[str]) -> None:
    for dag_id in dag_ids:
        conn.execute(
            update(_dag).where(_dag.c.dag_id == dag_id).values(active=False, next_due=None)
        )
        assets.drop_references(conn, dag_id)


# ---- publishing -------------------------------------------------------------------------


class _Version(msgspec.Struct, frozen=True):
    version_id: int
    number: int
    spec_hash: str


class _Publication:
    """Files that are published in one transaction.

    What the database holds of them is read at once, kept in step with what is written, and
    what is new is written at once: a folder of hundreds of files is to be seen within seconds.
    """

    def __init__(self, conn: Connection, files: Sequence[PublishedFile], now: datetime) -> None:
        self._conn = conn
        self._files = files
        self._now = now
        self._ids = list({spec.dag_id for file in files for spec in file.specs})
        self._paths = [file.dag_file for file in files]
        self._dags = self._held_dags()
        self._versions = self._held_versions()
        self._new: list[dict[str, Any]] = []

    def put(
        self, packed: Mapping[str, tuple[str, bytes]], *, paused_at_creation: bool
    ) -> list[str]:
        """Write the files; return the ids of DAGs that are new or changed.

        Args:
            packed: the digest and the stored form of each spec.
            paused_at_creation: of new DAGs that do not say.
        """
        self._put_versions(packed)
        changed: list[str] = []
        for file in self._files:
            changed += [
                spec.dag_id
                for spec in file.specs
                if self._put_dag(file, spec, paused_at_creation=paused_at_creation)
            ]
            if file.import_error is None:
                changed += self._retire_rest(file)
        if self._new:
            self._conn.execute(insert(_dag), self._new)
        self._put_sources()
        self._put_tags()
        specs = {spec.dag_id: spec for file in self._files for spec in file.specs}
        assets.put_references(self._conn, specs)
        self._put_files()
        return changed

    # ---- what is there ------------------------------------------------------------------

    def _held_dags(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for ids in _batched(self._ids):
            rows_ = self._conn.execute(select(_dag).where(_dag.c.dag_id.in_(ids))).mappings()
            found.update((row["dag_id"], dict(row)) for row in rows_)
        for paths in _batched(self._paths):
            here = select(_dag).where(_dag.c.dag_file.in_(paths), _dag.c.active.is_(True))
            rows_ = self._conn.execute(here).mappings()
            found.update((row["dag_id"], dict(row)) for row in rows_)
        return found

    def _held_versions(self) -> dict[str, _Version]:
        found: dict[str, _Version] = {}
        for ids in _batched(self._ids):
            newest = (
                select(_version.c.dag_id, func.max(_version.c.number).label("number"))
                .where(_version.c.dag_id.in_(ids))
                .group_by(_version.c.dag_id)
                .subquery()
            )
            latest = select(
                _version.c.dag_id, _version.c.version_id, _version.c.number, _version.c.spec_hash
            ).join(
                newest,
                and_(_version.c.dag_id == newest.c.dag_id, _version.c.number == newest.c.number),
            )
            for row in self._conn.execute(latest):
                found[row.dag_id] = _Version(row.version_id, row.number, row.spec_hash)
        return found

    # ---- what is written ----------------------------------------------------------------

    def _put_versions(self, packed: Mapping[str, tuple[str, bytes]]) -> None:
        fresh: dict[str, dict[str, Any]] = {}
        for file in self._files:
            for spec in file.specs:
                digest, data = packed[spec.dag_id]
                latest = self._versions.get(spec.dag_id)
                if latest is None or latest.spec_hash != digest:
                    fresh[spec.dag_id] = {
                        "dag_id": spec.dag_id,
                        "number": latest.number + 1 if latest else 1,
                        "spec_hash": digest,
                        "spec": data,
                        "dag_file": file.dag_file,
                        "source_hash": file.source_hash,
                        "tree_hash": file.tree_hash,
                        "created_at": self._now,
                    }
        if fresh:
            statement = insert(_version).returning(
                _version.c.dag_id, _version.c.version_id, _version.c.number, _version.c.spec_hash
            )
            for row in self._conn.execute(statement, list(fresh.values())):
                self._versions[row.dag_id] = _Version(row.version_id, row.number, row.spec_hash)

    def _put_dag(self, file: PublishedFile, spec: DagSpec, *, paused_at_creation: bool) -> bool:
        old = self._dags.get(spec.dag_id)
        version = self._versions[spec.dag_id]
        values = _dag_values(file, spec)
        values |= {"version_id": version.version_id, "version_number": version.number}
        unchanged = (
            old is not None
            and old["active"]
            and old["version_id"] == version.version_id
            and old["source_hash"] == file.source_hash
            and old["dag_file"] == file.dag_file
        )
        if old is None:
            paused = spec.is_paused_upon_creation
            values["paused"] = paused_at_creation if paused is None else paused
            self._dags[spec.dag_id] = {"dag_id": spec.dag_id, **values}
            self._new.append(self._dags[spec.dag_id])
            return True
        if unchanged and old["tree_hash"] == file.tree_hash:
            values = {key: values[key] for key in ("last_parsed_at", "parse_duration_s")}
        elif old["schedule"] != values["schedule"]:
            values |= dict.fromkeys(
                ("next_due", "next_logical", "next_interval_start", "next_interval_end")
            )
        old.update(values)
        if not any(old is new for new in self._new):
            self._conn.execute(update(_dag).where(_dag.c.dag_id == spec.dag_id).values(values))
        return not unchanged

    def _retire_rest(self, file: PublishedFile) -> list[str]:
        """Retire the file's DAGs that it does not have any more."""
        keep = {spec.dag_id for spec in file.specs}
        gone = [
            dag_id
            for dag_id, dag in self._dags.items()
            if dag["dag_file"] == file.dag_file and dag["active"] and dag_id not in keep
        ]
        _retire(self._conn, gone)
        for dag_id in gone:
            self._dags[dag_id]["active"] = False
        return gone

    def _put_sources(self) -> None:
        seen = [
            {
                "version_id": self._versions[spec.dag_id].version_id,
                "source_hash": file.source_hash,
                "dag_file": file.dag_file,
                "tree_hash": file.tree_hash,
                "seen_at": self._now,
            }
            for file in self._files
            for spec in file.specs
        ]
        if seen:
            self._conn.execute(insert_or_ignore(tables.dag_source), seen)

    def _put_tags(self) -> None:
        table = tables.dag_tag
        held: set[tuple[str, str]] = set()
        for ids in _batched(self._ids):
            found = self._conn.execute(
                select(table.c.dag_id, table.c.tag).where(table.c.dag_id.in_(ids))
            )
            held.update((row.dag_id, row.tag) for row in found)
        wanted = {
            (spec.dag_id, tag) for file in self._files for spec in file.specs for tag in spec.tags
        }
        for dag_id, tag in held - wanted:
            self._conn.execute(delete(table).where(table.c.dag_id == dag_id, table.c.tag == tag))
        if fresh := wanted - held:
            self._conn.execute(insert(table), [{"dag_id": d, "tag": tag} for d, tag in fresh])

    def _put_files(self) -> None:
        failed: dict[str, tuple[str, datetime]] = {}
        for paths in _batched(self._paths):
            found = self._conn.execute(
                select(_file.c.path, _file.c.import_error, _file.c.failed_at).where(
                    _file.c.path.in_(paths), _file.c.import_error.is_not(None)
                )
            )
            failed.update((row.path, (row.import_error, row.failed_at)) for row in found)
        rows_ = [_file_row(file, failed.get(file.dag_file)) for file in self._files]
        self._conn.execute(insert_or_replace(_file), rows_)


def _batched(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield names in portions that fit into one statement."""
    for start in range(0, len(names), _MOST_NAMES):
        yield names[start : start + _MOST_NAMES]


def _file_row(file: PublishedFile, before: tuple[str, datetime] | None) -> dict[str, Any]:
    error = rows.plain(file.import_error)
    failed_at = None
    if error is not None:
        failed_at = before[1] if before is not None and before[0] == error else file.parsed_at
    return {
        "path": file.dag_file,
        "source_hash": file.source_hash,
        "import_error": error,
        "failed_at": failed_at,
        "warnings": list(file.warnings),
        "parsed_at": file.parsed_at,
        "parse_duration_s": file.parse_duration_s,
        "depends": file.depends,
    }


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
