"""Open an Airflow's database for reading, and make values of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from tradewind.errors import UserError
from tradewind.model.run import Pool
from tradewind.store.airflow_db import statements
from tradewind.store.airflow_db.plain_pickle import NotPlainError, read_plain
from tradewind.store.airflow_db.statements import GENERATIONS, Generation
from tradewind.store.airflow_db.unsealing import FernetKeys
from tradewind.store.connections import ConnectionValue
from tradewind.store.secrets import VariableValue

RUNS_AT_ONCE = 200
"""Runs that are read, with all that belongs to them, and stored in one transaction."""


class PastTry(msgspec.Struct, frozen=True, kw_only=True):
    """One try of a task instance. state: as Airflow has it; None: none."""

    try_number: int
    state: str | None
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    worker: str | None


class PastTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task instance of a run that has ended, with its tries, the last one last."""

    task_id: str
    map_index: int
    max_tries: int
    tries: tuple[PastTry, ...]
    note: str | None = None


class PastRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has ended. conf: None when it cannot be read."""

    dag_id: str
    run_id: str
    run_type: str
    state: str
    run_after: datetime
    logical_date: datetime | None
    interval_start: datetime | None
    interval_end: datetime | None
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    conf: dict[str, Any] | None
    triggered_by: str | None
    clear_number: int
    note: str | None
    tasks: tuple[PastTask, ...]


class AirflowDatabase:
    """The metadata DB of an Airflow. Nothing is written to it."""

    def __init__(self, engine: Engine, generation: Generation) -> None:
        self._engine = engine
        self.statements = generation
        self.generation = generation.name
        self.dialect = engine.dialect.name

    def close(self) -> None:
        """Close it."""
        self._engine.dispose()

    def connections(self, keys: FernetKeys) -> Iterator[ConnectionValue]:
        """Yield the connections.

        Raises:
            UserError: one is encrypted, and no key opens it.
        """
        for row in self.rows(statements.CONNECTIONS):
            what = f"connection {row['conn_id']!r}"
            yield ConnectionValue(
                conn_id=row["conn_id"],
                conn_type=row["conn_type"] or "",
                description=row["description"] or None,
                host=row["host"] or None,
                schema=row["schema"] or None,
                login=row["login"] or None,
                password=keys.open(row["password"], encrypted=row["is_encrypted"], what=what)
                or None,
                port=row["port"],
                extra=keys.open(row["extra"], encrypted=row["is_extra_encrypted"], what=what)
                or None,
            )

    def variables(self, keys: FernetKeys) -> Iterator[VariableValue]:
        """Yield the variables.

        Raises:
            UserError: one is encrypted, and no key opens it.
        """
        for row in self.rows(statements.VARIABLES):
            what = f"variable {row['key']!r}"
            value = keys.open(row["val"], encrypted=row["is_encrypted"], what=what)
            yield VariableValue(
                key=row["key"], value=value or "", description=row["description"] or None
            )

    def pools(self) -> Iterator[Pool]:
        """Yield the pools."""
        for row in self.rows(statements.POOLS):
            yield Pool(
                name=row["pool"],
                slots=row["slots"],
                description=row["description"] or "",
                include_deferred=bool(row["include_deferred"]),
            )

    def count_runs(self) -> tuple[int, int]:
        """Return how many runs have ended, and how many have not."""
        with self._engine.connect() as conn:
            ended, going = (
                conn.execute(text(sql)).scalar_one()
                for sql in (statements.COUNT, statements.UNFINISHED)
            )
        return int(ended), int(going)

    def runs(self) -> Iterator[list[PastRun]]:
        """Yield the runs that have ended, oldest first, some at a time."""
        after = -1
        while True:
            with self._engine.connect() as conn:
                asked = {"after": after, "most": RUNS_AT_ONCE}
                rows = conn.execute(text(self.statements.runs), asked).mappings().all()
                if not rows:
                    return
                span = {"first": rows[0]["id"], "last": rows[-1]["id"]}
                yield self._with_tasks(conn, rows, span)
            after = span["last"]

    def rows(self, sql: str, **asked: Any) -> list[RowMapping]:
        """Return all rows of a statement."""
        with self._engine.connect() as conn:
            return list(conn.execute(text(sql), asked).mappings())

    def _with_tasks(self, conn: Connection, rows: Any, span: dict[str, Any]) -> list[PastRun]:
        past = self.statements

        def read(sql: str) -> Iterator[RowMapping]:
            yield from conn.execute(text(sql), span).mappings()

        notes = {row["id"]: row["content"] for row in read(past.run_notes)}
        said = {_key(row): row["content"] for row in read(past.task_notes)}
        tries: dict[tuple[Any, ...], list[PastTry]] = {}
        for row in read(past.tries):
            tries.setdefault(_key(row), []).append(_try(row))
        tasks: dict[Any, list[PastTask]] = {}
        for row in read(past.tasks):
            key = _key(row)
            earlier = [t for t in tries.get(key, ()) if t.try_number < row["try_number"]]
            tasks.setdefault(row["id"], []).append(
                PastTask(
                    task_id=row["task_id"],
                    map_index=row["map_index"],
                    max_tries=max(0, row["max_tries"] or 0),
                    tries=(*earlier, _try(row)),
                    note=said.get(key),
                )
            )
        return [_run(row, notes.get(row["id"]), tasks.get(row["id"], [])) for row in rows]


def open_airflow(url: str) -> AirflowDatabase:
    """Open the metadata DB of an Airflow 2.10 to 3.3, for reading.

    Args:
        url: `[database] sql_alchemy_conn` of the deployment.

    Raises:
        UserError: it cannot be opened, or is not such a database.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise UserError(
            "that is no database URL; give `[database] sql_alchemy_conn` of the Airflow "
            "deployment, like sqlite:////home/me/airflow/airflow.db or postgresql://user@host/name"
        ) from error
    engine = _engine(parsed)
    try:
        with engine.connect() as conn:
            conn.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        raise UserError(
            f"Airflow's database {parsed.render_as_string()} cannot be opened: "
            f"{str(error.__cause__ or error).strip()}"
        ) from error
    for generation in GENERATIONS:
        if _fits(engine, generation):
            return AirflowDatabase(engine, generation)
    raise UserError(
        f"{parsed.render_as_string()} is not the metadata DB of an Airflow 2.10 to 3.3; an older "
        "one has to be migrated to 2.10 first (`airflow db migrate` there)"
    )


