"""Pages of lists as the API asks for them: filters, order, and how many there are.

Totals are exact up to `MAX_TOTAL`: counting a million rows for a number that nobody reads
would cost more than the page.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    false,
    func,
    literal,
    or_,
    select,
    true,
)

from tradewind.errors import UserError

MAX_TOTAL = 10_000
_EVERYTHING = "~"
_MAX_ORDERINGS = 10
_MAX_ALTERNATIVES = 50


class BadOrder(UserError):
    """A list cannot be ordered by this."""


class BadCursor(UserError):
    """The cursor is not one of this list; ask for the first page with an empty one."""


class Page(msgspec.Struct, kw_only=True):
    """The part of a list that somebody asks for. limit: 0 is as many as usual.

    Structs do not inherit from two others that have fields: a filter inherits these, or
    repeats them.
    """

    limit: Annotated[int, Meta(ge=0)] = 0
    offset: Annotated[int, Meta(ge=0)] = 0
    order_by: list[str] = []


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a list that is wanted."""

    limit: int
    offset: int = 0
    order_by: tuple[str, ...] = ()


def total(conn: Connection, statement: Select[Any]) -> int:
    """Return how many rows a statement has, `MAX_TOTAL` at most."""
    bounded = statement.order_by(None).with_only_columns(_ONE, maintain_column_froms=True)
    counted = select(func.count()).select_from(bounded.limit(MAX_TOTAL).subquery())
    return int(conn.execute(counted).scalar_one())


_ONE: ColumnElement[Any] = literal(1).label("one")


def page(
    statement: Select[Any],
    wanted: Slice,
    columns: Mapping[str, ColumnElement[Any]],
    ties: Sequence[ColumnElement[Any]],
) -> Select[Any]:
    """Return a statement in the wanted order, cut to the wanted part.

    Args:
        statement: the rows.
        wanted: the order and the part. "-name" is descending.
        columns: what a list may be ordered by.
        ties: unique together: rows that are alike otherwise are ordered by these.

    Raises:
        BadOrder: the order names something else.
    """
    orders: list[ColumnElement[Any]] = []
    for name in wanted.order_by[:_MAX_ORDERINGS]:
        column = columns.get(name.removeprefix("-"))
        if column is None:
            raise BadOrder(
                f"Ordering with '{name.removeprefix('-')}' is disallowed or the attribute does "
                f"not exist on the model; this list can be ordered by {', '.join(columns)}"
            )
        descending = name.startswith("-")
        ordered = column.desc().nulls_last() if descending else column.asc().nulls_first()
        orders.append(ordered if getattr(column, "nullable", True) else _plain(column, descending))
    down = bool(wanted.order_by) and wanted.order_by[-1].startswith("-")
    orders += [tie.desc() if down else tie.asc() for tie in ties]
    return statement.order_by(*orders).limit(wanted.limit).offset(wanted.offset)


def _plain(column: ColumnElement[Any], descending: bool) -> ColumnElement[Any]:
    # An index gives this order; with a word on nulls SQLite would sort by itself.
    return column.desc() if descending else column.asc()


# ---- keyset ---------------------------------------------------------------------------------


def after(
    statement: Select[Any], cursor: str, column: ColumnElement[Any], tie: ColumnElement[Any]
) -> Select[Any]:
    """Return the rows after a cursor, latest first, by a column that is never null.

    Raises:
        BadCursor: the cursor is not one that `cursor_of` made.
    """
    if cursor:
        at, key = _read(cursor)
        statement = statement.where(or_(column < at, and_(column == at, tie < key)))
    return statement.order_by(column.desc(), tie.desc())


def cursor_of(at: datetime, key: int) -> str:
    """Return the cursor of a row: the next page starts after it."""
    return base64.urlsafe_b64encode(msgspec.json.encode((at, key))).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        at, key = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=tuple[datetime, int])
        return at.astimezone(UTC), key
    except (ValueError, binascii.Error, msgspec.DecodeError, OverflowError) as error:
        raise BadCursor from error


# ---- filters --------------------------------------------------------------------------------


def like(column: ColumnElement[Any], pattern: str | None) -> ColumnElement[bool]:
    """Match text that contains a pattern in any case: % and _ are wild, | is "or", ~ is all."""
    if pattern is None or pattern == _EVERYTHING:
        return true()
    parts = [p for p in pattern.split("|") if p][:_MAX_ALTERNATIVES]
    return or_(*(column.ilike(f"%{part}%", escape="\\") for part in parts)) if parts else true()


def begins(column: ColumnElement[Any], prefix: str | None) -> ColumnElement[bool]:
    """Match text that begins so, case and all: | is "or", ~ is all."""
    if prefix is None or prefix == _EVERYTHING:
        return true()
    parts = [p for p in prefix.split("|") if p][:_MAX_ALTERNATIVES]
    found = [func.substr(column, 1, len(part)) == part for part in parts]
    return or_(*found) if found else true()


def one_of(column: ColumnElement[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """Match any of these values; none given matches all. "none" and "null" match no value."""
    if not values:
        return true()
    given = [v for v in values if v not in {None, "none", "null"}]
    matches: list[ColumnElement[bool]] = [column.in_(given)] if given else []
    if len(given) < len(values):
        matches.append(column.is_(None))
    return or_(*matches)


def visible(column: ColumnElement[Any], readable: Collection[str] | None) -> ColumnElement[bool]:
    """Match the DAGs that somebody may see; None: all."""
    if readable is None:
        return true()
    return column.in_(sorted(readable)) if readable else false()


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a value."""

    gte: Any = None
    gt: Any = None
    lte: Any = None
    lt: Any = None


def between(column: ColumnElement[Any], bounds: Range) -> ColumnElement[bool]:
    """Match values within bounds."""
    found: list[ColumnElement[bool]] = []
    if bounds.gte is not None:
        found.append(column >= bounds.gte)
    if bounds.gt is not None:
        found.append(column > bounds.gt)
    if bounds.lte is not None:
        found.append(column <= bounds.lte)
    if bounds.lt is not None:
        found.append(column < bounds.lt)
    return and_(*found) if found else true()


def range_of(fields: Any, name: str) -> Range:
    """Return the bounds that a struct holds as name_gte, name_gt, name_lte and name_lt."""
    return Range(
        **{end: getattr(fields, f"{name}_{end}", None) for end in ("gte", "gt", "lte", "lt")}
    )
