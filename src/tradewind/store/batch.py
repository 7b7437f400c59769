"""Many prepared statements in few round trips, each of which must hit the rows it names.

The hot path of the metadata DB. A statement is written once with SQLAlchemy, compiled to text
for each dialect at its first use, and then handed to the driver as it is: building, caching
and result objects of the toolkit cost more than SQLite needs for the statement itself.

On PostgreSQL all statements of a batch travel in one pipeline: one round trip, however many
there are. On SQLite they run one after the other. Either way the counts of rows are compared
afterwards, and the first statement that did not hit what it named is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from sqlalchemy import Dialect, Executable, Select
from sqlalchemy.sql import ClauseElement

Params = dict[str, Any]


class Mismatch(Exception):
    """A statement did not hit the rows it names. what: the statement's name."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class _Compiled(NamedTuple):
    """A statement as one dialect takes it.

    constants: values written into the statement. converters: for the columns whose Python
    values the driver does not take.
    """

    text: str
    constants: Params
    converters: list[tuple[str, Callable[[Any], Any]]]


class Prepared:
    """A statement, and its text for each dialect.

    Args:
        statement: with bound parameters.
        columns: of an INSERT or UPDATE, the columns given; None is all of the table.
    """

    def __init__(self, statement: Executable, columns: Sequence[str] | None = None) -> None:
        self._statement = statement
        self._columns = list(columns) if columns is not None else None
        self._compiled: dict[str, _Compiled] = {}

    def bind(self, dialect: Dialect, rows: Sequence[Params]) -> str:
        """Return the SQL, and turn the parameters into what the driver takes, in place."""
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = self._compile(dialect)
        if compiled.constants:
            for row in rows:
                row.update(compiled.constants)
        for name, convert in compiled.converters:
            for row in rows:
                value = row[name]
                if value is not None:
                    row[name] = convert(value)
        return compiled.text

    def _compile(self, dialect: Dialect) -> _Compiled:
        make: Any = type(dialect)
        named: Dialect = make(paramstyle="named" if dialect.name == "sqlite" else "pyformat")
        assert isinstance(self._statement, ClauseElement)
        compiled: Any = self._statement.compile(dialect=named, column_keys=self._columns)
        constants: Params = {}
        converters: list[tuple[str, Callable[[Any], Any]]] = []
        for bound, name in compiled.bind_names.items():
            convert = bound.type.dialect_impl(named).bind_processor(named)
            if not bound.required:
                constants[name] = convert(bound.value) if convert is not None else bound.value
            elif convert is not None:
                converters.append((name, convert))
        return _Compiled(str(compiled), constants, converters)


class Query:
    """A SELECT that is run for many keys at once, each of which names one row at most."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._prepared = Prepared(statement)
        self._readers: dict[str, list[tuple[str, Callable[[Any], Any] | None]]] = {}

    def fetch(self, dialect: Dialect, raw: Any, keys: Sequence[Params]) -> list[Params]:
        """Return the rows that are there, in the order of their keys.

        Args:
            dialect: the database's.
            raw: a connection of the driver.
            keys: sets of parameters.
        """
        text = self._prepared.bind(dialect, keys)
        cursors = []
        with _together(dialect, raw):
            for key in keys:
                cursor = raw.cursor()
                cursor.execute(text, key)
                cursors.append(cursor)
        readers = self._readers_for(dialect)
        found = (cursor.fetchone() for cursor in cursors)
        return [_read(row, readers) for row in found if row is not None]

    def _readers_for(self, dialect: Dialect) -> list[tuple[str, Callable[[Any], Any] | None]]:
        known = self._readers.get(dialect.name)
        if known is None:
            known = self._readers[dialect.name] = [
                (c.name, c.type.dialect_impl(dialect).result_processor(dialect, None))
                for c in self._statement.selected_columns
            ]
        return known


def _read(row: Any, readers: list[tuple[str, Callable[[Any], Any] | None]]) -> Params:
    return {
        name: value if read is None else read(value)
        for (name, read), value in zip(readers, row, strict=True)
    }


def _together(dialect: Dialect, raw: Any) -> AbstractContextManager[Any]:
    """Let what is run in the block travel together, where the driver can."""
    pipeline: AbstractContextManager[Any] = (
        raw.pipeline() if dialect.name == "postgresql" else nullcontext()
    )
    return pipeline


class Batch:
    """Statements that run together on one connection of a driver."""

    def __init__(self, dialect: Dialect, raw: Any) -> None:
        self._dialect = dialect
        self._raw = raw
        self._steps: list[tuple[str, Prepared, Sequence[Params], int | None]] = []

    def add(
        self, what: str, statement: Prepared, rows: Sequence[Params], expect: int | None = None
    ) -> None:
        """Add a statement with its parameters; none are none.

        Args:
            what: the statement's name, for `Mismatch`.
            statement: an INSERT, UPDATE or DELETE.
            rows: one set of parameters for each execution.
            expect: how many rows all executions hit together; None is any number.
        """
        if rows:
            self._steps.append((what, statement, rows, expect))

    def run(self, guard: Prepared | None = None, key: Params | None = None) -> bool:
        """Run what was added, in order.

        Args:
            guard: a SELECT to run first.
            key: its parameters.

        Returns:
            whether the guard found a row (True without one).

        Raises:
            Mismatch: a statement hit fewer or more rows than expected.
        """
        dialect, raw = self._dialect, self._raw
        steps, self._steps = self._steps, []
        guarding = raw.cursor()
        cursors = []
        with _together(dialect, raw):
            if guard is not None:
                given = dict(key or {})
                guarding.execute(guard.bind(dialect, [given]), given)
            for _, statement, rows, _ in steps:
                cursor = raw.cursor()
                text = statement.bind(dialect, rows)
                if len(rows) == 1:
                    cursor.execute(text, rows[0])
                else:
                    cursor.executemany(text, rows)
                cursors.append(cursor)
        held = guard is None or guarding.fetchone() is not None
        for (what, _, _, expect), cursor in zip(steps, cursors, strict=True):
            if held and expect is not None and cursor.rowcount != expect:
                raise Mismatch(what)
        return held