def _engine(url: URL) -> Engine:
    kind = url.get_backend_name()
    if kind == "sqlite":
        # Read-only is said in SQLite's own form of a URL.
        path = f"file:{url.database}"
        url = url.set(drivername="sqlite", database=path, query={"mode": "ro", "uri": "true"})
        return create_engine(url, poolclass=NullPool)
    if kind in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
        settings = {"options": "-c default_transaction_read_only=on -c timezone=UTC"}
        return create_engine(url, poolclass=NullPool, connect_args=settings)
    raise UserError(f"Airflow's database is a {kind!r} one; sqlite and postgresql can be read")


def _fits(engine: Engine, generation: Generation) -> bool:
    try:
        with engine.connect() as conn:
            for sql in (generation.probe, "SELECT try_number FROM task_instance_history LIMIT 1"):
                conn.execute(text(sql))
    except SQLAlchemyError:
        return False
    return True


@contextmanager
def _readable(what: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError) as error:
        raise UserError(f"{what} in Airflow's database cannot be read: {error}") from error


def _key(row: RowMapping) -> tuple[Any, ...]:
    return row["id"], row["task_id"], row["map_index"]


def _try(row: RowMapping) -> PastTry:
    return PastTry(
        try_number=row["try_number"] or 0,
        state=row["state"],
        queued_at=as_time(row["queued_dttm"]),
        started_at=as_time(row["start_date"]),
        ended_at=as_time(row["end_date"]),
        worker=row["hostname"] or None,
    )


def _run(row: RowMapping, note: str | None, tasks: list[PastTask]) -> PastRun:
    with _readable(f"run {row['run_id']!r} of DAG {row['dag_id']!r}"):
        run_after = as_time(row["run_after"])
        assert run_after is not None
        return PastRun(
            dag_id=row["dag_id"],
            run_id=row["run_id"],
            run_type=row["run_type"],
            state=row["state"],
            run_after=run_after,
            logical_date=as_time(row["logical_date"]),
            interval_start=as_time(row["data_interval_start"]),
            interval_end=as_time(row["data_interval_end"]),
            queued_at=as_time(row["queued_at"]),
            started_at=as_time(row["start_date"]),
            ended_at=as_time(row["end_date"]),
            conf=_conf(row["conf"]),
            triggered_by=row["triggered_by"],
            clear_number=row["clear_number"] or 0,
            note=note,
            tasks=tuple(tasks),
        )


def as_time(value: Any) -> datetime | None:
    """Return a time; SQLite has texts, with or without a zone, which is UTC."""
    if value is None:
        return None
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    assert isinstance(at, datetime)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _conf(value: Any) -> dict[str, Any] | None:
    """Return a run's conf: JSON in Airflow 3, a pickle in Airflow 2."""
    try:
        if isinstance(value, bytes | memoryview):
            value = read_plain(bytes(value))
        elif isinstance(value, str):
            value = msgspec.json.decode(value)
    except (NotPlainError, msgspec.DecodeError):
        return None
    if value is None:
        return {}
    return value if isinstance(value, dict) and all(isinstance(k, str) for k in value) else None
